"""Units by name and by seeded draw."""

from __future__ import annotations

from generation.networks import Layer, NetworkSpec
from generation.recipe import Draw, Recipe
from house.errors import UserError
from house.names import nearest
from house.seeds import generator
from stimuli import Unit, unit_id


def parse_unit(
    spec: NetworkSpec, text: str, *, role: str = "main", selection: str = "hand-picked"
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
    return Unit(
        unit_id(layer.name, branch.name, channel),
        layer.name,
        layer.index,
        branch.name,
        channel,
        selection,
        role,
    )


def _right_branch(layer: Layer, channel: int) -> str:
    for branch in layer.branches:
        if branch.first <= channel <= branch.last:
            return f" Did you mean {unit_id(layer.name, branch.name, channel)}?"
    return f" {layer.name} has {layer.channels} channels, counted from 0."


def select_units(recipe: Recipe, spec: NetworkSpec) -> tuple[Unit, ...]:
    """Give the units of a recipe: the named ones, then those of each draw.

    Returns
    -------
    tuple of Unit
        Within each role in depth order, main units first.

    Raises
    ------
    UserError
        If a name is wrong or stands twice, or a stratum has too few channels left.
    """
    units: list[Unit] = []
    for chosen in recipe.units:
        unit = parse_unit(spec, chosen.unit, role=chosen.role, selection=chosen.selection)
        if any(unit.unit_id == other.unit_id for other in units):
            raise UserError(f"the recipe names unit {unit.unit_id} twice")
        units.append(unit)
    for index, draw in enumerate(recipe.draws):
        units += _draw(draw, index, recipe.seed, spec, {unit.unit_id for unit in units})
    order = ("main", "practice", "catch", "intuitiveness")
    return tuple(sorted(units, key=lambda unit: (order.index(unit.role), unit.layer_index)))


def _draw(draw: Draw, index: int, seed: int, spec: NetworkSpec, taken: set[str]) -> list[Unit]:
    root = seed if draw.seed is None else draw.seed
    found: list[Unit] = []
    known = {branch.name for layer in spec.layers for branch in layer.branches}
    for name in draw.branches:
        if name not in known:
            raise UserError(
                f'{spec.name} has no branch "{name}"',
                remedy=f"{nearest(name, known)} Its branches: {', '.join(sorted(known))}.".strip(),
            )
    for layer_name in draw.layers or [layer.name for layer in spec.layers]:
        layer = spec.layer(layer_name)
        for branch in layer.branches:
            if draw.branches and branch.name not in draw.branches:
                continue
            free = [
                channel
                for channel in range(branch.first, branch.last + 1)
                if unit_id(layer.name, branch.name, channel) not in taken
            ]
            if len(free) < draw.count:
                raise UserError(
                    f"cannot draw {draw.count} units from {layer.name} {branch.name}: "
                    f"{len(free)} are left"
                )
            # Named by its stratum: adding a layer to the recipe leaves the other draws alone.
            rng = generator(root, "units", index, layer.name, branch.name)
            for channel in sorted(rng.choice(free, size=draw.count, replace=False).tolist()):
                name = unit_id(layer.name, branch.name, channel)
                found.append(
                    Unit(name, layer.name, layer.index, branch.name, channel, "random", draw.role)
                )
                taken.add(name)
    return found
