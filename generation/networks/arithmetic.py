"""How a GPU multiplies 32-bit numbers: with all their bits, and each time in the same way."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


def compute_exactly(device: torch.device) -> None:
    """Let a GPU multiply 32-bit numbers as such, and prefer what gives the same each time.

    torch would let convolutions cut them to the 19 bits of TF32. Nothing is done for other
    devices.
    """
    if device.type != "cuda":
        return
    _allow_tf32(False)
    torch.backends.cudnn.deterministic = True
    # Trying out which way is fastest would choose by chance.
    torch.backends.cudnn.benchmark = False


@contextlib.contextmanager
def tf32_where_asked(precision: str) -> Iterator[None]:
    """Let products be TF32 within this context if the precision says so.

    Parameters
    ----------
    precision : str
        Of synthesis.
    """
    if precision != "tf32":
        yield
        return
    _allow_tf32(True)
    try:
        yield
    finally:
        _allow_tf32(False)


def _allow_tf32(allowed: bool) -> None:
    torch.backends.cudnn.allow_tf32 = allowed
    torch.backends.cuda.matmul.allow_tf32 = allowed
