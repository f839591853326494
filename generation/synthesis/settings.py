"""What is optimised and how; what comes out."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from generation.synthesis.flatness import FlatnessSettings
from generation.synthesis.maco import CropSettings
from generation.synthesis.transforms import TransformSettings


@dataclass(frozen=True)
class Target:
    """One unit's images of one sign: a group of the batch.

    Attributes
    ----------
    sign : int
        0 = minimise, 1 = maximise.
    diversity : float
        Weight of the similarity that is subtracted from the objective, in units of activation.
    direction : tuple of (int, float)
        Channels and weights; for the direction objective alone.
    """

    unit_id: str
    channel: int
    sign: int
    diversity: float
    direction: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True)
class Settings:
    """How images are optimised; meanings and defaults in `generation.synthesis.recipe_settings`."""

    images: int
    canvas: int
    crop: int
    steps: int
    learning_rate: float
    schedule: str
    sd: float
    transforms: TransformSettings
    precision: str
    curve_every: int
    parametrization: str = "fourier"
    optimizer: str = "adam"
    objective: str = "channel"
    redirected_updates: int = 0
    float32_updates: int = 8
    total_variation: float = 0.0
    l2: float = 0.0
    crops: CropSettings | None = None
    flatness: FlatnessSettings | None = None
    sort: bool = False
    compiled: bool = False
    targets_per_pass: int | None = None

    def at(self, step: int) -> Settings:
        """Give the settings of one update: the first ones are in float32."""
        if step >= self.float32_updates or self.precision not in ("bfloat16", "float16"):
            return self
        return replace(self, precision="float32", compiled=False)

    @property
    def curve_steps(self) -> list[int]:
        """Updates at which the activation is recorded: every so many, and the last."""
        steps = list(range(0, self.steps, self.curve_every))
        return steps if steps[-1] == self.steps - 1 else [*steps, self.steps - 1]


def _nothing() -> npt.NDArray[np.float32]:
    return np.zeros(0, dtype=np.float32)


@dataclass(frozen=True)
class Optimized:
    """Images of one target.

    Attributes
    ----------
    images : ndarray of uint8, shape (K, size, size, 3)
        As shown: border cropped, values cut (not rounded) to integers as published.
    activations : ndarray of float32, shape (K,)
        Measured on exactly these images.
    curve : ndarray of float32, shape (C,)
        Mean activation by the transformed images before the update of each curve step; constant
        after a stop.
    updates : int
        Made before the gradient was flat, or all.
    diversity : float
        Weight of diversity that they were made with, in units of activation.
    objective_curve, similarity_curve : ndarray of float32, shape (C,)
        What was maximised as a whole, and the similarity of the images within it (NaN where its
        weight is 0: it is not computed then), as in `curve`.
    """

    images: npt.NDArray[np.uint8]
    activations: npt.NDArray[np.float32]
    curve: npt.NDArray[np.float32]
    updates: int = 0
    diversity: float = 0.0
    objective_curve: npt.NDArray[np.float32] = field(default_factory=_nothing)
    similarity_curve: npt.NDArray[np.float32] = field(default_factory=_nothing)


def rate(settings: Settings, step: int) -> float:
    """Share of the learning rate that a step has: 1, or falling to 0 on half a cosine."""
    if settings.schedule == "constant":
        return 1.0
    return 0.5 * (1.0 + math.cos(math.pi * step / settings.steps))
