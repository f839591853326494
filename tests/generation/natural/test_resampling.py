from __future__ import annotations

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from generation.natural.resampling import bilinear_weights, resized_part

SIDES = st.integers(1, 400)


@given(SIDES, SIDES, SIDES, SIDES, st.integers(1, 300), st.booleans(), st.integers(0, 10**6))
@example(500, 375, 341, 256, 224, False, 0)
@example(500, 375, 341, 256, 224, True, 0)
@example(375, 500, 256, 341, 224, False, 1)
# Enlarged, one side kept, nothing to do, a square that reaches over the edges, a single pixel.
@example(40, 30, 341, 256, 224, True, 0)
@example(300, 256, 299, 256, 224, False, 0)
@example(256, 300, 256, 299, 224, False, 0)
@example(256, 256, 256, 256, 224, False, 0)
@example(90, 61, 94, 64, 80, False, 0)
@example(1, 1, 300, 300, 224, True, 0)
@example(300, 300, 1, 1, 1, True, 0)
def test_pixels_are_pillows(
    width: int, height: int, new_width: int, new_height: int, size: int, stark: bool, seed: int
) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    if stark:
        # Nothing but black and white: sums at the ends of the range.
        pixels = np.where(pixels > 127, 255, 0).astype(np.uint8)
    left, top = round((new_width - size) / 2), round((new_height - size) / 2)
    picture = Image.fromarray(pixels)
    if picture.size != (new_width, new_height):
        picture = picture.resize((new_width, new_height), Image.Resampling.BILINEAR)
    expected = np.asarray(picture.crop((left, top, left + size, top + size)))
    found = resized_part(pixels, new_width, new_height, left, top, size)
    np.testing.assert_array_equal(found, expected)


@given(SIDES, SIDES)
def test_weights_lie_within_the_picture_and_add_up_to_one(size: int, new_size: int) -> None:
    first, weights = bilinear_weights(size, new_size)
    assert (np.diff(first) >= 0).all()
    assert first[0] == 0
    within = first[:, None] + np.arange(weights.shape[1]) < size
    assert not weights[~within].any()
    np.testing.assert_allclose(weights.sum(axis=1), 2**22, atol=weights.shape[1])
