"""Penalties on the image itself, to be subtracted from what is maximised."""

from __future__ import annotations

from torch import Tensor


def total_variation(images: Tensor) -> Tensor:
    """Sum of absolute differences between neighbouring pixels, as lucid takes it.

    Parameters
    ----------
    images : Tensor
        RGB (N, 3, H, W) in [0, 1].

    Returns
    -------
    Tensor
        (N,), over all colours and both directions.
    """
    down = (images[..., 1:, :] - images[..., :-1, :]).abs()
    right = (images[..., :, 1:] - images[..., :, :-1]).abs()
    return down.flatten(1).sum(dim=1) + right.flatten(1).sum(dim=1)


def l2(images: Tensor) -> Tensor:
    """Euclidean distance from a mid-grey image: (N,) for images (N, 3, H, W) in [0, 1]."""
    # The small number keeps the gradient of a wholly grey image finite.
    return ((images - 0.5).square().flatten(1).sum(dim=1) + 1e-10).sqrt()
