"""A build's part on synthetic images: what is optimised together, and what is done already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from generation.building.progress_files import WorkFolder, key_of
from generation.reporting.reporter import Reporter
from generation.synthesis.maco import natural_magnitude
from generation.synthesis.optimize import Target
from generation.synthesis.portions import Made, Portion
from generation.synthesis.recipe_settings import Synthesis
from house.errors import UserError
from stimuli import Unit

STAGE = "synthetic images"


class Maker(Protocol):
    """Who makes portions: this process, or others."""

    def __call__(
        self,
        portions: Iterable[Portion],
        magnitude: npt.NDArray[np.float32] | None,
        advance: Callable[[int], None],
        say: Callable[[str], None],
    ) -> Iterator[Made]:
        """Make all portions in any order; `advance` is told of steps and `say` of units."""
        ...


def synthesise(
    synthesis: Synthesis,
    units: Sequence[Unit],
    spans: npt.NDArray[np.float32],
    precision: str,
    determinants: dict[str, Any],
    work: WorkFolder,
    reporter: Reporter,
    make: Maker,
    photographs: Callable[[], Iterable[npt.NDArray[np.uint8]]] = list,
) -> tuple[list[str], npt.NDArray[np.float32]]:
    """Make all units' images that no earlier call has finished; each unit becomes one file.

    Parameters
    ----------
    synthesis : Synthesis
        Of the recipe.
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
    make : Maker
        Makes them.
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
    work.claim(keys)
    if foreign := work.foreign(keys):
        reporter.say(
            f"note: {foreign} finished units in {work.path.name} are of another recipe, other "
            "photographs or another version of this program; they are not used"
        )
    if finished:
        kept = sum(len(rows) for rows in passes) - sum(len(rows) for rows in open_passes)
        reporter.say(f"{kept} of {len(units)} units were finished earlier")
    magnitude = None
    if open_passes and settings.parametrization == "maco":
        magnitude = natural_magnitude(photographs(), settings.canvas)
    portions = (_portion(synthesis, units, rows, weights, keys, spans) for rows in open_passes)
    for made in make(portions, magnitude, advance, reporter.say):
        means[list(made.rows)] = made.means
    return keys, means


def _portion(
    synthesis: Synthesis,
    units: Sequence[Unit],
    rows: Sequence[int],
    weights: Sequence[float],
    keys: Sequence[str],
    spans: npt.NDArray[np.float32],
) -> Portion:
    targets = tuple(
        Target(
            units[row].unit_id,
            units[row].channel,
            sign,
            weights[row],
            _direction(synthesis, units[row]),
        )
        for row in rows
        for sign in (0, 1)
    )
    layer = units[rows[0]].layer
    return Portion(tuple(rows), layer, targets, tuple(keys[row] for row in rows), spans[rows])


def _direction(synthesis: Synthesis, unit: Unit) -> tuple[tuple[int, float], ...]:
    if synthesis.objective != "direction":
        return ()
    if unit.unit_id not in synthesis.directions:
        raise UserError(
            f"the recipe gives {unit.unit_id} no direction",
            remedy="Name channels and their weights for every unit under synthesis.directions.",
        )
    return tuple(synthesis.directions[unit.unit_id].items())


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
