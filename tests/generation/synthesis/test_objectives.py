from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from generation.synthesis.objectives import (
    channel_means,
    direction_means,
    neurons,
    objective,
    similarity,
)


def similarity_twin(features: np.ndarray) -> float:
    """Go over all pairs of one group (K, C, h, w) in 64-bit numpy."""
    grams = []
    for image in features.astype(float):
        flat = image.reshape(len(image), -1)
        gram = np.einsum("cp,dp->cd", flat, flat)
        grams.append(gram / np.sqrt(max((gram**2).sum(), 1e-10)))
    total = 0.0
    for i, first in enumerate(grams):
        for j, second in enumerate(grams):
            if i != j:
                total += (first * second).sum()
    return total / len(grams)


@given(st.integers(0, 10**6), st.integers(1, 5), st.integers(1, 6), st.integers(1, 5))
def test_similarity_equals_the_sum_over_pairs(seed: int, k: int, c: int, side: int) -> None:
    features = np.random.default_rng(seed).normal(size=(2, k, c, side, side)).astype(np.float32)
    expected = [similarity_twin(group) for group in features]
    found = similarity(torch.from_numpy(features)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_identical_images_are_wholly_alike_and_blank_ones_have_finite_gradients() -> None:
    image = torch.rand(1, 1, 4, 5, 5)
    np.testing.assert_allclose(similarity(image.expand(1, 6, 4, 5, 5)), 5, rtol=1e-5)
    blank = torch.zeros(1, 3, 4, 5, 5, requires_grad=True)
    similarity(blank).sum().backward()
    assert blank.grad is not None
    assert torch.isfinite(blank.grad).all()


def test_each_group_has_its_own_channel() -> None:
    features = torch.rand(2, 3, 5, 4, 4)
    found = channel_means(features, torch.tensor([1, 4]))
    np.testing.assert_allclose(found[0], features[0, :, 1].mean(dim=(1, 2)), rtol=1e-6)
    np.testing.assert_allclose(found[1], features[1, :, 4].mean(dim=(1, 2)), rtol=1e-6)


def test_minimisation_negates_only_the_channel() -> None:
    features = torch.rand(1, 3, 5, 4, 4)
    channel, weight = torch.tensor([2]), torch.tensor([0.7])
    up, mean_up, found = objective(features, channel, torch.tensor([1.0]), weight)
    down, mean_down, _ = objective(features, channel, torch.tensor([-1.0]), weight)
    torch.testing.assert_close(mean_up, mean_down)
    torch.testing.assert_close(up - mean_up, down + mean_down)
    torch.testing.assert_close(mean_up - up, 0.7 * similarity(features))
    torch.testing.assert_close(found, similarity(features))


def test_activation_is_a_mean_so_that_diversity_weighs_the_same_for_any_number_of_images() -> None:
    """The published objective averages over images, and so does its diversity term."""
    features = torch.rand(2, 3, 5, 4, 4)
    channels, signs = torch.tensor([2, 4]), torch.tensor([1.0, -1.0])
    weights = torch.tensor([0.0, 0.7])
    value, activation, alike = objective(features, channels, signs, weights)
    for group, channel in enumerate(channels):
        mean = float(np.mean([image[channel].mean() for image in features[group]]))
        np.testing.assert_allclose(activation[group], mean, rtol=1e-6)
        expected = signs[group] * mean - weights[group] * autograd_similarity(features)[group]
        np.testing.assert_allclose(value[group], expected, rtol=1e-5)
    assert torch.isnan(alike[0])
    np.testing.assert_allclose(alike[1], autograd_similarity(features)[1], rtol=1e-5)


def autograd_similarity(features: torch.Tensor) -> torch.Tensor:
    """Go over all pairs in plain torch, 64-bit, for its gradient."""
    total = torch.zeros(len(features), dtype=torch.float64)
    for g, group in enumerate(features):
        grams = [image.flatten(1) @ image.flatten(1).T for image in group]
        unit = [gram * gram.square().sum().clamp_min(1e-10).rsqrt() for gram in grams]
        for i, first in enumerate(unit):
            for j, second in enumerate(unit):
                if i != j:
                    total[g] = total[g] + (first * second).sum() / len(group)
    return total


@given(
    st.integers(0, 10**6),
    st.integers(2, 4),
    # More channels than positions of all images, and fewer: both closed forms.
    st.sampled_from([(40, 2, 3), (3, 4, 5), (6, 1, 1), (5, 3, 1)]),
)
def test_gradient_of_similarity_in_closed_form(
    seed: int, images: int, shape: tuple[int, int, int]
) -> None:
    values = torch.from_numpy(np.random.default_rng(seed).normal(size=(2, images, *shape)))
    values[0, 0] *= 1e-4  # shorter than epsilon
    upstream = torch.tensor([1.0, -0.5])
    ours = values.float().requires_grad_(True)
    (found,) = torch.autograd.grad(similarity(ours), ours, upstream)
    exact = values.requires_grad_(True)
    (expected,) = torch.autograd.grad(autograd_similarity(exact), exact, upstream.double())
    scale = expected.abs().max()
    torch.testing.assert_close(found.double() / scale, expected / scale, rtol=1e-3, atol=1e-5)


@given(
    st.integers(0, 10**6),
    st.sampled_from([(40, 2, 3), (3, 4, 5), (6, 1, 1)]),
    st.sampled_from([(0.0, 0.0), (0.0, 2.0), (1.0, 3.0)]),
)
def test_gradient_of_the_objective(
    seed: int, shape: tuple[int, int, int], weights: tuple[float, float]
) -> None:
    values = torch.from_numpy(np.random.default_rng(seed).normal(size=(2, 3, *shape)))
    channels, signs = torch.tensor([shape[0] - 1, 0]), torch.tensor([1.0, -1.0])
    upstream = torch.tensor([1.0, 0.5])
    ours = values.float().requires_grad_(True)
    value, _, _ = objective(ours, channels, signs, torch.tensor(weights))
    (found,) = torch.autograd.grad(value, ours, upstream)
    exact = values.requires_grad_(True)
    means = torch.stack([exact[g, :, channel].mean() for g, channel in enumerate(channels)])
    wanted = signs * means - torch.tensor(weights) * autograd_similarity(exact)
    (expected,) = torch.autograd.grad(wanted, exact, upstream.double())
    scale = expected.abs().max()
    torch.testing.assert_close(found.double() / scale, expected / scale, rtol=1e-3, atol=1e-5)


def test_memory_layout_does_not_change_similarity() -> None:
    features = torch.rand(6, 7, 4, 5)
    last = features.to(memory_format=torch.channels_last)
    torch.testing.assert_close(similarity(features[None]), similarity(last[None]))


def test_neuron_is_the_middle_position() -> None:
    features = torch.rand(2, 3, 5, 4, 7)
    found = neurons(features, torch.tensor([1, 4]))
    torch.testing.assert_close(found[0], features[0, :, 1, 2, 3])
    torch.testing.assert_close(found[1], features[1, :, 4, 2, 3])


def test_direction_is_the_mean_inner_product() -> None:
    features = np.random.default_rng(0).normal(size=(2, 3, 4, 2, 2)).astype(np.float32)
    directions = np.random.default_rng(1).normal(size=(2, 4)).astype(np.float32)
    expected = [
        [sum(image[:, i, j] @ direction for i in range(2) for j in range(2)) / 4 for image in group]
        for group, direction in zip(features, directions, strict=True)
    ]
    found = direction_means(torch.from_numpy(features), torch.from_numpy(directions))
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_half_precision_features_give_much_the_same_similarity_and_gradient() -> None:
    values = torch.randn(1, 3, 20, 6, 6)
    found = []
    for dtype in (torch.float32, torch.bfloat16):
        features = values.to(dtype).requires_grad_(True)
        value = similarity(features)
        assert value.dtype == torch.float32
        (gradient,) = torch.autograd.grad(value.sum(), features)
        found.append((value.detach(), gradient.float()))
    (exact, wanted), (value, gradient) = found
    torch.testing.assert_close(value, exact, rtol=0.01, atol=0)
    assert (gradient - wanted).norm() < 0.03 * wanted.norm()
