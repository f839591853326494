"""From a Fourier spectrum to RGB images in [0, 1] (Olah et al. 2017; Borowski et al. 2021)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

# Square root of the colour covariance of natural images, columns = decorrelated directions.
COLOUR_CORRELATION = np.array(
    [[0.26, 0.09, 0.02], [0.27, 0.00, -0.05], [0.27, -0.09, 0.03]], dtype=np.float64
)


def colour_matrix() -> npt.NDArray[np.float32]:
    """Give the (3, 3) matrix M of ``x M^T``: the correlation over its largest column norm."""
    norm = np.linalg.norm(COLOUR_CORRELATION, axis=0).max()
    return np.asarray(COLOUR_CORRELATION / norm, dtype=np.float32)


def spectrum_scale(size: int) -> npt.NDArray[np.float32]:
    """Weights that give every frequency of a square image the energy it has in natural ones.

    Parameters
    ----------
    size : int
        Side of the image in pixels.

    Returns
    -------
    ndarray of float32, shape (size, size // 2 + 1)
        ``size / max(f, 1 / size)``, f in cycles per pixel.
    """
    rows = np.fft.fftfreq(size)[:, None]
    columns = np.fft.rfftfreq(size)[None, :]
    frequency = np.sqrt(rows**2 + columns**2)
    return np.asarray(size / np.maximum(frequency, 1.0 / size), dtype=np.float32)


def initial_spectrum(
    rng: np.random.Generator, images: int, size: int, sd: float
) -> npt.NDArray[np.float32]:
    """Draw the parameters of several images.

    Returns
    -------
    ndarray of float32, shape (images, 3, size, size // 2 + 1, 2)
        Real and imaginary parts, each normal with mean 0 and standard deviation `sd`.
    """
    shape = (images, 3, size, size // 2 + 1, 2)
    return rng.standard_normal(shape, dtype=np.float32) * np.float32(sd)


class _Planes(torch.autograd.Function):  # type: ignore[misc]
    """From scaled half spectra (..., H, W // 2 + 1, 2) to what they are spectra of, and back."""

    @staticmethod
    def forward(ctx: Any, spectrum: Tensor, scale: Tensor, back: Tensor) -> Tensor:
        ctx.save_for_backward(back)
        size = len(scale)
        return torch.fft.irfft2(torch.view_as_complex(spectrum * scale), s=(size, size))

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        (back,) = ctx.saved_tensors
        return torch.view_as_real(torch.fft.rfft2(gradient)).mul_(back), None, None


class FourierImages:
    """The map from spectra to images, with its constants on a device.

    Parameters
    ----------
    size : int
        Side of the square canvas in pixels.
    device : torch.device
        Where it computes.
    """

    def __init__(self, size: int, device: torch.device) -> None:
        self.size = size
        # The division by 4 is part of the published parametrization. Real and imaginary parts
        # have the same: written out, the product is a single run through memory.
        scale = np.repeat(spectrum_scale(size)[..., None] / np.float32(4), 2, axis=2)
        # The gradient of the inverse transform is a transform; each frequency that has an
        # opposite counts twice, of which half a spectrum holds one.
        back = scale / np.float32(size**2)
        back[:, 1 : (size + 1) // 2] *= 2
        self._scales = torch.from_numpy(scale).to(device), torch.from_numpy(back).to(device)
        self._colours = torch.from_numpy(colour_matrix()).to(device)

    def initial(self, rng: np.random.Generator, images: int, sd: float) -> npt.NDArray[np.float32]:
        """Draw parameters; see `initial_spectrum`."""
        return initial_spectrum(rng, images, self.size, sd)

    def __call__(self, spectrum: Tensor) -> Tensor:
        """Render.

        Parameters
        ----------
        spectrum : Tensor
            float32 (N, 3, size, size // 2 + 1, 2).

        Returns
        -------
        Tensor
            float32 (N, 3, size, size), RGB in (0, 1).
        """
        planes = _Planes.apply(spectrum, *self._scales)
        mixed = self._colours @ planes.flatten(2)
        return torch.sigmoid(mixed).unflatten(2, (self.size, self.size))
