"""The random transforms that an image must survive: jitter, scale, rotate, jitter.

All draws of a unit's sign come from its own stream, so an image does not depend on what it
was batched with; only the scale of a step is one for all, because it decides the shapes.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from house.seeds import generator


@dataclass(frozen=True)
class TransformSettings:
    """What may be drawn.

    Attributes
    ----------
    jitter_before, jitter_after : int
        Pixels by which the first and the last random crop shrink the picture; 0 = no crop.
    scales : tuple of float
        Factors of the resize, one of them a step.
    angles : tuple of float
        Degrees of the rotation, counter-clockwise, one of them a step and group.
    """

    jitter_before: int
    scales: tuple[float, ...]
    angles: tuple[float, ...]
    jitter_after: int


@dataclass(frozen=True)
class Draws:
    """Draws of one group (a unit's sign) for all steps; each array has a row a step."""

    before: npt.NDArray[np.int64]
    angle: npt.NDArray[np.int64]
    after: npt.NDArray[np.int64]


def draw_scales(settings: TransformSettings, steps: int, seed: int) -> npt.NDArray[np.int64]:
    """Index into `settings.scales` for every step; the same for every unit of a bank."""
    return generator(seed, "scale").integers(len(settings.scales), size=steps)


def draw_group(settings: TransformSettings, steps: int, seed: int, *names: str | int) -> Draws:
    """Draw crops and angles of one group.

    Offsets run from 0 to the jitter, both included. A longer run begins with the draws of a
    shorter one.
    """

    def offsets(name: str, jitter: int) -> npt.NDArray[np.int64]:
        return generator(seed, name, *names).integers(jitter + 1, size=(steps, 2))

    return Draws(
        before=offsets("jitter before", settings.jitter_before),
        angle=generator(seed, "angle", *names).integers(len(settings.angles), size=steps),
        after=offsets("jitter after", settings.jitter_after),
    )


def scaled_size(size: int, scale: float) -> int:
    """Side after the resize: the product in 32-bit floats, cut to an integer (240 -> 228, 246)."""
    return int(np.float32(scale) * np.float32(size))


@functools.lru_cache(maxsize=64)
def resize_matrix(size: int, new_size: int) -> npt.NDArray[np.float32]:
    """Bilinear interpolation without half-pixel centres, as a matrix.

    Returns
    -------
    ndarray of float32, shape (new_size, size)
        Row i takes from position ``i * size / new_size``; the last pixel is repeated at the end.
    """
    position = np.arange(new_size, dtype=np.float64) * (size / new_size)
    lower = np.minimum(np.floor(position).astype(np.int64), size - 1)
    upper = np.minimum(lower + 1, size - 1)
    weight = position - lower
    matrix = np.zeros((new_size, size), dtype=np.float64)
    rows = np.arange(new_size)
    np.add.at(matrix, (rows, lower), 1 - weight)
    np.add.at(matrix, (rows, upper), weight)
    return matrix.astype(np.float32)


@functools.lru_cache(maxsize=256)
def rotation_index(size: int, degrees: float) -> npt.NDArray[np.int64]:
    """Where each pixel of a rotated square picture comes from, by nearest neighbour.

    Returns
    -------
    ndarray of int64, shape (size * size,)
        Flat source index of every target pixel; ``size * size`` where the source lies outside
        (filled with zero).
    """
    angle = np.deg2rad(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    centre = (size - 1) / 2
    y, x = np.mgrid[0:size, 0:size] - centre
    source_x = _round_half_away(cosine * x - sine * y + centre)
    source_y = _round_half_away(sine * x + cosine * y + centre)
    inside = (source_x >= 0) & (source_x < size) & (source_y >= 0) & (source_y < size)
    return np.where(inside, source_y * size + source_x, size * size).ravel()


def _round_half_away(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    # Rounded to 1e-6 first: cosines of exact cases must not decide ties by their last bit.
    near = np.round(values, 6)
    return (np.sign(near) * np.floor(np.abs(near) + 0.5)).astype(np.int64)


@functools.lru_cache(maxsize=256)
def rotation_uses(size: int, degrees: float) -> npt.NDArray[np.int64]:
    """Which target pixels each source pixel went to: the transpose of `rotation_index`.

    Returns
    -------
    ndarray of int64, shape (uses, size * size)
        Flat target indices, ``size * size`` where there are fewer than `uses`.
    """
    index = rotation_index(size, degrees)
    targets = np.flatnonzero(index < size * size)
    order = np.argsort(index[targets], kind="stable")
    targets, sources = targets[order], index[targets][order]
    starts = np.searchsorted(sources, sources, side="left")
    rank = np.arange(len(sources)) - starts
    uses = np.full((int(rank.max()) + 1, size * size), size * size, dtype=np.int64)
    uses[rank, sources] = targets
    return uses


class _Gather(torch.autograd.Function):  # type: ignore[misc]
    """Rotate by gathering, forwards and backwards: scattering is slow and not deterministic."""

    @staticmethod
    def forward(ctx, flat: Tensor, index: Tensor, uses: Tensor) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.save_for_backward(uses)
        return _take(flat, index)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None]:  # type: ignore[no-untyped-def]
        (uses,) = ctx.saved_tensors
        total = _take(gradient, uses[0])
        for more in uses[1:]:
            total += _take(gradient, more)
        return total, None, None


def _take(flat: Tensor, index: Tensor) -> Tensor:
    padded = torch.nn.functional.pad(flat, (0, 1))
    return padded.index_select(-1, index)


class RandomTransforms:
    """Apply the draws of one step to a batch of groups.

    Parameters
    ----------
    settings : TransformSettings
        What may be drawn.
    device : torch.device
        Where it computes.
    """

    def __init__(self, settings: TransformSettings, device: torch.device) -> None:
        self.settings = settings
        self._device = device
        self._matrices: dict[tuple[int, int], Tensor] = {}
        self._rotations: dict[tuple[int, float], tuple[Tensor, Tensor]] = {}

    def __call__(self, images: Tensor, draws: list[Draws], scale_index: int, step: int) -> Tensor:
        """Transform.

        Parameters
        ----------
        images : Tensor
            float32 (G, K, 3, H, H): K images of each of G groups.
        draws : list of Draws
            One a group.
        scale_index : int
            Which of the scales this step has.
        step : int
            Row of the draws.

        Returns
        -------
        Tensor
            float32 (G, K, 3, h, h).
        """
        groups = [
            jitter(group, self.settings.jitter_before, *drawn.before[step])
            for group, drawn in zip(images, draws, strict=True)
        ]
        scaled = self._resize(torch.stack(groups), self.settings.scales[scale_index])
        turned = [
            self._rotate(group, self.settings.angles[drawn.angle[step]])
            for group, drawn in zip(scaled, draws, strict=True)
        ]
        return torch.stack(
            [
                jitter(group, self.settings.jitter_after, *drawn.after[step])
                for group, drawn in zip(turned, draws, strict=True)
            ]
        )

    def _resize(self, images: Tensor, scale: float) -> Tensor:
        size = images.shape[-1]
        new_size = scaled_size(size, scale)
        if new_size == size:
            return images
        key = (size, new_size)
        if key not in self._matrices:
            self._matrices[key] = torch.from_numpy(resize_matrix(*key)).to(self._device)
        matrix = self._matrices[key]
        return matrix @ (images @ matrix.T)

    def _rotate(self, images: Tensor, degrees: float) -> Tensor:
        if degrees == 0:
            return images
        size = images.shape[-1]
        key = (size, degrees)
        if key not in self._rotations:
            self._rotations[key] = (
                torch.from_numpy(rotation_index(*key)).to(self._device),
                torch.from_numpy(rotation_uses(*key)).to(self._device),
            )
        index, uses = self._rotations[key]
        turned: Tensor = _Gather.apply(images.flatten(-2), index, uses)
        return turned.unflatten(-1, (size, size))


def jitter(images: Tensor, pixels: int, top: int, left: int) -> Tensor:
    """Crop to ``size - pixels`` at an offset: the published jitter shrinks the picture."""
    side = images.shape[-1] - pixels
    return images[..., top : top + side, left : left + side]
