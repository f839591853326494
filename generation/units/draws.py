"""Seeded draws of units: a stream for every stratum, or the published one."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator

from generation.networks.spec import Branch, Layer, NetworkSpec
from generation.units.choice import Draw
from house.errors import UserError
from house.names import nearest
from house.seeds import generator
from stimuli import Unit, unit_id


def draw_units(
    draw: Draw, index: int, seed: int, spec: NetworkSpec, taken: Collection[str]
) -> list[Unit]:
    """Draw units that are not taken.

    Parameters
    ----------
    draw : Draw
    index : int
        Place of the draw in the recipe; part of the streams' names.
    seed : int
        Root for a draw without a seed of its own.
    spec : NetworkSpec
        The network whose layers and branches the draw names.
    taken : collection of str
        Ids of units that may not be drawn.

    Raises
    ------
    UserError
        If a layer or branch does not exist, or a stratum has too few units left.
    """
    root = seed if draw.seed is None else draw.seed
    if draw.method == "published2021":
        return _published(draw, root, spec, taken)
    found: list[Unit] = []
    for layer, branch in _strata(draw, spec):
        free = [
            channel
            for channel in range(branch.first, branch.last + 1)
            if unit_id(layer.name, branch.name, channel) not in taken
        ]
        count = len(free) if draw.count == "all" else draw.count
        if len(free) < count:
            raise UserError(
                f"cannot draw {count} units from {layer.name} {branch.name}: {len(free)} are left"
            )
        # Named by its stratum: adding a layer to the recipe leaves the other draws alone.
        rng = generator(root, "units", index, layer.name, branch.name)
        channels = free
        if draw.count != "all":
            channels = sorted(rng.choice(free, size=count, replace=False).tolist())
        found += [_unit(layer, branch, c, draw.role, draw.set) for c in channels]
    return found


def _published(draw: Draw, seed: int, spec: NetworkSpec, taken: Collection[str]) -> list[Unit]:
    """Draw as experiment II's sets were drawn.

    One stream of Python's generator serves all sets, layers and branches in order; a channel
    that was used in its layer before is drawn again. With the seed 28, and set a and the units of
    the intuitiveness screens taken, this gives the 140 published units of the sets b to h.
    """
    used = {name.split(":")[0] + ":" + name.split(":")[2] for name in taken}
    stream = random.Random(seed)
    found: list[Unit] = []
    for name, role in draw.sets.items():
        for layer, branch in _strata(draw, spec):
            candidates = range(branch.first, branch.last + 1)
            if all(f"{layer.name}:{channel}" in used for channel in candidates):
                raise UserError(f"no unit is left in {layer.name} {branch.name} for set {name}")
            channel = stream.randint(branch.first, branch.last)
            while f"{layer.name}:{channel}" in used:
                channel = stream.randint(branch.first, branch.last)
            used.add(f"{layer.name}:{channel}")
            if role != "unused":
                found.append(_unit(layer, branch, channel, role, name))
    return found


def _strata(draw: Draw, spec: NetworkSpec) -> Iterator[tuple[Layer, Branch]]:
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
            if not draw.branches or branch.name in draw.branches:
                yield layer, branch


def _unit(layer: Layer, branch: Branch, channel: int, role: str, of: str) -> Unit:
    name = unit_id(layer.name, branch.name, channel)
    return Unit(name, layer.name, layer.index, branch.name, channel, "random", role, of)
