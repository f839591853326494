"""Local response normalisation across channels as TensorFlow defines it, with its own gradient."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

# The attributes of both LRN nodes in the published graph of InceptionV1.
DEPTH_RADIUS = 5
BIAS = 2.0
ALPHA = 1e-4
BETA = 0.5


def window_sum(x: Tensor) -> Tensor:
    """Sum over a channel and its five neighbours on either side, as many of them as exist.

    Parameters
    ----------
    x : Tensor
        Feature maps (N, C, H, W).

    Returns
    -------
    Tensor
        Sums of the same shape.
    """
    channels = x.shape[1]
    padded = F.pad(x, (0, 0, 0, 0, DEPTH_RADIUS, DEPTH_RADIUS))
    # Windows of 2, 4 and 8 by doubling; 8 + 2 + 1 = 11 needs five additions instead of ten.
    two = padded[:, :-1] + padded[:, 1:]
    four = two[:, :-2] + two[:, 2:]
    eight = four[:, :-4] + four[:, 4:]
    total = eight[:, :channels] + two[:, 8 : 8 + channels]
    return total.add_(padded[:, 10 : 10 + channels])


class _LocalResponse(torch.autograd.Function):  # type: ignore[misc]
    # The window is symmetric, so its transpose is itself and the gradient needs one more sum;
    # autograd through the additions would take three times as long.

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        # Squares of half-precision activations overflow.
        wide = x.float()
        scale = window_sum(wide.square()).mul_(ALPHA).add_(BIAS)
        root = scale.rsqrt()
        ctx.save_for_backward(x, root)
        return (wide * root).to(x.dtype)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        x, root = ctx.saved_tensors
        wide = x.float()
        outer = gradient.float() * root
        inner = window_sum((outer * wide).mul_(root.square()))
        return outer.sub_(inner.mul_(wide).mul_(2 * ALPHA * BETA)).to(x.dtype)


def local_response_normalisation(x: Tensor) -> Tensor:
    """Divide by ``(2 + 1e-4 * sum of squares of the 11 nearest channels) ** 0.5``.

    `torch.nn.functional.local_response_norm` divides alpha by the window's size, counts the
    window as a whole instead of a radius, and takes an order of magnitude longer on a processor.

    Parameters
    ----------
    x : Tensor
        Feature maps (N, C, H, W).

    Returns
    -------
    Tensor
        Normalised feature maps, same shape and dtype; differentiable once.
    """
    return _LocalResponse.apply(x)
