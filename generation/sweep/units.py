"""Units of one network, drawn evenly over its depth. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np

from generation.networks.spec import Layer, NetworkSpec
from house.errors import UserError
from house.seeds import generator
from stimuli import Unit, unit_id


def draw_over_depth(
    spec: NetworkSpec, count: int, role: str, seed: int, taken: Collection[str] = ()
) -> list[Unit]:
    """Draw units without replacement, as many from every layer as can be.

    Numbers of two layers differ by one at most, unless a layer has no more channels. Which layers
    get one more is drawn: the layers that have room are cut, in order of depth, into as many runs
    as there are units left, and one layer is drawn of each run. So fewer units than layers are
    spread over the whole depth as well. Within a layer every channel is as likely.

    Parameters
    ----------
    spec : NetworkSpec
    count : int
        Units.
    role : str
        Of all of them.
    seed : int
        Root; the draws are named by network and role, and for channels by layer.
    taken : collection of str
        Ids of units that may not be drawn.

    Returns
    -------
    list of Unit
        In order of depth, then of channels.

    Raises
    ------
    UserError
        If the network has not so many units left.
    """
    free = {layer.name: _free(layer, taken) for layer in spec.layers}
    total = sum(len(channels) for channels in free.values())
    if count > total:
        raise UserError(
            f"cannot draw {count} {role} units: {spec.name} has {total} left",
            remedy="Ask for fewer.",
        )
    rng = generator(seed, "sweep", spec.name, role, "layers")
    quotas = quotas_of([len(free[layer.name]) for layer in spec.layers], count, rng)
    found: list[Unit] = []
    for layer, quota in zip(spec.layers, quotas, strict=True):
        channels = generator(seed, "sweep", spec.name, role, layer.name).choice(
            free[layer.name], size=quota, replace=False
        )
        found += [_unit(layer, int(channel), role) for channel in sorted(channels.tolist())]
    return found


def quotas_of(room: Sequence[int], count: int, rng: np.random.Generator) -> list[int]:
    """Share `count` units out to layers that have room for so many, in order of depth."""
    quotas = [0] * len(room)
    left = count
    while left:
        open_layers = [i for i, most in enumerate(room) if quotas[i] < most]
        runs = np.array_split(np.array(open_layers), min(left, len(open_layers)))
        for run in runs:
            quotas[int(rng.choice(run))] += 1
        left -= len(runs)
    return quotas


def _free(layer: Layer, taken: Collection[str]) -> list[int]:
    return [
        channel
        for branch in layer.branches
        for channel in range(branch.first, branch.last + 1)
        if unit_id(layer.name, branch.name, channel) not in taken
    ]


def _unit(layer: Layer, channel: int, role: str) -> Unit:
    branch = next(b for b in layer.branches if b.first <= channel <= b.last)
    name = unit_id(layer.name, branch.name, channel)
    return Unit(name, layer.name, layer.index, branch.name, channel, "random", role)
