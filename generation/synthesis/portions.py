"""Part of the synthetic images: what is optimised in one go, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from generation.building.progress_files import WorkFolder
from generation.networks.network import Network
from generation.synthesis.diversity_search import Found, SearchSettings, searching
from generation.synthesis.optimize import Optimized, Settings, Target, in_order, optimize
from generation.synthesis.recipe_settings import Synthesis


@dataclass(frozen=True)
class Portion:
    """What is optimised in one go: units of one layer.

    Attributes
    ----------
    rows : tuple of int
        Places among all units.
    layer : str
    targets : tuple of Target
        Both signs of every unit.
    keys : tuple of str
        Each unit's key in the work folder.
    spans : ndarray of float32, shape (len(rows), 2)
        Each unit's activation by its least and its most activating photograph.
    """

    rows: tuple[int, ...]
    layer: str
    targets: tuple[Target, ...]
    keys: tuple[str, ...]
    spans: npt.NDArray[np.float32]


@dataclass(frozen=True)
class Made:
    """What is told of a finished portion, whose images lie in the work folder.

    Attributes
    ----------
    rows : tuple of int
    means, weakest : ndarray of float32, shape (len(rows), 2)
        Activation by each unit's minimal and maximal images: mean, and by the least extreme one.
    """

    rows: tuple[int, ...]
    means: npt.NDArray[np.float32]
    weakest: npt.NDArray[np.float32]


def weakest(activations: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Give the least extreme of the activations (2, K) of each sign."""
    return np.array([activations[0].max(), activations[1].min()], dtype=np.float32)


def steps_of_unit(synthesis: Synthesis) -> int:
    """Give the steps of a unit at most: all that are told of where it needs fewer."""
    search = synthesis.search_settings()
    return synthesis.steps * (search.most_runs if search else 1)


def make_portion(
    network: Network,
    synthesis: Synthesis,
    seed: int,
    precision: str,
    portion: Portion,
    work: WorkFolder,
    magnitude: npt.NDArray[np.float32] | None,
    advance: Callable[[int], None],
    say: Callable[[str], None],
) -> Made:
    """Make a portion's images and keep them in the work folder.

    Parameters
    ----------
    network : Network
    synthesis, seed
        Of the recipe.
    precision : str
        Number format of the network's passes.
    portion : Portion
    work : WorkFolder
    magnitude : ndarray of float32, optional
        For MACO; see `generation.synthesis.maco.natural_magnitude`.
    advance, say : callable
        Told of finished steps, those of each unit by themselves, and of units.
    """
    settings = synthesis.settings(precision)
    search = synthesis.search_settings()
    if search is None:
        made = optimize(
            network,
            portion.layer,
            portion.targets,
            settings,
            seed,
            lambda: advance(len(portion.rows)),
            magnitude,
        )
    else:
        made = _searched(network, portion, search, settings, seed, work, magnitude, advance, say)
    means, least = [], []
    for place, key in enumerate(portion.keys):
        signs = made[2 * place : 2 * place + 2]
        unit_id = portion.targets[2 * place].unit_id
        work.save(unit_id, key, signs)
        if search is not None:
            work.discard_runs(unit_id, key)
        activations = np.stack([sign.activations for sign in signs])
        means.append(activations.mean(axis=1))
        least.append(weakest(activations))
        say(_news(unit_id, signs, portion.spans[place]))
    return Made(
        portion.rows, np.asarray(means, dtype=np.float32), np.asarray(least, dtype=np.float32)
    )


def _searched(
    network: Network,
    portion: Portion,
    search: SearchSettings,
    settings: Settings,
    seed: int,
    work: WorkFolder,
    magnitude: npt.NDArray[np.float32] | None,
    advance: Callable[[int], None],
    say: Callable[[str], None],
) -> list[Optimized]:
    """Make each target's images with the largest weight of diversity that serves.

    All targets search at once, each for itself, so that a pass is as full as without a search.
    Every run is kept until its unit is finished: a search of the published length takes hours.
    """
    # Both signs of every unit, as the targets are.
    extremes = portion.spans.ravel().tolist()
    searches = [
        searching(target.sign, extreme, search)
        for target, extreme in zip(portion.targets, extremes, strict=True)
    ]
    names = [
        (target.unit_id, portion.keys[place // 2], target.sign)
        for place, target in enumerate(portion.targets)
    ]
    wanted = {place: next(one) for place, one in enumerate(searches)}
    found: dict[int, Found] = {}
    units, runs = len(portion.rows), 0
    while wanted:
        made = {
            place: run
            for place, weight in wanted.items()
            if (run := work.load_run(*names[place], weight)) is not None
        }
        missing = [place for place in wanted if place not in made]
        if missing:
            results = optimize(
                network,
                portion.layer,
                [replace(portion.targets[place], diversity=wanted[place]) for place in missing],
                settings,
                seed,
                lambda: advance(units),
                magnitude,
            )
            for place, result in zip(missing, results, strict=True):
                work.save_run(*names[place], result)
                made[place] = result
        else:
            advance(settings.steps * units)
        runs += 1
        following: dict[int, float] = {}
        for place in wanted:
            try:
                following[place] = searches[place].send(made[place])
            except StopIteration as end:
                found[place] = end.value
        wanted = following
    advance((search.most_runs - runs) * settings.steps * units)
    for place, target in enumerate(portion.targets):
        says = (
            f"weight {found[place].weight:g} of diversity"
            if found[place].beats
            else "does not beat the most extreme photograph even without diversity"
        )
        say(f"{target.unit_id}, {('min', 'max')[target.sign]}: {says}")
    ends = [found[place].made for place in range(len(searches))]
    if not settings.sort:
        return ends
    return [in_order(end, target.sign) for end, target in zip(ends, portion.targets, strict=True)]


def _news(unit_id: str, made: list[Optimized], span: npt.NDArray[np.float32]) -> str:
    low, high = span
    return (
        f"{unit_id}: synthetic {made[0].activations.mean():.4g} … "
        f"{made[1].activations.mean():.4g}, photographs {low:.4g} … {high:.4g}"
    )
