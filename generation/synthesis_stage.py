"""A build's part on synthetic images: what is optimised together, and what is done already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from generation.networks import Network
from generation.progress_files import WorkFolder, key_of
from generation.reporter import Reporter
from generation.synthesis.diversity_search import search_diversity
from generation.synthesis.maco import natural_magnitude
from generation.synthesis.optimize import Optimized, Settings, Target, in_order, optimize
from generation.synthesis_settings import Synthesis
from house.errors import UserError
from stimuli import Unit

STAGE = "synthetic images"


def synthesise(
    synthesis: Synthesis,
    seed: int,
    network: Network,
    units: Sequence[Unit],
    spans: npt.NDArray[np.float32],
    precision: str,
    determinants: dict[str, Any],
    work: WorkFolder,
    reporter: Reporter,
    photographs: Callable[[], Iterable[npt.NDArray[np.uint8]]] = list,
) -> tuple[list[str], npt.NDArray[np.float32]]:
    """Make all units' images that no earlier call has finished; each unit becomes one file.

    Parameters
    ----------
    synthesis, seed
        Of the recipe.
    network : Network
    units : sequence of Unit
    spans : ndarray of float32, shape (U, 2)
        Each unit's activation by its least and its most activating photograph.
    precision : str
        Number format of the network's passes.
    determinants : dict
        All else that decides the images.
    work : WorkFolder
        Where the files lie.
    reporter : Reporter
    photographs : callable
        Gives some photographs (H, W, 3), for the spectrum that MACO takes from them.

    Returns
    -------
    keys : list of str
        Each unit's key in the work folder.
    means : ndarray of float32, shape (U, 2)
        Mean activation by each unit's minimal and maximal images.
    """
    settings = synthesis.settings(precision)
    passes = _group(units, synthesis.units_per_pass)
    weights = [_diversity(synthesis, span) for span in spans]
    keys = [""] * len(units)
    for rows in passes:
        members = [units[row].unit_id for row in rows]
        # A pass is made again as a whole: what is computed together decides the last bits.
        for row in rows:
            keys[row] = key_of(
                {
                    **determinants,
                    "unit": units[row].unit_id,
                    "pass": members,
                    "diversity": [weights[member] for member in rows],
                }
            )
    means = np.full((len(units), 2), np.nan, dtype=np.float32)
    for row, unit in enumerate(units):
        if (activations := work.activations(unit.unit_id, keys[row])) is not None:
            means[row] = activations.mean(axis=1)
    open_passes = [rows for rows in passes if not np.isfinite(means[rows]).all()]
    finished = len(passes) - len(open_passes)
    advance = reporter.stage(STAGE, len(passes) * settings.steps, finished * settings.steps)
    if finished:
        kept = sum(len(rows) for rows in passes) - sum(len(rows) for rows in open_passes)
        reporter.say(f"{kept} of {len(units)} units were finished earlier")
    magnitude = None
    if open_passes and settings.parametrization == "maco":
        magnitude = natural_magnitude(photographs(), settings.canvas)
    for rows in open_passes:
        targets = [
            Target(
                units[row].unit_id,
                units[row].channel,
                sign,
                weights[row],
                _direction(synthesis, units[row]),
            )
            for row in rows
            for sign in (0, 1)
        ]
        layer = units[rows[0]].layer
        if synthesis.search is None:
            made = optimize(network, layer, targets, settings, seed, lambda: advance(1), magnitude)
        else:
            made = [
                _searched(
                    network,
                    layer,
                    target,
                    synthesis,
                    seed,
                    spans[row],
                    reporter,
                    settings,
                    magnitude,
                )
                for target, row in zip(targets, np.repeat(rows, 2), strict=True)
            ]
            advance(settings.steps)
        for place, row in enumerate(rows):
            signs = made[2 * place : 2 * place + 2]
            work.save(units[row].unit_id, keys[row], signs)
            means[row] = [sign.activations.mean() for sign in signs]
            reporter.say(_news(units[row], signs, spans[row]))
    return keys, means


def _direction(synthesis: Synthesis, unit: Unit) -> tuple[tuple[int, float], ...]:
    if synthesis.objective != "direction":
        return ()
    if unit.unit_id not in synthesis.directions:
        raise UserError(
            f"the recipe gives {unit.unit_id} no direction",
            remedy="Name channels and their weights for every unit under synthesis.directions.",
        )
    return tuple(synthesis.directions[unit.unit_id].items())


def _searched(
    network: Network,
    layer: str,
    target: Target,
    synthesis: Synthesis,
    seed: int,
    span: npt.NDArray[np.float32],
    reporter: Reporter,
    settings: Settings,
    magnitude: npt.NDArray[np.float32] | None,
) -> Optimized:
    """Make a target's images with the largest weight of diversity that serves."""
    search = synthesis.search_settings()
    if search is None:
        raise AssertionError("no search is wanted")

    def make(weight: float) -> Optimized:
        wanted = [replace(target, diversity=weight)]
        (made,) = optimize(network, layer, wanted, settings, seed, magnitude=magnitude)
        return made

    found = search_diversity(make, target.sign, float(span[target.sign]), search)
    says = (
        f"weight {found.weight:g} of diversity"
        if found.beats
        else "does not beat the most extreme photograph even without diversity"
    )
    reporter.say(f"{target.unit_id}, {('min', 'max')[target.sign]}: {says}")
    return in_order(found.made, target.sign) if synthesis.sort else found.made


def cost_of_step(synthesis: Synthesis) -> float:
    """Guess what a step of a pass costs, in passes of one photograph forward."""
    images = 2 * synthesis.images_per_sign * synthesis.units_per_pass
    # Forward, and about twice that backward.
    return 3.0 * images


def _group(units: Sequence[Unit], size: int) -> list[list[int]]:
    """Rows of units that are optimised together: neighbours of one layer, `size` at most."""
    passes: list[list[int]] = []
    for row, unit in enumerate(units):
        last = passes[-1] if passes else []
        if last and units[last[0]].layer == unit.layer and len(last) < size:
            last.append(row)
        else:
            passes.append([row])
    return passes


def count_passes(units: Sequence[Unit], size: int) -> int:
    """Give the number of passes of so many units at most."""
    return len(_group(units, size))


def _diversity(synthesis: Synthesis, span: npt.NDArray[np.float32]) -> float:
    if synthesis.diversity_unit == "activation":
        return synthesis.diversity
    lowest, highest = span.tolist()
    return synthesis.diversity * float(highest - lowest)


def _news(unit: Unit, made: list[Optimized], span: npt.NDArray[np.float32]) -> str:
    low, high = span
    return (
        f"{unit.unit_id}: synthetic {made[0].activations.mean():.4g} … "
        f"{made[1].activations.mean():.4g}, photographs {low:.4g} … {high:.4g}"
    )
