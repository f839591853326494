"""The units of a recipe: by name, by seeded draw, and in another network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from generation.networks.network import network_spec
from generation.networks.spec import Layer, NetworkSpec
from generation.recipe import Recipe
from generation.units.directions import check_directions
from generation.units.draws import draw_units
from generation.units.strata import adapt, has_all
from house.errors import UserError
from stimuli import ROLES, Unit, unit_id


@dataclass(frozen=True)
class Selection:
    """Units of a bank.

    Attributes
    ----------
    units : tuple of Unit
        Within each role and set in depth order, main units first.
    named_for : str
        Network whose units the recipe names, where it is another one; else empty.
    strata : dict of str to str
        In that case which stratum of this network stands for which of the recipe's.
    """

    units: tuple[Unit, ...]
    named_for: str = ""
    strata: dict[str, str] = field(default_factory=dict)

    def describe(self, network: str) -> str:
        """Say in a sentence how the recipe's units became those of another network."""
        pairs = [(old.split(" "), new.split(" ")) for old, new in self.strata.items()]
        moves = (dict.fromkeys(f"{old[i]} → {new[i]}" for old, new in pairs) for i in (0, 1))
        layers, branches = (", ".join(move) for move in moves)
        return (
            f"the recipe names units of {self.named_for}; units of {network} were drawn from the "
            f"same strata, with the same counts and roles (layers {layers}; branches {branches})"
        )


def parse_unit(
    spec: NetworkSpec,
    text: str,
    *,
    role: str = "main",
    selection: str = "hand-picked",
    set: str = "",
) -> Unit:
    """Find the unit that a name such as ``fire5:3x3:145`` means.

    Raises
    ------
    UserError
        If layer, branch or channel do not exist; with the nearest right ones.
    """
    parts = text.split(":")
    if len(parts) != 3 or not parts[2].isdigit():
        raise UserError(
            f'"{text}" does not name a unit',
            remedy='Write layer:branch:channel, like "fire5:3x3:145".',
        )
    layer = spec.layer(parts[0])
    branch = layer.branch(parts[1])
    channel = int(parts[2])
    if not branch.first <= channel <= branch.last:
        raise UserError(
            f"channel {channel} is not in branch {branch.name} of {layer.name}",
            remedy=f"That branch has channels {branch.first} to {branch.last}."
            + _right_branch(layer, channel),
        )
    name = unit_id(layer.name, branch.name, channel)
    return Unit(name, layer.name, layer.index, branch.name, channel, selection, role, set)


def _right_branch(layer: Layer, channel: int) -> str:
    for branch in layer.branches:
        if branch.first <= channel <= branch.last:
            return f" Did you mean {unit_id(layer.name, branch.name, channel)}?"
    return f" {layer.name} has {layer.channels} channels, counted from 0."


def select_units(recipe: Recipe, spec: NetworkSpec) -> tuple[Unit, ...]:
    """Give the units of a recipe; see `select`."""
    return select(recipe, spec).units


def select(recipe: Recipe, spec: NetworkSpec) -> Selection:
    """Give the units of a recipe: the named ones, then those of each draw.

    Where the recipe names units of another network (its key `named_for`), and this one does not
    have them, the same strata of this network are filled by a seeded draw.

    Raises
    ------
    UserError
        If a name is wrong or stands twice, a stratum has too few channels left, or the recipe's
        directions do not belong to the units.
    """
    selection = _selected(recipe, spec)
    check_directions(recipe, spec, selection.units)
    return selection


def _selected(recipe: Recipe, spec: NetworkSpec) -> Selection:
    if recipe.named_for in ("", spec.name):
        return Selection(_ordered(_limited(_named(recipe, spec), recipe.limit)))
    source = network_spec(recipe.named_for)
    units = _named(recipe, source)
    if has_all(spec, units):
        return Selection(_ordered(_limited(_named(recipe, spec), recipe.limit)))
    adapted = adapt(units, source, spec, recipe.seed)
    chosen = _ordered(_limited(adapted.units, recipe.limit))
    return Selection(chosen, source.name, adapted.strata)


def _named(recipe: Recipe, spec: NetworkSpec) -> list[Unit]:
    units: list[Unit] = []
    for chosen in recipe.units:
        unit = parse_unit(
            spec, chosen.unit, role=chosen.role, selection=chosen.selection, set=chosen.set
        )
        if any(unit.unit_id == other.unit_id for other in units):
            raise UserError(f"the recipe names unit {unit.unit_id} twice")
        units.append(unit)
    for index, draw in enumerate(recipe.draws):
        units += draw_units(draw, index, recipe.seed, spec, {unit.unit_id for unit in units})
    return units


def _limited(units: Sequence[Unit], limit: int | None) -> Sequence[Unit]:
    """Keep so many units: main ones, spread evenly over the depth, before others."""
    if limit is None or limit >= len(units):
        return units
    kept: list[Unit] = []
    for role in ROLES:
        candidates = sorted(
            (unit for unit in units if unit.role == role), key=lambda unit: unit.layer_index
        )
        count = min(limit - len(kept), len(candidates))
        if count:
            rows = np.linspace(0, len(candidates) - 1, count).round().astype(int)
            kept += [candidates[row] for row in rows]
    return kept


def _ordered(units: Sequence[Unit]) -> tuple[Unit, ...]:
    return tuple(
        sorted(units, key=lambda unit: (ROLES.index(unit.role), unit.set, unit.layer_index))
    )
