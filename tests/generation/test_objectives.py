from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from generation.synthesis.objectives import channel_means, objective, similarity


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
    up, mean_up = objective(features, channel, torch.tensor([1.0]), weight)
    down, mean_down = objective(features, channel, torch.tensor([-1.0]), weight)
    torch.testing.assert_close(mean_up, mean_down)
    torch.testing.assert_close(up - mean_up, down + mean_down)
    torch.testing.assert_close(mean_up - up, 0.7 * similarity(features))
