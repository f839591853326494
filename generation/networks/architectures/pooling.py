"""Maximum pooling of rectified maps, compiled where a processor synthesises."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from generation.kernels.compiled import bits, channels_last, spread, suits
from generation.kernels.pooling import rectified_maxima as _maxima
from generation.kernels.pooling import rectified_maxima_backward as _maxima_backward
from generation.networks.architectures.watching import watched


def maxima_of_rectified(
    x: Tensor, kernel: int, stride: int, padding: tuple[int, int] = (0, 0), ceil_mode: bool = False
) -> Tensor:
    """Give the maxima of maps that a ReLU made.

    Where the gradient of a processor is wanted, zeros get none of it: the ReLU before them has
    none to give.

    Parameters
    ----------
    x : Tensor
        Feature maps (N, C, H, W), not negative.
    kernel, stride, padding, ceil_mode
        Of the pooling, in positions.
    """
    if x.requires_grad and suits(x) and not watched():
        found: Tensor = _RectifiedMaxima.apply(x, kernel, stride, padding, ceil_mode)
        return found
    return F.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil_mode)


def rectified_maxima(
    x: Tensor, kernel: int, stride: int, padding: tuple[int, int] = (0, 0), ceil_mode: bool = False
) -> Tensor:
    """Give the maxima of rectified feature maps.

    Both orders have the same values and gradients; pooled first, the ReLU has a quarter of the
    work. Where functions are being watched (redirected gradients, which depend on all inputs of
    a ReLU), the ReLU comes first, as in the original.

    Parameters
    ----------
    x : Tensor
        Feature maps (N, C, H, W) before the ReLU.
    kernel, stride, padding, ceil_mode
        Of the pooling, in positions.
    """
    if watched():
        return F.max_pool2d(F.relu(x), kernel, stride, padding, ceil_mode=ceil_mode)
    if x.requires_grad and suits(x):
        found: Tensor = _RectifiedMaxima.apply(x, kernel, stride, padding, ceil_mode)
        return found
    return F.relu(F.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil_mode))


def pooled_size(size: int, kernel: int, stride: int, padding: int, ceil_mode: bool) -> int:
    """Count the windows along an axis as torch does: none starts beyond the far edge."""
    room = size + 2 * padding - kernel
    count = (-(-room // stride) if ceil_mode else room // stride) + 1
    if ceil_mode and (count - 1) * stride >= size + padding:
        count -= 1
    return count


class _RectifiedMaxima(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, kernel: int, stride: int, padding: tuple[int, int], ceil_mode: bool
    ) -> Tensor:
        given = channels_last(x)
        down, across = (
            pooled_size(size, kernel, stride, before, ceil_mode)
            for size, before in zip(given.shape[1:3], padding, strict=True)
        )
        shape = (given.shape[0], down, across, given.shape[3])
        out = torch.empty(shape, dtype=x.dtype)
        where = torch.empty(shape, dtype=torch.uint8)
        ctx.window, ctx.shape = (kernel, stride, padding), given.shape
        ctx.save_for_backward(where)
        spread(_maxima, len(given), given, bits(out), where.numpy(), *ctx.window)
        return out.permute(0, 3, 1, 2)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        (where,) = ctx.saved_tensors
        out = torch.empty(ctx.shape, dtype=gradient.dtype)
        above = channels_last(gradient)
        spread(_maxima_backward, len(above), above, where.numpy(), bits(out), *ctx.window)
        return out.permute(0, 3, 1, 2), None, None, None, None
