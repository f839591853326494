"""Part of the synthetic images: what is optimised in one go, and what is told of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from generation.building.progress_files import WorkFolder
from generation.networks.network import Network
from generation.synthesis.diversity_search import search_diversity
from generation.synthesis.optimize import Optimized, Settings, Target, in_order, optimize
from generation.synthesis.recipe_settings import Synthesis


@dataclass(frozen=True)
class Portion:
    """What is optimised in one go: neighbours of one layer.

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
    means : ndarray of float32, shape (len(rows), 2)
        Mean activation by each unit's minimal and maximal images.
    """

    rows: tuple[int, ...]
    means: npt.NDArray[np.float32]


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
        Told of finished steps and units.
    """
    settings = synthesis.settings(precision)
    if synthesis.search is None:
        made = optimize(
            network,
            portion.layer,
            portion.targets,
            settings,
            seed,
            lambda: advance(1),
            magnitude,
        )
    else:
        made = [
            _searched(
                network, portion.layer, target, synthesis, seed, span, say, settings, magnitude
            )
            for target, span in zip(
                portion.targets, np.repeat(portion.spans, 2, axis=0), strict=True
            )
        ]
        advance(settings.steps)
    means = []
    for place, key in enumerate(portion.keys):
        signs = made[2 * place : 2 * place + 2]
        unit_id = portion.targets[2 * place].unit_id
        work.save(unit_id, key, signs)
        means.append([sign.activations.mean() for sign in signs])
        say(_news(unit_id, signs, portion.spans[place]))
    return Made(portion.rows, np.asarray(means, dtype=np.float32))


def _searched(
    network: Network,
    layer: str,
    target: Target,
    synthesis: Synthesis,
    seed: int,
    span: npt.NDArray[np.float32],
    say: Callable[[str], None],
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
    say(f"{target.unit_id}, {('min', 'max')[target.sign]}: {says}")
    return in_order(found.made, target.sign) if synthesis.sort else found.made


def _news(unit_id: str, made: list[Optimized], span: npt.NDArray[np.float32]) -> str:
    low, high = span
    return (
        f"{unit_id}: synthetic {made[0].activations.mean():.4g} … "
        f"{made[1].activations.mean():.4g}, photographs {low:.4g} … {high:.4g}"
    )
