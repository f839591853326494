"""ReLUs joined with what is beside them, where nobody looks at the single ReLU."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generation.networks.architectures.watching import watched


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
