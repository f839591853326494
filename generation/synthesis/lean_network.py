"""A network as synthesis needs it: one layer, gradients to the image only, one number format."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from types import FunctionType, MethodType
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generation.kernels.compiled import LANES, bits, spread, suits
from generation.kernels.strided import add_windows
from generation.networks.network import Network
from generation.synthesis.winograd import WinogradConvolution, worthwhile

# Of which the products with a first convolution's kernel are made at a time: more leave the cache.
_WINDOWS = 6000
DTYPES = {"bfloat16": torch.bfloat16, "float16": torch.float16}


@runtime_checkable
class Simplifies(Protocol):
    """A module that can compute the same in fewer steps."""

    def simplify(self) -> None:
        """Do so from now on; weights are not to be loaded or trained after it."""
        ...


class LeanNetwork:
    """Features of one layer, as fast as they come.

    Parameters
    ----------
    network : Network
        Stays as it is; what must be changed is copied.
    layer : str
        Nothing beyond it is computed.
    precision : str
        ``float32``, ``bfloat16`` or ``float16``.
    compiled : bool
        Let torch compile it, anew for each shape of images. For GPUs alone: on processors it
        takes twice as long, and this package's own kernels cannot be compiled so.
    """

    def __init__(
        self, network: Network, layer: str, precision: str, compiled: bool = False
    ) -> None:
        self.layer = layer
        self.dtype = DTYPES.get(precision)
        self._device = network.device.type
        self._network = network.altered(self._adapt)
        self._compiled: dict[torch.Size, Callable[[Tensor], Tensor]] | None = (
            {} if compiled else None
        )

    def modules(self) -> Iterator[nn.Module]:
        """Go through the modules that compute."""
        return self._network.modules()

    def __call__(self, images: Tensor) -> Tensor:
        """Give pre-ReLU feature maps (N, C, h, w) of RGB images (N, 3, H, W) in [0, 1]."""
        images = images.contiguous(memory_format=torch.channels_last)
        if self._compiled is None:
            return self._features(images)
        if images.shape not in self._compiled:
            self._compiled[images.shape] = torch.compile(_own_code(self._features), dynamic=False)
        return self._compiled[images.shape](images)

    def eager(self, images: Tensor) -> Tensor:
        """Compute without compiled code, so that single functions can be caught."""
        return self._features(images.contiguous(memory_format=torch.channels_last))

    def _features(self, images: Tensor) -> Tensor:
        if self.dtype is None:
            return self._network.features(images, self.layer)
        with torch.autocast(self._device, dtype=self.dtype, cache_enabled=False):
            return self._network.features(images, self.layer)

    def _adapt(self, module: nn.Module) -> None:
        for part in list(module.modules()):
            if isinstance(part, Simplifies):
                part.simplify()
        if self.dtype is not None:
            # Autocast converts frozen weights anew in every pass; once is enough.
            for part in module.modules():
                if isinstance(part, (nn.Conv2d, nn.Linear)):
                    part.to(self.dtype)
        if self._device == "cpu":
            for parent in list(module.modules()):
                for name, child in list(parent.named_children()):
                    if _strided(child):
                        setattr(parent, name, StridedConvolution(child))
                    elif worthwhile(child):
                        setattr(parent, name, WinogradConvolution(child))


def _own_code(method: Callable[[Tensor], Tensor]) -> Callable[[Tensor], Tensor]:
    """Give a method code of its own.

    torch compiles a function anew for new shapes, and another object's method counts as the same
    function; after eight times it silently compiles no more. A layer has five shapes or more.
    """
    code = method.__func__.__code__.replace()  # type: ignore[attr-defined]
    copied = FunctionType(code, method.__func__.__globals__)  # type: ignore[attr-defined]
    return MethodType(copied, method.__self__)  # type: ignore[attr-defined]


def _strided(module: nn.Module) -> bool:
    return (
        type(module) is nn.Conv2d
        and suits(module.weight)
        and module.in_channels <= 4
        and module.stride == (2, 2)
        and module.dilation == (1, 1)
        and module.groups == 1
        and not isinstance(module.padding, str)
        and module.padding_mode == "zeros"
        and module.kernel_size[0] == module.kernel_size[1]
        and module.padding[0] == module.padding[1]
    )


class StridedConvolution(nn.Module):  # type: ignore[misc]
    """A first convolution with stride 2 whose gradient by the image is computed faster.

    Processors are slow at the gradient by three channels of a strided convolution. One matrix
    product with the kernel and a loop that adds its rows where they belong take half the time.

    Parameters
    ----------
    convolution : nn.Conv2d
        Stride 2, square, few input channels, zero padding.
    """

    def __init__(self, convolution: nn.Conv2d) -> None:
        super().__init__()
        self.weight = convolution.weight
        self.bias = convolution.bias
        self.padding = int(convolution.padding[0])
        # (O, kernel, numbers): the kernel's rows, pixel by pixel.
        rows = self.weight.detach().permute(0, 2, 3, 1).flatten(2)
        self.register_buffer("rows", F.pad(rows, (0, -rows.shape[2] % LANES)).contiguous())

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, C, H, W)."""
        result: Tensor = _Strided.apply(x, self.weight, self.bias, self.rows, self.padding)
        return result


class _Strided(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, rows: Tensor, padding: int
    ) -> Tensor:
        ctx.save_for_backward(rows)
        ctx.padding, ctx.shape, ctx.dtype = padding, x.shape, x.dtype
        return F.conv2d(x.to(weight.dtype), weight, bias, stride=2, padding=padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        (rows,) = ctx.saved_tensors
        count, channels, height, width = ctx.shape
        kernel, columns = rows.shape[1:]
        down, across = gradient.shape[2:]
        upstream = gradient.to(rows.dtype).permute(0, 2, 3, 1).contiguous()
        found = torch.zeros(count, height, width, channels)
        taken = math.ceil(down / math.ceil(down * across / _WINDOWS))
        products = rows.new_empty(taken * across, kernel * columns)
        windows = bits(products).reshape(taken, across, kernel, columns)
        for image, written in zip(upstream, found.numpy(), strict=True):
            for top in range(0, down, taken):
                part = image[top : top + taken]
                torch.mm(part.flatten(0, 1), rows.flatten(1), out=products[: len(part) * across])
                first = max(2 * top - ctx.padding, 0)
                last = min(2 * (top + len(part) - 1) + kernel - ctx.padding, height)
                pad = (ctx.padding + first - 2 * top, ctx.padding)
                reached = written[first:last]
                spread(add_windows, len(reached), windows[: len(part)], reached, 2, pad)
        found = found.to(ctx.dtype)
        return found.permute(0, 3, 1, 2), None, None, None, None
