"""When an optimisation has nothing left to gain (Zimmermann et al. 2023)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class FlatnessSettings:
    """When the gradient counts as flat; defaults as published.

    Attributes
    ----------
    minimum : int
        Updates before which nothing stops.
    window : int
        Updates whose older half is compared with the newer.
    ratio : float
        Flat is a window whose older half has at most so many times the newer's mean length.
    smoothing : float
        Share of the past in the exponentially smoothed length.
    """

    minimum: int = 2500
    window: int = 2000
    ratio: float = 1.1
    smoothing: float = 0.99


class Flatness:
    """Follows the length of one group's gradient.

    Parameters
    ----------
    settings : FlatnessSettings
        When it is flat.
    """

    def __init__(self, settings: FlatnessSettings) -> None:
        self._settings = settings
        self._smooth: list[float] = []

    def reached(self, length: float) -> bool:
        """Note the gradient's length at one update and say whether it has become flat.

        Parameters
        ----------
        length : float
            Euclidean length over pixels and colours, the largest of the group's images.
        """
        settings = self._settings
        last = self._smooth[-1] if self._smooth else length
        self._smooth.append(last * settings.smoothing + (1 - settings.smoothing) * length)
        if len(self._smooth) <= max(settings.window, settings.minimum):
            return False
        recent = self._smooth[-settings.window :]
        half = len(recent) // 2
        older, newer = float(np.mean(recent[:half])), float(np.mean(recent[half:]))
        return older <= settings.ratio * newer
