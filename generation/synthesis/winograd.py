"""3x3 convolutions by Winograd's minimal filtering: a quarter or a third of the multiplications.

Lavin and Gray (2016), "Fast Algorithms for Convolutional Neural Networks", F(t x t, 3x3): tiles of
t x t results come from windows of (t + 2) x (t + 2) inputs by (t + 2)^2 instead of 9 t^2 products a
pair of channels. Between two compiled transforms they are one matrix product a piece that a
processor's second-level cache holds.

In float32 tiles have a side of 4. The points are 0, 2/3, -2/3, 3/2, -3/2 and infinity instead of
the paper's 0, 1, -1, 2, -2: the numbers between differ less in size, and the error is less than
half, some 1e-6 of the results' deviation. In bfloat16 such tiles have an error of 1.2 %, where
direct convolutions have 0.3 %; tiles of 3 with points 2/5, -2/5, 13/10, -13/10 and infinity have
0.7 %.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from generation.kernels.compiled import bits, channels_last, spread, suits
from generation.kernels.winograd import transform_input, transform_output

# By the number format: all points but infinity.
POINTS = {
    torch.float32: (0.0, 2 / 3, -2 / 3, 3 / 2, -3 / 2),
    torch.bfloat16: (2 / 5, -2 / 5, 13 / 10, -13 / 10),
}
# Tiles of one piece: fewer leave the products too flat to be fast, more leave the cache.
_PIECE = {torch.float32: 64, torch.bfloat16: 224}
# c o / (c + o) from which it wins (measured): below, the transforms cost what the products save.
_WORTH = {torch.float32: 20.0, torch.bfloat16: 36.0}


@cache
def matrices(
    dtype: torch.dtype,
) -> tuple[npt.NDArray[Any], npt.NDArray[Any], npt.NDArray[Any]]:
    """Give the matrices of one axis, float64: input (w, w), kernel (w, 3) and output (w - 2, w).

    A correlation is the transpose of a product of polynomials, which Toom and Cook take apart
    into values at points (Lavin and Gray, section 4.1).
    """
    points = np.array(POINTS[dtype])
    window = len(points) + 1

    def values(count: int) -> npt.NDArray[np.float64]:
        infinity = np.eye(count)[-1:]
        return np.concatenate([points[:, None] ** np.arange(count), infinity])

    into = np.linalg.inv(values(window)).T
    kernel = values(3)
    for i, point in enumerate(points):
        scale = np.prod(point - np.delete(points, i))
        into[i] *= scale
        kernel[i] /= scale
    # What an inverse leaves of zeros.
    into[np.abs(into) < 1e-12] = 0
    return into, kernel, values(window - 2).T


def transformed_kernel(weight: Tensor) -> Tensor:
    """Give (w w, C, O) for a kernel (O, C, 3, 3), in its format."""
    matrix = torch.from_numpy(matrices(weight.dtype)[1])
    found = torch.einsum("ia,jb,ocab->ijco", matrix, matrix, weight.double())
    return found.flatten(0, 1).to(weight.dtype).contiguous()


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
        (N, C, H, W) on the processor in float32 or bfloat16, best with its channels last in
        memory.
    kernel : Tensor
        From `transformed_kernel`, (w w, C, O), in the same format.
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
    into, _, out = (matrix.astype(np.float32) for matrix in matrices(x.dtype))
    tile, window = out.shape
    down, across = -(-height // tile), -(-width // tile)
    rows = max(_PIECE[x.dtype] // across, 1)
    given = channels_last(x)
    mask = given if where is None else channels_last(where)
    shift = np.zeros(leaving, np.float32) if bias is None else bias.detach().float().numpy()
    result = x.new_empty(count, height, width, leaving)
    written = bits(result)
    spectra = x.new_empty(window**2 * rows * across * channels)
    products = x.new_empty(window**2 * rows * across * leaving)
    for top in range(0, count * down, rows):
        taken = min(rows, count * down - top)
        shape = (window**2, taken * across)
        spectrum = spectra[: math.prod(shape) * channels].view(*shape, channels)
        product = products[: math.prod(shape) * leaving].view(*shape, leaving)
        spread(transform_input, taken, given, mask, where is not None, top, into, bits(spectrum))
        torch.bmm(spectrum, kernel, out=product)
        spread(transform_output, taken, bits(product), shift, rectify, top, out, written)
    return result.permute(0, 3, 1, 2)


class _Winograd(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, kernel: Tensor, turned: Tensor, bias: Tensor | None, rectify: bool
    ) -> Tensor:
        ctx.dtype = x.dtype
        result = winograd_convolution(x.to(kernel.dtype), kernel, bias, rectify=rectify)
        ctx.save_for_backward(turned, *([result] if rectify else []))
        return result

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        turned, *where = ctx.saved_tensors
        gradient = gradient.to(turned.dtype)
        found = winograd_convolution(gradient, turned, where=where[0] if where else None)
        return found.to(ctx.dtype), None, None, None, None


class WinogradConvolution(nn.Module):  # type: ignore[misc]
    """Stands for a frozen 3x3 convolution on a processor.

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
        and suits(module.weight)
        and entering * leaving / (entering + leaving) >= _WORTH[module.weight.dtype]
    )
