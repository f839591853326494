"""What is maximised: a channel's mean, and how different the images of a group are."""

from __future__ import annotations

import torch
from torch import Tensor

# Keeps the gradient of an all-zero feature map finite; the published value.
EPSILON = 1e-10


def channel_means(features: Tensor, channels: Tensor) -> Tensor:
    """Activation of each image's unit.

    Parameters
    ----------
    features : Tensor
        Pre-ReLU feature maps (G, K, C, h, w) of G groups.
    channels : Tensor
        int64 (G,), the channel of each group.

    Returns
    -------
    Tensor
        float32 (G, K), spatial means.
    """
    groups = torch.arange(len(features), device=features.device)
    return features[groups, :, channels].float().mean(dim=(-2, -1))


def similarity(features: Tensor) -> Tensor:
    """How alike the images of a group are in what the layer's channels do together.

    The published diversity term is its negative times a weight (Borowski et al. 2021 after Olah
    et al. 2017): the mean over images i of the sum over the other images j of the inner product
    of their L2-normalised Gram matrices.

    Parameters
    ----------
    features : Tensor
        Pre-ReLU feature maps (G, K, C, h, w).

    Returns
    -------
    Tensor
        float32 (G,), between 0 and K - 1 (a Gram matrix has no negative inner products).

    Notes
    -----
    The sum over pairs is ``|sum_i g_i|^2 - sum_i |g_i|^2``: one pass over the images instead of
    one over the pairs.
    """
    flat = features.flatten(-2)
    gram = (flat @ flat.transpose(-1, -2)).float().flatten(-2)
    squares = gram.square().sum(dim=-1, keepdim=True)
    unit = gram * torch.rsqrt(squares.clamp_min(EPSILON))
    together = unit.sum(dim=1).square().sum(dim=-1)
    alone = unit.square().sum(dim=(-2, -1))
    return (together - alone) / features.shape[1]


def objective(
    features: Tensor, channels: Tensor, signs: Tensor, diversity_weights: Tensor
) -> tuple[Tensor, Tensor]:
    """Give what is maximised and the activation within it, for each group.

    Parameters
    ----------
    features : Tensor
        Pre-ReLU feature maps (G, K, C, h, w).
    channels : Tensor
        int64 (G,).
    signs : Tensor
        float32 (G,), +1 to maximise the activation, -1 to minimise it. Only the channel's term
        changes its sign: diversity is wanted either way.
    diversity_weights : Tensor
        float32 (G,), 0 or more.

    Returns
    -------
    value : Tensor
        float32 (G,), ``sign x activation - weight x similarity``.
    activation : Tensor
        float32 (G,), the mean activation of the group's images.
    """
    activation = channel_means(features, channels).mean(dim=1)
    value = signs * activation
    if features.shape[1] > 1 and bool((diversity_weights > 0).any()):
        value = value - diversity_weights * similarity(features)
    return value, activation
