"""Knowing whether torch's functions are being caught, as redirected gradients do."""

from __future__ import annotations

import torch
from torch.overrides import has_torch_function


def watched() -> bool:
    """Whether calls of torch's functions are being caught."""
    return bool(has_torch_function((torch.empty(0),)))
