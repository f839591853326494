"""What is maximised: a unit's response, and how different the images of a group are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

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


def neurons(features: Tensor, channels: Tensor) -> Tensor:
    """Response of the middle position alone, as lucid's neuron objective: float32 (G, K).

    The middle of an even number of positions is the one after it.

    Parameters
    ----------
    features : Tensor
        Pre-ReLU feature maps (G, K, C, h, w).
    channels : Tensor
        int64 (G,).
    """
    groups = torch.arange(len(features), device=features.device)
    height, width = features.shape[-2:]
    return features[groups, :, channels, height // 2, width // 2].float()


def direction_means(features: Tensor, directions: Tensor) -> Tensor:
    """Spatial mean of the inner product with a direction among the channels: float32 (G, K).

    Parameters
    ----------
    features : Tensor
        Pre-ReLU feature maps (G, K, C, h, w).
    directions : Tensor
        float32 (G, C), one a group, used as they are (not normalised).
    """
    return torch.einsum("gkc,gc->gk", features.float().mean(dim=(-2, -1)), directions)


class _Similarity(torch.autograd.Function):  # type: ignore[misc]
    """Similarity, also beside the channels' means, and the gradient in closed form.

    Of the two ways the one with the smaller matrices: Gram matrices of C x C, or, as
    ``<F_i F_i^T, F_j F_j^T> = |F_i^T F_j|^2``, products of all K P positions with one another.
    The gradient is one matrix product and no pass over the matrices' elements more than needed;
    that of the means, which is zero but for a channel, is added in its place.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, channels: Tensor | None) -> tuple[Tensor, Tensor | None]:
        # rows: (G, K, P, C)
        _, images, positions, count = rows.shape
        if images * positions < count:
            value, coefficient = _by_positions(rows)
        else:
            value, coefficient = _by_channels(rows)
        ctx.save_for_backward(rows, coefficient, channels)
        if channels is None:
            return value, None
        groups = torch.arange(len(rows), device=rows.device)
        return value, rows[groups, :, :, channels].float().mean(dim=-1)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor, above: Tensor | None) -> tuple[Tensor, None]:
        rows, coefficient, channels = ctx.saved_tensors
        coefficient = coefficient.to(rows.dtype)
        if coefficient.dim() == 3:
            flat = coefficient @ rows.flatten(1, 2)
            found = flat.view(rows.shape)
        else:
            found = rows @ coefficient
        found.mul_(gradient.view(-1, 1, 1, 1).to(found.dtype))
        if channels is not None and above is not None:
            groups = torch.arange(len(rows), device=rows.device)
            found[groups, :, :, channels] += (above / rows.shape[2]).to(found.dtype)[..., None]
        return found, None


def _by_channels(rows: Tensor) -> tuple[Tensor, Tensor]:
    images = rows.shape[1]
    gram = (rows.transpose(-1, -2) @ rows).float()
    flat = gram.flatten(-2)
    # Dot products, so that no matrix of squares is written.
    squares = torch.linalg.vecdot(flat, flat)
    inverse = torch.rsqrt(squares.clamp_min(EPSILON))
    flat.mul_(inverse[..., None])
    together = flat.sum(dim=1)
    own = squares * inverse.square()
    with_all = torch.einsum("gkx,gx->gk", flat, together)
    others = with_all - own
    value = others.sum(dim=1) / images
    # The length of a Gram matrix below epsilon is not divided by, so has no part in the gradient.
    share = torch.where(squares > EPSILON, others, 0.0)
    scale = 4 * inverse / images
    weight = (-scale * (1 + share))[..., None]
    flat.mul_(weight).addcmul_(together[:, None], scale[..., None])
    return value, gram


def _by_positions(rows: Tensor) -> tuple[Tensor, Tensor]:
    groups, images, positions, _ = rows.shape
    flat = rows.flatten(1, 2)
    products = (flat @ flat.transpose(-1, -2)).float()
    blocks = products.view(groups, images, positions, images, positions)
    pairs = blocks.square().sum(dim=(2, 4))
    squares = pairs.diagonal(dim1=-2, dim2=-1)
    inverse = torch.rsqrt(squares.clamp_min(EPSILON))
    alike = pairs * inverse[:, :, None] * inverse[:, None, :]
    others = alike.sum(dim=2) - alike.diagonal(dim1=-2, dim2=-1)
    value = others.sum(dim=1) / images
    weight = inverse[:, :, None] * inverse[:, None, :]
    own = torch.where(squares > EPSILON, -others * inverse.square(), 0.0)
    weight = torch.diagonal_scatter(weight, own, dim1=-2, dim2=-1) * (4 / images)
    blocks.mul_(weight[:, :, None, :, None])
    return value, products


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
        float32 (G,), between 0 and K - 1 (a Gram matrix has no negative inner products);
        differentiable once.
    """
    value: Tensor = _Similarity.apply(_rows(features), None)[0]
    return value


def _rows(features: Tensor) -> Tensor:
    # Products of numbers that have 8 bits need not be multiplied as if they had 24; all that
    # follows is 32-bit. Those of 16-bit floats would be too large for their range.
    if features.dtype != torch.bfloat16:
        features = features.float()
    return features.flatten(-2).transpose(-1, -2)


def objective(
    features: Tensor,
    channels: Tensor,
    signs: Tensor,
    diversity_weights: Tensor,
    kind: str = "channel",
    directions: Sequence[Tensor] | None = None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Give what is maximised, and the activation and the similarity within it, for each group.

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
    kind : {"channel", "neuron", "direction"}
        What of the layer counts as activation.
    directions : sequence of Tensor, optional
        For a direction: float32 (C,) a group.

    Returns
    -------
    value : Tensor
        float32 (G,), ``sign x activation - weight x similarity``.
    activation : Tensor
        float32 (G,), the mean activation of the group's images.
    similarity : Tensor
        float32 (G,), without a gradient; NaN where its weight is 0.
    """
    diverse = features.shape[1] > 1 and bool((diversity_weights > 0).any())
    alike = None
    if kind == "direction":
        if directions is None:
            raise AssertionError("a direction objective needs directions")
        responses = direction_means(features, torch.stack(list(directions)))
    elif kind == "neuron":
        responses = neurons(features, channels)
    elif diverse:
        alike, responses = _Similarity.apply(_rows(features), channels)
    else:
        responses = channel_means(features, channels)
    activation = responses.mean(dim=1)
    value = signs * activation
    if not diverse:
        return value, activation, torch.full_like(value.detach(), torch.nan)
    if alike is None:
        alike = similarity(features)
    value = value - diversity_weights * alike
    unknown = torch.full_like(alike.detach(), torch.nan)
    return value, activation, torch.where(diversity_weights > 0, alike.detach(), unknown)
