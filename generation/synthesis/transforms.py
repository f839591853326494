"""The random transforms that an image must survive: jitter, scale, rotate, jitter.

All draws of a unit's sign come from its own stream, so an image does not depend on what it
was batched with; only the scale of a step is one for all, because it decides the shapes.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor

from generation.kernels.compiled import spread, suits
from generation.kernels.moving import move, move_back
from generation.synthesis.geometry import (
    matrix_taps,
    resize_matrix,
    resize_taps,
    rotation_index,
    rotation_uses,
    scaled_size,
)
from house.seeds import generator

_Table = tuple[Tensor, Tensor]
# See `generation.kernels.moving.move`.
_Move = tuple[
    tuple[int, int],
    npt.NDArray[np.int64],
    npt.NDArray[np.float32],
    npt.NDArray[np.int64],
    tuple[int, int],
]


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
    pad : int
        Pixels of mid-grey border that are put round the picture before all this.
    """

    jitter_before: int
    scales: tuple[float, ...]
    angles: tuple[float, ...]
    jitter_after: int
    pad: int = 0


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


class _Taps(torch.autograd.Function):  # type: ignore[misc]
    """A sparse matrix along one axis, gathered forwards and backwards: scatters are slow here.

    Scatters are not deterministic on a GPU either.
    """

    @staticmethod
    def forward(ctx, x: Tensor, axis: int, ahead: _Table, back: _Table) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.axis, ctx.back = axis, back
        return _apply_taps(x, axis, ahead)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[no-untyped-def]
        return _apply_taps(gradient, ctx.axis, ctx.back), None, None, None


def _apply_taps(x: Tensor, axis: int, table: _Table) -> Tensor:
    shape = [1] * x.ndim
    shape[axis] = -1
    index, weight = table
    total = x.index_select(axis, index[0]).mul_(weight[0].view(shape))
    for place, factor in zip(index[1:], weight[1:], strict=True):
        total.addcmul_(x.index_select(axis, place), factor.view(shape))
    return total


class _Turn(torch.autograd.Function):  # type: ignore[misc]
    """Rotation of (pixels, values) by gathering whole pixels, forwards and backwards."""

    @staticmethod
    def forward(ctx, flat: Tensor, index: Tensor, outside: Tensor, uses: list[Tensor]) -> Tensor:  # type: ignore[no-untyped-def]
        ctx.uses = uses
        return flat.index_select(0, index).index_fill_(0, outside, 0.0)

    @staticmethod
    def backward(ctx, gradient: Tensor) -> tuple[Tensor, None, None, None]:  # type: ignore[no-untyped-def]
        total = torch.zeros_like(gradient)
        for sources, targets in ctx.uses:
            total.index_add_(0, sources, gradient.index_select(0, targets))
        return total, None, None, None


class _Moved(torch.autograd.Function):  # type: ignore[misc]
    """All transforms of groups of images (G, K, 3, H, W) at once, where a processor computes."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, moves: list[_Move], side: int) -> Tensor:
        groups, count, colours = images.shape[:3]
        ctx.moves, ctx.shape = moves, images.shape
        made = images.new_empty(groups, count, side, side, colours)
        given = images.detach().contiguous().numpy()
        for group, written, how in zip(given, made.numpy(), moves, strict=True):
            spread(move, count, group, written, *how)
        return made.permute(0, 1, 4, 2, 3)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        found = gradient.new_empty(ctx.shape)
        above = gradient.permute(0, 1, 3, 4, 2).contiguous().numpy()
        for group, written, how in zip(above, found.numpy(), ctx.moves, strict=True):
            spread(move_back, len(group), group, written, *how)
        return found, None, None


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
        self._resizes: dict[tuple[int, int], tuple[_Table, _Table]] = {}
        self._turns: dict[tuple[int, float], tuple[Tensor, Tensor, list[Tensor]]] = {}

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
            float32 (G, K, 3, h, h), in memory pixel by pixel with the colours innermost.
        """
        settings = self.settings
        if suits(images) and images.dtype == torch.float32:
            return self._moved(images, draws, scale_index, step)
        made = []
        for group, drawn in zip(images, draws, strict=True):
            if settings.pad:
                group = F.pad(group, (settings.pad,) * 4, value=0.5)
            picture = jitter(group, settings.jitter_before, *drawn.before[step])
            # Pixel by pixel, all images' values side by side: resize and rotation then move
            # whole rows of memory, several times faster than single numbers.
            picture = picture.permute(2, 3, 0, 1).flatten(2).contiguous()
            picture = self._resize(picture, settings.scales[scale_index])
            picture = self._turn(picture, settings.angles[drawn.angle[step]])
            picture = picture.unflatten(2, group.shape[:2]).permute(2, 0, 1, 3)
            top, left = drawn.after[step]
            side = picture.shape[1] - settings.jitter_after
            made.append(picture[:, top : top + side, left : left + side])
        return torch.stack(made).permute(0, 1, 4, 2, 3)

    def _moved(self, images: Tensor, draws: list[Draws], scale_index: int, step: int) -> Tensor:
        settings = self.settings
        if settings.pad:
            images = F.pad(images, (settings.pad,) * 4, value=0.5)
        square = images.shape[-1] - settings.jitter_before
        side = scaled_size(square, settings.scales[scale_index])
        moves = [
            (
                (int(drawn.before[step, 0]), int(drawn.before[step, 1])),
                *resize_taps(square, side),
                rotation_index(side, settings.angles[drawn.angle[step]]),
                (int(drawn.after[step, 0]), int(drawn.after[step, 1])),
            )
            for drawn in draws
        ]
        moved: Tensor = _Moved.apply(images, moves, side - settings.jitter_after)
        return moved

    def _resize(self, picture: Tensor, scale: float) -> Tensor:
        size = picture.shape[0]
        new_size = scaled_size(size, scale)
        if new_size == size:
            return picture
        key = (size, new_size)
        if key not in self._resizes:
            matrix = resize_matrix(*key)
            self._resizes[key] = (self._table(matrix), self._table(matrix.T))
        ahead, back = self._resizes[key]
        for axis in (0, 1):
            picture = _Taps.apply(picture, axis, ahead, back)
        return picture

    def _table(self, matrix: npt.NDArray[np.float32]) -> _Table:
        index, weight = matrix_taps(matrix)
        return torch.from_numpy(index).to(self._device), torch.from_numpy(weight).to(self._device)

    def _turn(self, picture: Tensor, degrees: float) -> Tensor:
        if degrees == 0:
            return picture
        size = picture.shape[0]
        key = (size, degrees)
        if key not in self._turns:
            index = torch.from_numpy(rotation_index(*key)).to(self._device)
            outside = (index == size * size).nonzero().squeeze(1)
            uses = [torch.from_numpy(pairs).to(self._device) for pairs in rotation_uses(*key)]
            self._turns[key] = (index.clamp(max=size * size - 1), outside, uses)
        turned: Tensor = _Turn.apply(picture.flatten(0, 1), *self._turns[key])
        return turned.unflatten(0, (size, size))


def jitter(images: Tensor, pixels: int, top: int, left: int) -> Tensor:
    """Crop to ``size - pixels`` at an offset: the published jitter shrinks the picture."""
    side = images.shape[-1] - pixels
    return images[..., top : top + side, left : left + side]
