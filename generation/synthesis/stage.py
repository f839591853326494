"""A build's part on synthetic images: what is optimised together, and what is done already."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from generation.building.job import Facts
from generation.building.progress_files import WorkFolder, key_of
from generation.reporting.reporter import Reporter
from generation.synthesis.maco import natural_magnitude
from generation.synthesis.optimize import Target
from generation.synthesis.portions import Made, Portion, steps_of_unit, weakest
from generation.synthesis.recipe_settings import Synthesis
from house.errors import UserError
from stimuli import Unit

STAGE = "synthetic images"
# More do not make a GPU faster, and these are lost where a build is interrupted.
_UNITS_OF_A_GPU = 32


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


class Synthesised(NamedTuple):
    """What is known of all units' images, which lie in the work folder.

    Attributes
    ----------
    keys : list of str
        Each unit's key there.
    means, weakest : ndarray of float32, shape (U, 2)
        Activation by each unit's minimal and maximal images: mean, and by the least extreme one.
    """

    keys: list[str]
    means: npt.NDArray[np.float32]
    weakest: npt.NDArray[np.float32]


def synthesise(
    synthesis: Synthesis,
    units: Sequence[Unit],
    spans: npt.NDArray[np.float32],
    facts: Facts,
    determinants: dict[str, Any],
    work: WorkFolder,
    reporter: Reporter,
    make: Maker,
    photographs: Callable[[], Iterable[npt.NDArray[np.uint8]]] = list,
) -> Synthesised:
    """Make all units' images that no earlier call has finished; each unit becomes one file.

    Parameters
    ----------
    synthesis : Synthesis
        Of the recipe.
    units : sequence of Unit
    spans : ndarray of float32, shape (U, 2)
        Each unit's activation by its least and its most activating photograph.
    facts : Facts
        Where the numbers are computed.
    determinants : dict
        All else that decides the images.
    work : WorkFolder
        Where the files lie.
    reporter : Reporter
    make : Maker
        Makes them.
    photographs : callable
        Gives some photographs (H, W, 3), for the spectrum that MACO takes from them.
    """
    settings = synthesis.settings(facts.precision)
    steps = steps_of_unit(synthesis)
    if synthesis.compiled and facts.device != "cuda":
        reporter.say("note: compiled = true is for GPUs; nothing is compiled here")
    weights = [_diversity(synthesis, span) for span in spans]
    keys = [
        key_of({**determinants, "unit": unit.unit_id, "diversity": weight})
        for unit, weight in zip(units, weights, strict=True)
    ]
    means = np.full((len(units), 2), np.nan, dtype=np.float32)
    least = means.copy()
    for row, unit in enumerate(units):
        if (activations := work.activations(unit.unit_id, keys[row])) is not None:
            means[row], least[row] = activations.mean(axis=1), weakest(activations)
    open_rows = [row for row in range(len(units)) if not np.isfinite(means[row]).all()]
    finished = len(units) - len(open_rows)
    advance = reporter.stage(STAGE, len(units) * steps, finished * steps)
    work.claim(keys)
    if foreign := work.foreign(keys):
        reporter.say(
            f"note: {foreign} finished units in {work.path.name} are of another recipe, other "
            "photographs or another version of this program; they are not used"
        )
    if finished:
        reporter.say(f"{finished} of {len(units)} units were finished earlier")
    magnitude = None
    if open_rows and settings.parametrization == "maco":
        magnitude = natural_magnitude(photographs(), settings.canvas)
    size = units_at_once(synthesis, facts, len(open_rows))
    portions = (
        _portion(synthesis, units, rows, weights, keys, spans)
        for rows in group([unit.layer for unit in units], open_rows, size)
    )
    for made in make(portions, magnitude, advance, reporter.say):
        rows = list(made.rows)
        means[rows], least[rows] = made.means, made.weakest
    return Synthesised(keys, means, least)


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
    """Guess what a step of a unit costs, in passes of one photograph forward."""
    # Forward, and about twice that backward.
    return 3.0 * 2 * synthesis.images_per_sign


def units_at_once(synthesis: Synthesis, facts: Facts, units: int) -> int:
    """Give the number of units of a layer that are made, and kept, together by one worker.

    Parameters
    ----------
    synthesis : Synthesis
        Of the recipe.
    facts : Facts
        Where the numbers are computed.
    units : int
        That are to be made in all.
    """
    if synthesis.units_per_pass != "auto":
        return synthesis.units_per_pass
    if facts.device != "cuda":
        return 1
    # Every GPU gets its part.
    return max(1, min(_UNITS_OF_A_GPU, -(-units // facts.workers)))


def group(layers: Sequence[str], rows: Sequence[int], size: int) -> list[list[int]]:
    """Divide units into portions of one layer each.

    Parameters
    ----------
    layers : sequence of str
        Each unit's, of all units.
    rows : sequence of int
        The units to be divided; where else in the bank others of the layer stand does not matter.
    size : int
        Units of a portion, at most; those of a layer are as alike in size as can be.

    Returns
    -------
    list of list of int
        Layers in the order of their first unit.
    """
    of_layer: dict[str, list[int]] = {}
    for row in rows:
        of_layer.setdefault(layers[row], []).append(row)
    return [
        [int(row) for row in part]
        for members in of_layer.values()
        for part in np.array_split(members, -(-len(members) // size))
    ]


def _diversity(synthesis: Synthesis, span: npt.NDArray[np.float32]) -> float:
    if synthesis.diversity_unit == "activation":
        return synthesis.diversity
    lowest, highest = span.tolist()
    return synthesis.diversity * float(highest - lowest)
