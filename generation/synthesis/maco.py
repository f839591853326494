"""MACO (Fel et al. 2023): the phase of every frequency is optimised, its magnitude is natural.

Images keep the power spectrum of photographs, so that nothing but the arrangement of edges is
left to optimise. Robustness comes from crops of many sizes and noise instead of small movements.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from generation.synthesis.parametrization import colour_matrix
from house.errors import UserError
from house.seeds import seed_sequence

# Keeps a standardisation finite.
_TINY = 1e-5


def natural_magnitude(
    photographs: Iterable[npt.NDArray[np.uint8]], size: int
) -> npt.NDArray[np.float32]:
    """Mean magnitude of every frequency over photographs, in decorrelated colours.

    Parameters
    ----------
    photographs : iterable of ndarray of uint8, shape (H, W, 3)
        Square or not, of any size; the largest centred square counts.
    size : int
        Side of the images that will be made, in pixels.

    Returns
    -------
    ndarray of float32, shape (3, size, size // 2 + 1)
        Frequencies that smaller photographs lack are zero. The mean colour of a photograph is
        left out: its magnitude is that of its difference from the mean colour of all.

    Raises
    ------
    UserError
        If there are no photographs.
    """
    decorrelate = np.linalg.inv(colour_matrix().astype(np.float64))
    total = np.zeros((3, size, size // 2 + 1))
    colours = []
    for photograph in photographs:
        side = min(photograph.shape[:2])
        top, left = ((length - side) // 2 for length in photograph.shape[:2])
        square = photograph[top : top + side, left : left + side].astype(np.float64) / 255
        planes = np.einsum("dc,hwc->dhw", decorrelate, square)
        means = planes.mean(axis=(1, 2), keepdims=True)
        colours.append(means.ravel())
        spectrum = np.abs(np.fft.fft2(planes - means)) / side**2
        total += _resample(spectrum, size)
    if not colours:
        raise UserError("MACO takes the spectrum of photographs, and there are none")
    total /= len(colours)
    total[:, 0, 0] = np.abs(np.array(colours) - np.mean(colours, axis=0)).mean(axis=0)
    return total.astype(np.float32)


def _resample(spectrum: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """Take from a full spectrum (3, s, s) the frequencies of an image of another size."""
    side = spectrum.shape[-1]
    # The same cycles a picture are the same index; what one of both lacks stays out.
    rows = np.fft.fftfreq(size, 1 / size).astype(int)
    columns = np.arange(size // 2 + 1)
    held = (side - 1) // 2
    out = np.zeros((spectrum.shape[0], size, size // 2 + 1))
    r, c = np.abs(rows) <= held, columns <= held
    out[np.ix_(range(len(out)), r, c)] = spectrum[:, rows[r] % side][:, :, columns[c]]
    return out


class MacoImages:
    """The map from phases to images.

    Parameters
    ----------
    size : int
        Side of the square canvas in pixels.
    device : torch.device
        Where it computes.
    magnitude : ndarray of float32, shape (3, size, size // 2 + 1)
        From `natural_magnitude`.
    """

    def __init__(self, size: int, device: torch.device, magnitude: npt.NDArray[np.float32]) -> None:
        self.size = size
        self._magnitude = torch.from_numpy(magnitude).to(device)
        self._colours = torch.from_numpy(colour_matrix()).to(device)

    def initial(self, rng: np.random.Generator, images: int, sd: float) -> npt.NDArray[np.float32]:
        """Draw phases: float32 (images, 3, size, size // 2 + 1), normal with deviation `sd`."""
        shape = (images, 3, self.size, self.size // 2 + 1)
        return rng.standard_normal(shape, dtype=np.float32) * np.float32(sd)

    def __call__(self, phases: Tensor) -> Tensor:
        """Render: float32 (N, 3, size, size), RGB in (0, 1).

        Each image's phases, and then its pixels, have mean 0 and deviation 1 before colours are
        mixed and squeezed into the range, as published.
        """
        angles = _standardised(phases)
        spectrum = torch.polar(self._magnitude.expand_as(angles).contiguous(), angles)
        # Magnitudes are those of a picture's waves as they are: nothing is divided by.
        planes = torch.fft.irfft2(spectrum, s=(self.size, self.size), norm="forward")
        planes = _standardised(planes)
        mixed = self._colours @ planes.flatten(2)
        return torch.sigmoid(mixed).unflatten(2, (self.size, self.size))


def _standardised(x: Tensor) -> Tensor:
    axes = (1, 2, 3)
    centred = x - x.mean(dim=axes, keepdim=True)
    return centred / (centred.std(dim=axes, keepdim=True, correction=0) + _TINY)


@dataclass(frozen=True)
class CropSettings:
    """Random crops and noise; defaults as published.

    Attributes
    ----------
    count : int
        Crops of each image a step.
    first_side, last_side : float
        Mean side of a crop as a share of the canvas, at the first and at the last step.
    noise : float
        Standard deviation of the normal noise; uniform noise of the same width is added.
    input_size : int
        Pixels that every crop is enlarged to.
    """

    count: int = 32
    first_side: float = 0.5
    last_side: float = 0.05
    noise: float = 0.08
    input_size: int = 224


class RandomCrops:
    """Show the network random crops of each image.

    Parameters
    ----------
    settings : CropSettings
    device : torch.device
        Where it computes.
    steps : int
        Length of the whole optimisation, over which the crops become smaller.
    seed : int
        Root of the draws.
    """

    def __init__(self, settings: CropSettings, device: torch.device, steps: int, seed: int) -> None:
        self.settings = settings
        self._device = device
        self._steps = steps
        self._seed = seed

    def boxes(self, images: int, step: int, *names: str | int) -> npt.NDArray[np.float64]:
        """Draw crops (images, count, 3): centre down, centre across, side, as shares."""
        settings = self.settings
        progress = step / max(self._steps - 1, 1)
        mean = settings.first_side + (settings.last_side - settings.first_side) * progress
        rng = np.random.default_rng(seed_sequence(self._seed, "crops", step, *names))
        drawn = rng.standard_normal((images, settings.count, 3)) * (0.15, 0.15, 0.05)
        drawn += (0.5, 0.5, mean)
        drawn[..., 2] = drawn[..., 2].clip(0.05, 1.0)
        return drawn

    def __call__(self, images: Tensor, names: list[tuple[str | int, ...]], step: int) -> Tensor:
        """Crop, enlarge and add noise.

        Parameters
        ----------
        images : Tensor
            float32 (G, K, 3, H, H).
        names : list of tuple
            What each group's draws are named by.
        step : int
            From 0.

        Returns
        -------
        Tensor
            float32 (G, K x count, 3, s, s), an image's crops side by side.
        """
        made = []
        for group, name in zip(images, names, strict=True):
            boxes = self.boxes(len(group), step, *name)
            rows = self._matrices(boxes[..., 0], boxes[..., 2], group.shape[-1])
            columns = self._matrices(boxes[..., 1], boxes[..., 2], group.shape[-1])
            crops = torch.einsum("knih,kchw,knjw->kncij", rows, group, columns)
            made.append((crops + self._noise(crops.shape, step, name)).flatten(0, 1))
        return torch.stack(made)

    def _noise(self, shape: torch.Size, step: int, name: tuple[str | int, ...]) -> Tensor:
        # Drawn where the draws are the same on every machine.
        state = seed_sequence(self._seed, "noise", step, *name).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(state[0] >> np.uint64(1)))
        noise = torch.randn(shape, generator=generator)
        noise.add_(torch.rand(shape, generator=generator).sub_(0.5))
        return noise.mul_(self.settings.noise).to(self._device)

    def _matrices(
        self, centres: npt.NDArray[np.float64], sides: npt.NDArray[np.float64], size: int
    ) -> Tensor:
        """Bilinear interpolation along one axis as matrices (K, count, s, H); zero outside."""
        steps = np.linspace(-0.5, 0.5, self.settings.input_size)
        position = (centres[..., None] + sides[..., None] * steps) * (size - 1)
        distance = np.abs(position[..., None] - np.arange(size))
        weight = np.maximum(1 - distance, 0).astype(np.float32)
        inside = (position >= 0) & (position <= size - 1)
        return torch.from_numpy(weight * inside[..., None]).to(self._device)
