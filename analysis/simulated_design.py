"""Answers of simulated observers to a design of so many participants and units.

The observer compares the activations that it expects of two images, each with unit noise; d' is
their distance. It differs between participants and between units, in itself and in how much the
better condition helps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Observers:
    """Whom to simulate.

    Attributes
    ----------
    accuracy : tuple of float
        Expected proportion correct in the first and the second condition, over participants and
        units, above 0 and below 1. The defaults are the published ones with synthetic and
        natural images.
    participant_sd, unit_sd : float
        Standard deviation of d' between participants and between units.
    participant_slope_sd, unit_slope_sd : float
        That of the difference of the two conditions' d'. The spreads, too, are near the published
        ones: those of the logistic mixed model of the primary comparison.
    """

    accuracy: tuple[float, float] = (0.820, 0.922)
    participant_sd: float = 0.10
    unit_sd: float = 0.75
    participant_slope_sd: float = 0.30
    unit_slope_sd: float = 0.55

    def d_primes(self) -> tuple[float, float]:
        """Middle d' of each condition.

        A right answer has probability Phi(d' / sqrt(2)); averaged over a normal d' with variance
        v this is Phi(d' / sqrt(2 + v)), so the middle follows from the accuracy.
        """
        variance = self.participant_sd**2 + self.unit_sd**2
        # Half of a slope's deviation falls to each condition.
        variance += (self.participant_slope_sd**2 + self.unit_slope_sd**2) / 4
        first, second = (float(special.ndtri(a) * np.sqrt(2 + variance)) for a in self.accuracy)
        return first, second


@dataclass(frozen=True)
class Answers:
    """One answer an entry: who, which unit, whether of the first condition, whether right."""

    participant: Integers
    unit: Integers
    first: NDArray[np.bool_]
    correct: Floats


def simulate(
    random: np.random.Generator,
    observers: Observers,
    participants: int,
    units: int,
    repeats: int = 1,
    units_each: int | None = None,
    same_units: bool = True,
) -> Answers:
    """Simulate one experiment.

    Parameters
    ----------
    random : numpy.random.Generator
        Source of everything that is drawn: participants, units, answers.
    observers : Observers
        Whom to simulate.
    participants, units : int
        How many.
    repeats : int
        Trials of each unit that a participant sees in each condition.
    units_each : int, optional
        Units that one participant sees, drawn for each; all by default.
    same_units : bool
        Whether they are the same in both conditions, or drawn for each by itself.
    """
    if units_each is None or units_each >= units:
        seen = np.tile(np.arange(units), (participants, 1))
        seen = np.stack([seen, seen], axis=2)
    else:
        drawn = [
            np.argsort(random.random((participants, units)), axis=1)[:, :units_each]
            for _ in range(1 if same_units else 2)
        ]
        seen = np.stack([drawn[0], drawn[-1]], axis=2)
    shape = (*seen.shape, repeats)
    person = np.broadcast_to(np.arange(participants)[:, None, None, None], shape).ravel()
    unit = np.broadcast_to(seen[:, :, :, None], shape).ravel()
    second = np.broadcast_to(np.arange(2)[:, None], shape).ravel()
    sign = second - 0.5
    d = np.array(observers.d_primes())[second]
    for code, count, level, slope in (
        (person, participants, observers.participant_sd, observers.participant_slope_sd),
        (unit, units, observers.unit_sd, observers.unit_slope_sd),
    ):
        own, difference = random.normal(0, 1, (2, count))
        d = d + level * own[code] + slope * sign * difference[code]
    correct = random.normal(d, np.sqrt(2)) > 0
    return Answers(
        person.astype(np.int64), unit.astype(np.int64), second == 0, correct.astype(float)
    )
