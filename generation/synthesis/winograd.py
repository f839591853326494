"""3x3 convolutions by Winograd's minimal filtering: a quarter of the multiplications.

Lavin and Gray (2016), "Fast Algorithms for Convolutional Neural Networks", F(4x4, 3x3): tiles of
4 x 4 results come from 6 x 6 inputs by 36 instead of 144 products a pair of channels. As both
transforms are matrix products as well, the whole is three of them on pieces that a processor's
second-level cache holds. In float32 results differ from a direct convolution by some 1e-5 of
their size, ten times as much as the order of sums.
"""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn

TILE, WINDOW = 4, 6
# Tiles of one piece: fewer leave the products too flat to be fast, more leave the cache.
_PIECE = 64
# c o / (c + o) from which it wins: below, the transforms cost what the products save.
_WORTH = 32.0

# Section 4.3 of the paper, for interpolation points 0, 1, -1, 2, -2 and infinity.
_INPUT = (
    (4.0, 0.0, -5.0, 0.0, 1.0, 0.0),
    (0.0, -4.0, -4.0, 1.0, 1.0, 0.0),
    (0.0, 4.0, -4.0, -1.0, 1.0, 0.0),
    (0.0, -2.0, -1.0, 2.0, 1.0, 0.0),
    (0.0, 2.0, -1.0, -2.0, 1.0, 0.0),
    (0.0, 4.0, 0.0, -5.0, 0.0, 1.0),
)
_KERNEL = (
    (1 / 4, 0.0, 0.0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0.0, 0.0, 1.0),
)
_OUTPUT = (
    (1.0, 1.0, 1.0, 1.0, 1.0, 0.0),
    (0.0, 1.0, -1.0, 2.0, -2.0, 0.0),
    (0.0, 1.0, 1.0, 4.0, 4.0, 0.0),
    (0.0, 1.0, -1.0, 8.0, -8.0, 1.0),
)


def _twice(matrix: tuple[tuple[float, ...], ...]) -> Tensor:
    once = torch.tensor(matrix, dtype=torch.float64)
    # Along rows and columns in one matrix.
    return torch.kron(once, once).float()


def transformed_kernel(weight: Tensor) -> Tensor:
    """Give float32 (36, C, O) for a kernel (O, C, 3, 3)."""
    matrix = torch.tensor(_KERNEL, dtype=torch.float64)
    found = torch.einsum("ia,jb,ocab->ijco", matrix, matrix, weight.double())
    return found.flatten(0, 1).float().contiguous()


def winograd_convolution(
    x: Tensor,
    kernel: Tensor,
    bias: Tensor | None = None,
    *,
    rectify: bool = False,
    where: Tensor | None = None,
) -> Tensor:
    """Convolve with a 3x3 kernel, stride 1, a border of one zero; not differentiable by itself.

    Parameters
    ----------
    x : Tensor
        float32 (N, C, H, W) on the processor, best with its channels last in memory.
    kernel : Tensor
        From `transformed_kernel`, (36, C, O).
    bias : Tensor, optional
        (O,).
    rectify : bool
        Let a ReLU follow.
    where : Tensor, optional
        Shaped as `x`, which counts as zero where this is not positive: the gradient of a ReLU.

    Returns
    -------
    Tensor
        (N, O, H, W), channels last in memory. An image's result does not depend on the others.
    """
    count, channels, height, width = x.shape
    leaving = kernel.shape[2]
    down, across = -(-height // TILE), -(-width // TILE)
    together = max(_PIECE // (down * across), 1)
    rows = max(min(_PIECE // across, down), 1)
    into, out = _twice(_INPUT), _twice(_OUTPUT)
    bias = x.new_zeros(1) if bias is None else bias
    result = x.new_empty(count, height, width, leaving)
    whole = (height, width) == (TILE * down, TILE * across)
    full = x.new_empty(0 if whole else together, TILE * down, TILE * across, leaving)
    padded = x.new_zeros(together, TILE * down + 2, TILE * across + 2, channels)
    most = together * rows * across
    windows = x.new_empty(WINDOW**2 * most * channels)
    spectra = torch.empty_like(windows)
    products = x.new_empty(WINDOW**2 * most * leaving)
    tiles = x.new_empty(TILE**2 * most * leaving)
    last = x.permute(0, 2, 3, 1)
    positive = None if where is None else where.permute(0, 2, 3, 1)
    for first in range(0, count, together):
        images = min(together, count - first)
        inner = padded[:images, 1 : 1 + height, 1 : 1 + width]
        if positive is None:
            inner.copy_(last[first : first + images])
        else:
            torch.ops.aten.threshold_backward.grad_input(
                last[first : first + images],
                positive[first : first + images],
                0,
                grad_input=inner,
            )
        target = result[first : first + images] if whole else full[:images]
        target = target.view(images, down, TILE, across, TILE, leaving)
        for top in range(0, down, rows):
            taken = min(rows, down - top)
            shape = (images, taken, across)
            size = math.prod(shape)
            window = windows[: WINDOW**2 * size * channels]
            spectrum = spectra[: len(window)].view(WINDOW**2, size, channels)
            product = products[: WINDOW**2 * size * leaving].view(WINDOW**2, size, leaving)
            tile = tiles[: TILE**2 * size * leaving]
            window.view(WINDOW, WINDOW, *shape, channels).copy_(_windows(padded, top, shape))
            torch.mm(into, window.view(WINDOW**2, -1), out=spectrum.view(WINDOW**2, -1))
            torch.bmm(spectrum, kernel, out=product)
            torch.mm(out, product.view(WINDOW**2, -1), out=tile.view(TILE**2, -1))
            placed = tile.view(TILE, TILE, *shape, leaving).permute(2, 3, 0, 4, 1, 5)
            placed = torch.add(placed, bias, out=target[:, top : top + taken])
            if rectify:
                placed.relu_()
        if not whole:
            result[first : first + images] = full[:images, :height, :width]
    return result.permute(0, 3, 1, 2)


def _windows(padded: Tensor, top: int, shape: tuple[int, int, int]) -> Tensor:
    image, row, column, _ = padded.stride()
    return padded.as_strided(
        (WINDOW, WINDOW, *shape, padded.shape[3]),
        (row, column, image, TILE * row, TILE * column, 1),
        top * TILE * row,
    )


class _Winograd(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, kernel: Tensor, turned: Tensor, bias: Tensor | None, rectify: bool
    ) -> Tensor:
        result = winograd_convolution(x, kernel, bias, rectify=rectify)
        ctx.save_for_backward(turned, *([result] if rectify else []))
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        turned, *where = ctx.saved_tensors
        found = winograd_convolution(gradient, turned, where=where[0] if where else None)
        return found, None, None, None, None


class WinogradConvolution(nn.Module):  # type: ignore[misc]
    """Stands for a frozen 3x3 convolution on a processor, in float32.

    Parameters
    ----------
    convolution : nn.Conv2d
        One that `worthwhile` names.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        weight = convolution.weight.detach()
        self.bias = convolution.bias
        self.register_buffer("kernel", transformed_kernel(weight))
        # The gradient by the input is a convolution with the kernel turned round.
        self.register_buffer("turned", transformed_kernel(weight.flip(2, 3).transpose(0, 1)))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, C, H, W)."""
        result: Tensor = _Winograd.apply(x, self.kernel, self.turned, self.bias, False)
        return result

    def rectified(self, x: Tensor) -> Tensor:
        """Convolve and rectify, while the results lie in the cache."""
        result: Tensor = _Winograd.apply(x, self.kernel, self.turned, self.bias, True)
        return result


def worthwhile(module: nn.Module) -> bool:
    """Whether a module is a convolution that this computes, and faster."""
    if type(module) is not nn.Conv2d:
        return False
    entering, leaving = module.in_channels, module.out_channels
    return (
        module.kernel_size == (3, 3)
        and module.stride == (1, 1)
        and module.padding == (1, 1)
        and module.padding_mode == "zeros"
        and module.dilation == (1, 1)
        and module.groups == 1
        and bool(entering * leaving / (entering + leaving) >= _WORTH)
    )
