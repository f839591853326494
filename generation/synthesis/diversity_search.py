"""The largest weight of diversity whose weakest image still beats the strongest photograph.

The search of Zimmermann et al. (2023): ten times more as long as it works, then bisection.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass, replace

import numpy as np

from generation.synthesis.optimize import Optimized


@dataclass(frozen=True)
class SearchSettings:
    """How far is searched; defaults as published.

    Attributes
    ----------
    first, factor, last : float
        Weights tried at first: `first`, then `factor` times as much, up to `last`.
    rounds : int
        Bisections between the last weight that worked and the first that did not.
    """

    first: float = 1.0
    factor: float = 10.0
    last: float = 999_999.0
    rounds: int = 7

    @property
    def most_runs(self) -> int:
        """Runs of one unit and sign, at most."""
        runs, weight = 1, self.first
        while weight <= self.last:
            runs, weight = runs + 1, weight * self.factor
        return runs + self.rounds


@dataclass(frozen=True)
class Found:
    """The end of a search.

    Attributes
    ----------
    weight : float
        Of diversity; 0 where no weight worked.
    beats : bool
        Whether the weakest image beats the photograph. Where even images without diversity do
        not, theirs are given.
    """

    weight: float
    beats: bool
    made: Optimized


def weakest_beats(made: Optimized, sign: int, photograph: float) -> bool:
    """Whether all images are more extreme than the most extreme photograph.

    Parameters
    ----------
    made : Optimized
        Images of one unit and sign.
    sign : int
        0 = minimal, 1 = maximal.
    photograph : float
        Activation by the most extreme photograph.
    """
    if sign == 1:
        return bool(made.activations.min() > photograph)
    return bool(made.activations.max() < photograph)


def search_diversity(
    make: Callable[[float], Optimized], sign: int, photograph: float, settings: SearchSettings
) -> Found:
    """Search the weight of one unit and sign.

    Parameters
    ----------
    make : callable
        Makes the images with a weight of diversity.
    sign, photograph, settings
        See `searching`.
    """
    search = searching(sign, photograph, settings)
    weight = next(search)
    while True:
        try:
            weight = search.send(make(weight))
        except StopIteration as end:
            found: Found = end.value
            return found


def searching(
    sign: int, photograph: float, settings: SearchSettings
) -> Generator[float, Optimized, Found]:
    """Search the weight of one unit and sign, beside others: ask for images, weight by weight.

    Parameters
    ----------
    sign, photograph
        See `weakest_beats`.
    settings : SearchSettings
        How far.

    Yields
    ------
    float
        A weight of diversity, whose images are to be sent.
    """
    plain = yield 0.0
    if not weakest_beats(plain, sign, photograph):
        return Found(0.0, False, plain)
    best, low, high = plain, 0.0, settings.first
    while True:
        if high > settings.last:
            return Found(low, True, _with_strongest(best, plain, sign, low))
        made = yield high
        if not weakest_beats(made, sign, photograph):
            break
        best, low, high = made, high, high * settings.factor
    for _ in range(settings.rounds):
        middle = (low + high) / 2
        made = yield middle
        if weakest_beats(made, sign, photograph):
            best, low = made, middle
        else:
            high = middle
    return Found(low, True, _with_strongest(best, plain, sign, low))


def _with_strongest(best: Optimized, plain: Optimized, sign: int, weight: float) -> Optimized:
    """Put the strongest image without diversity in the weakest one's place, as published."""
    if weight == 0 or len(best.activations) < 2:
        return best
    pick = np.argmax if sign == 1 else np.argmin
    weakest = int((np.argmin if sign == 1 else np.argmax)(best.activations))
    strongest = int(pick(plain.activations))
    images, activations = best.images.copy(), best.activations.copy()
    images[weakest] = plain.images[strongest]
    activations[weakest] = plain.activations[strongest]
    return replace(best, images=images, activations=activations)
