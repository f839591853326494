"""Local response normalisation across channels as TensorFlow defines it, with its own gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from generation.kernels.compiled import bits, spread, suits
from generation.kernels.local_response import normalise, normalise_backward

# The attributes of both LRN nodes in the published graph of InceptionV1.
DEPTH_RADIUS = 5
BIAS = 2.0
ALPHA = 1e-4
BETA = 0.5


def window_sum(rows: Tensor) -> Tensor:
    """Sum over a channel and its five neighbours on either side, as many of them as exist.

    Parameters
    ----------
    rows : Tensor
        Positions by channels (P, C).

    Returns
    -------
    Tensor
        Sums of the same shape.
    """
    channels = rows.shape[1]
    padded = F.pad(rows, (DEPTH_RADIUS, DEPTH_RADIUS))
    # Windows of 2, 4 and 8 by doubling; 8 + 2 + 1 = 11 needs five additions instead of ten.
    two = padded[:, :-1] + padded[:, 1:]
    four = two[:, :-2] + two[:, 2:]
    total = four[:, :channels] + four[:, 4 : 4 + channels]
    return total.add_(two[:, 8 : 8 + channels]).add_(padded[:, 10 : 10 + channels])


def _rows(maps: Tensor) -> Tensor:
    return maps.permute(0, 2, 3, 1).reshape(-1, maps.shape[1])


def _maps(rows: Tensor, like: Tensor) -> Tensor:
    count, _, height, width = like.shape
    return rows.view(count, height, width, -1).permute(0, 3, 1, 2)


class _LocalResponse(torch.autograd.Function):  # type: ignore[misc]
    # The window is symmetric, so its transpose is itself and the gradient needs one more sum;
    # autograd through the additions would take three times as long.

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        rows = _rows(x)
        out = torch.empty_like(rows)
        root = torch.empty_like(rows, dtype=torch.float32)
        if suits(x):
            spread(
                normalise,
                len(rows),
                bits(rows.detach()),
                bits(out),
                root.numpy(),
                np.float32(ALPHA),
                np.float32(BIAS),
            )
        else:
            # Squares of half-precision activations overflow.
            wide = rows.float()
            scale = window_sum(wide.square()).mul_(ALPHA).add_(BIAS)
            out.copy_(torch.rsqrt(scale, out=root).mul(wide))
        ctx.save_for_backward(x, root)
        return _maps(out, x)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        x, root = ctx.saved_tensors
        rows, above = _rows(x), _rows(gradient)
        out = torch.empty_like(rows)
        if suits(x):
            spread(
                normalise_backward,
                len(rows),
                bits(rows),
                bits(above.contiguous()),
                root.numpy(),
                bits(out),
                np.float32(2 * ALPHA * BETA),
            )
        else:
            wide = rows.float()
            outer = above.float().mul(root)
            inner = window_sum((outer * wide).mul_(root).mul_(root))
            out.copy_(outer.addcmul_(inner, wide, value=-2 * ALPHA * BETA))
        return _maps(out, x)


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
