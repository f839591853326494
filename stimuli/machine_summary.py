"""How often a machine observer is right, by condition and scheme, and what chance is.

Chance is told twice: with the references of other units, and with the trial's own references dealt
to the two sides at random.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from house.seeds import generator
from stimuli.machine import CONDITIONS, SCHEMES, MachinePrediction

RESAMPLES = 2000

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Share:
    """A proportion, and its 95 % interval over units."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        if not np.isfinite(self.value):
            return "–"
        if not np.isfinite(self.low):
            return f"{self.value:.3f}"
        return f"{self.value:.3f} [{self.low:.3f}, {self.high:.3f}]"


@dataclass(frozen=True)
class Line:
    """Accuracy in one condition and scheme.

    Attributes
    ----------
    trials : int
        Units times batches.
    own, shuffled, dealt : Share
        With the unit's own references, with those of other units, and with its own dealt to the
        two sides at random.
    """

    condition: str
    scheme: str
    trials: int
    own: Share
    shuffled: Share
    dealt: Share


def right_by_unit(prediction: MachinePrediction) -> Floats:
    """Share of trials that the machine answers rightly: (U, 2, 4); no preference counts a half."""
    decision = prediction.decision.astype(np.float64)
    return np.asarray(((np.sign(decision) + 1) / 2).mean(axis=1))


def summarise(prediction: MachinePrediction, seed: int = 0) -> Iterator[Line]:
    """Give accuracies, condition by condition; schemes that the bank cannot make are left out.

    Intervals are percentiles of a bootstrap that draws units with replacement.
    """
    own = right_by_unit(prediction)
    shuffled = prediction.shuffled.astype(np.float64).mean(axis=1)
    dealt = np.full_like(shuffled, np.nan)
    if prediction.dealt is not None:
        dealt = prediction.dealt.astype(np.float64).mean(axis=1)
    units, batches = prediction.decision.shape[:2]
    rng = generator(seed, "machine observer", "bootstrap")
    drawn = rng.integers(units, size=(RESAMPLES, units))
    for c, condition in enumerate(CONDITIONS):
        for s, scheme in enumerate(SCHEMES):
            if np.isnan(own[:, c, s]).any():
                continue
            yield Line(
                condition,
                scheme,
                units * batches,
                _share(own[:, c, s], drawn),
                _share(shuffled[:, c, s], drawn),
                _share(dealt[:, c, s], drawn),
            )


def _share(values: Floats, drawn: npt.NDArray[np.int64]) -> Share:
    if len(values) < 2 or np.isnan(values).any():
        return Share(float(values.mean()), np.nan, np.nan)
    low, high = np.percentile(values[drawn].mean(axis=1), [2.5, 97.5])
    return Share(float(values.mean()), float(low), float(high))
