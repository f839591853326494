"""A recipe's units in another network: the same strata, by relative depth, drawn anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from generation.networks.spec import Branch, Layer, NetworkSpec
from house.errors import UserError
from house.seeds import generator
from stimuli import Unit, unit_id


@dataclass(frozen=True)
class Adapted:
    """Units of another network that stand for those that a recipe names.

    Attributes
    ----------
    units : tuple of Unit
        In the order of the units that they stand for, with their roles and sets; all drawn.
    strata : dict of str to str
        ``layer branch`` of the recipe to that of the network.
    """

    units: tuple[Unit, ...]
    strata: dict[str, str]


def has_all(spec: NetworkSpec, units: Sequence[Unit]) -> bool:
    """Tell whether a network has all these units under their names."""
    layers = {layer.name: layer for layer in spec.layers}
    for unit in units:
        branches = layers[unit.layer].branches if unit.layer in layers else ()
        if not any(
            branch.name == unit.branch and branch.first <= unit.channel <= branch.last
            for branch in branches
        ):
            return False
    return True


def adapt(units: Sequence[Unit], source: NetworkSpec, target: NetworkSpec, seed: int) -> Adapted:
    """Draw units of another network that fill the same strata.

    A layer becomes the one at the same relative depth, a branch the one of the same name, or
    else the one at the same relative place among the layer's branches. Every unit is replaced by
    one drawn from its stratum without repetition, so counts, roles and sets stay; which channel
    it is means nothing in another network, so hand-picked units are drawn, too.

    Parameters
    ----------
    units : sequence of Unit
        Of the `source` network.
    source, target : NetworkSpec
    seed : int
        Root of the draws.

    Raises
    ------
    UserError
        If a stratum of the target has too few channels.
    """
    strata: dict[str, str] = {}
    streams: dict[str, list[int]] = {}
    made = []
    for unit in units:
        layer = _layer(source.layer(unit.layer), source, target)
        branch = _branch(unit.branch, source.layer(unit.layer), layer)
        stratum = f"{layer.name} {branch.name}"
        strata[f"{unit.layer} {unit.branch}"] = stratum
        if stratum not in streams:
            channels = range(branch.first, branch.last + 1)
            rng = generator(seed, "adapted units", layer.name, branch.name)
            streams[stratum] = rng.permutation(channels).tolist()
        if not streams[stratum]:
            raise UserError(
                f"{target.name} has too few channels in {stratum} for this recipe",
                remedy="Take fewer units with --units, or another network.",
            )
        channel = streams[stratum].pop(0)
        name = unit_id(layer.name, branch.name, channel)
        made.append(
            Unit(
                name,
                layer.name,
                layer.index,
                branch.name,
                channel,
                "random",
                unit.role,
                unit.set,
            )
        )
    return Adapted(tuple(made), strata)


def _layer(layer: Layer, source: NetworkSpec, target: NetworkSpec) -> Layer:
    return target.layers[_scaled(layer.index, len(source.layers), len(target.layers))]


def _branch(name: str, layer: Layer, into: Layer) -> Branch:
    for branch in into.branches:
        if branch.name == name:
            return branch
    place = [branch.name for branch in layer.branches].index(name)
    return into.branches[_scaled(place, len(layer.branches), len(into.branches))]


def _scaled(index: int, count: int, into: int) -> int:
    """Place of the nearest one when `count` things in a row become `into`; halves go deeper."""
    return (2 * index * (into - 1) + count - 1) // (2 * (count - 1)) if count > 1 else 0
