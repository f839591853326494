from __future__ import annotations

import numpy as np
import torch

from generation.synthesis.regularizers import l2, total_variation


def test_total_variation_and_distance_from_grey_equal_their_twins() -> None:
    images = np.random.default_rng(0).random((2, 3, 5, 6)).astype(np.float32)
    for image, variation, distance in zip(
        images, total_variation(torch.from_numpy(images)), l2(torch.from_numpy(images)), strict=True
    ):
        total = 0.0
        for c in range(3):
            for i in range(5):
                for j in range(6):
                    if i:
                        total += abs(float(image[c, i, j]) - float(image[c, i - 1, j]))
                    if j:
                        total += abs(float(image[c, i, j]) - float(image[c, i, j - 1]))
        np.testing.assert_allclose(float(variation), total, rtol=1e-5)
        np.testing.assert_allclose(
            float(distance), np.sqrt(((image.astype(float) - 0.5) ** 2).sum()), rtol=1e-5
        )


def test_a_grey_image_has_finite_gradients() -> None:
    grey = torch.full((1, 3, 4, 4), 0.5, requires_grad=True)
    (l2(grey) + total_variation(grey)).sum().backward()
    assert grey.grad is not None
    assert torch.isfinite(grey.grad).all()
