from __future__ import annotations

import numpy as np
import pytest

from generation.synthesis.geometry import resize_matrix, rotation_index
from tests.generation.synthesis.twins import resize_twin, rotate_twin


@pytest.mark.parametrize("new_size", [24, 23, 27, 40, 11])
def test_resize_equals_its_twin(new_size: int) -> None:
    image = np.random.default_rng(new_size).random((24, 24))
    matrix = resize_matrix(24, new_size)
    np.testing.assert_allclose(matrix @ image @ matrix.T, resize_twin(image, new_size), atol=1e-6)


@pytest.mark.parametrize("degrees", [-5.0, -3.0, 0.0, 1.0, 4.0, 30.0, 90.0])
@pytest.mark.parametrize("size", [20, 25])
def test_rotation_equals_its_twin(degrees: float, size: int) -> None:
    image = np.random.default_rng(size).random((size, size))
    padded = np.append(image.ravel(), 0)
    rotated = padded[rotation_index(size, degrees)].reshape(size, size)
    different = np.count_nonzero(rotated != rotate_twin(image, degrees))
    # A tie between two neighbours may fall either way in the last bit of a cosine.
    assert different <= (size if degrees == 90 else 0)
