"""What is optimised: a unit's images of one sign, and the map from parameters to images."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from generation.synthesis.flatness import Flatness
from generation.synthesis.maco import MacoImages
from generation.synthesis.parametrization import FourierImages
from generation.synthesis.pixels import PixelImages
from generation.synthesis.settings import Settings, Target
from generation.synthesis.transforms import draw_group
from house.seeds import generator


class Parametrization(Protocol):
    """What is optimised, and the map from it to images."""

    def initial(self, rng: np.random.Generator, images: int, sd: float) -> npt.NDArray[np.float32]:
        """Draw the parameters of several images; the images' axis comes first."""
        ...

    def __call__(self, parameters: Tensor, /) -> Tensor:
        """Render RGB images (N, 3, H, H) in [0, 1]."""
        ...


def parametrization(
    settings: Settings, device: torch.device, magnitude: npt.NDArray[np.float32] | None
) -> Parametrization:
    """Give the map that the settings name; `magnitude` is for MACO alone."""
    if settings.parametrization == "pixels":
        return PixelImages(settings.canvas, device)
    if settings.parametrization == "maco":
        if magnitude is None:
            raise AssertionError("MACO needs the magnitude of photographs")
        return MacoImages(settings.canvas, device, magnitude)
    return FourierImages(settings.canvas, device)


class Group:
    """A target's parameters, draws and state."""

    def __init__(
        self,
        target: Target,
        settings: Settings,
        seed: int,
        render: Parametrization,
        device: torch.device,
    ) -> None:
        self.target = target
        self.name = (target.unit_id, target.sign)
        self.draws = draw_group(settings.transforms, settings.steps, seed, *self.name)
        rng = generator(seed, "spectrum", *self.name)
        drawn = render.initial(rng, settings.images, settings.sd)
        self.parameters = torch.from_numpy(drawn).to(device).requires_grad_(True)
        # Activation, objective and similarity.
        self.terms = torch.zeros(3, device=device)
        self.updates = 0
        self.finished = False
        self._flatness = Flatness(settings.flatness) if settings.flatness else None
        self._spectral = settings.parametrization == "fourier"

    def watch(self) -> None:
        """See whether the gradient has become flat; this update is then the last."""
        if self._flatness is None or self.parameters.grad is None:
            return
        gradient = self.parameters.grad
        if self._spectral:
            gradient = torch.fft.irfft2(torch.view_as_complex(gradient), norm="ortho")
        length = float(gradient.flatten(1).norm(dim=1).max())
        self.finished = self._flatness.reached(length)
