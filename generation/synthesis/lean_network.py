"""A network as synthesis needs it: one layer, gradients to the image only, one number format."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import FunctionType, MethodType
from typing import Any, Protocol, runtime_checkable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generation.networks.network import Network
from generation.synthesis.winograd import WinogradConvolution, worthwhile

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
    """A first convolution with stride 2 whose gradient is computed as one with stride 1.

    Processors are slow at the gradient by three channels of a strided convolution. With squares
    of 2 x 2 pixels taken for 12 channels the stride is 1, and it takes half the time or less.

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
        size = convolution.kernel_size[0]
        squares = F.pixel_unshuffle(F.pad(self.weight.detach(), (0, size % 2, 0, size % 2)), 2)
        # The gradient by the input is a convolution with the kernel turned round.
        turned = squares.flip(2, 3).transpose(0, 1)
        self.register_buffer("turned", turned.contiguous(memory_format=torch.channels_last))

    def forward(self, x: Tensor) -> Tensor:
        """Convolve (N, C, H, W)."""
        result: Tensor = _Strided.apply(x, self.weight, self.bias, self.turned, self.padding)
        return result


class _Strided(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor | None, turned: Tensor, padding: int
    ) -> Tensor:
        ctx.save_for_backward(turned)
        ctx.padding, ctx.size, ctx.dtype = padding, x.shape[2:], x.dtype
        return F.conv2d(x.to(weight.dtype), weight, bias, stride=2, padding=padding)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None, None]:
        (turned,) = ctx.saved_tensors
        squares = F.conv2d(gradient.to(turned.dtype), turned, padding=turned.shape[-1] - 1)
        pixels = F.pixel_shuffle(squares, 2)
        height, width = ctx.size
        inner = pixels[..., ctx.padding : ctx.padding + height, ctx.padding : ctx.padding + width]
        # Pixels at the far edge that no position of the kernel reaches.
        missing = (0, width - inner.shape[-1], 0, height - inner.shape[-2])
        if any(missing):
            inner = F.pad(inner, missing)
        inner = inner.to(ctx.dtype).contiguous(memory_format=torch.channels_last)
        return inner, None, None, None, None
