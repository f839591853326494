"""ReLUs joined with what is beside them, where nobody looks at the single ReLU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import has_torch_function


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
    return F.relu(F.max_pool2d(x, kernel, stride, padding, ceil_mode=ceil_mode))


def rectified_branches(branches: list[Tensor]) -> Tensor:
    """Concatenate branches (N, C_b, H, W) after a ReLU each, or all in one where none watches."""
    if watched():
        return torch.cat([F.relu(branch) for branch in branches], dim=1)
    return F.relu(torch.cat(branches, dim=1), inplace=True)


def rectified(convolution: nn.Module, x: Tensor) -> Tensor:
    """Convolve (N, C, H, W) and rectify, in one where the module can and none watches."""
    together = getattr(convolution, "rectified", None)
    if together is None or watched():
        return F.relu(convolution(x))
    result: Tensor = together(x)
    return result


def watched() -> bool:
    """Whether calls of torch's functions are being caught."""
    return bool(has_torch_function((torch.empty(0),)))
