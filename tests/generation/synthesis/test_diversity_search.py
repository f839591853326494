from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.synthesis.diversity_search import (
    SearchSettings,
    search_diversity,
    weakest_beats,
)
from generation.synthesis.flatness import Flatness, FlatnessSettings
from generation.synthesis.settings import Optimized


def made(activations: list[float]) -> Optimized:
    images = np.arange(len(activations), dtype=np.uint8).reshape(-1, 1, 1, 1) + np.zeros(
        (1, 2, 2, 3), np.uint8
    )
    return Optimized(images, np.array(activations, np.float32), np.zeros(1, np.float32))


@given(st.floats(0.5, 100_000), st.sampled_from([0, 1]))
def test_the_largest_weight_that_works_is_found(limit: float, sign: int) -> None:
    """A unit whose weakest image loses one for every unit of weight."""
    direction = 2 * sign - 1
    tried: list[float] = []

    def make(weight: float) -> Optimized:
        tried.append(weight)
        # In tenths of the limit, which 32-bit floats keep apart.
        strength = 2 - weight / limit
        return made([direction * strength, direction * (strength + 1)])

    found = search_diversity(make, sign, direction * 1.0, SearchSettings())
    assert found.beats
    assert found.weight <= limit * (1 + 1e-5)
    # Seven bisections of the decade (or of 0 to 1) in which the limit lies.
    decade = max(10.0 ** np.ceil(np.log10(limit) - 1e-9), 1.0)
    assert limit - found.weight <= decade / 128 * 1.01
    assert len(tried) <= 1 + 7 + 7


def test_the_strongest_plain_image_takes_the_weakest_ones_place() -> None:
    def make(weight: float) -> Optimized:
        return made([5, 9, 7]) if weight == 0 else made([4, 3, 6] if weight <= 1 else [0, 0, 0])

    found = search_diversity(make, 1, 2.0, SearchSettings(rounds=0))
    assert found.weight == 1
    assert found.made.activations.tolist() == [4, 9, 6]
    assert found.made.images[:, 0, 0, 0].tolist() == [0, 1, 2]


def test_images_that_never_beat_are_given_without_diversity() -> None:
    found = search_diversity(lambda _: made([1, 5]), 1, 2.0, SearchSettings())
    assert (found.weight, found.beats) == (0.0, False)


def test_a_limit_beyond_the_search_gives_its_last_weight() -> None:
    found = search_diversity(lambda _: made([9, 9]), 1, 2.0, SearchSettings())
    assert found.weight == 100_000


@pytest.mark.parametrize(
    ("sign", "photograph", "beats"), [(1, 2, True), (1, 3, False), (0, 6, True), (0, 5, False)]
)
def test_the_weakest_decides(sign: int, photograph: float, beats: bool) -> None:
    assert weakest_beats(made([3, 5]), sign, photograph) is beats


def flat_twin(lengths: list[float], settings: FlatnessSettings) -> int | None:
    smooth: list[float] = []
    for length in lengths:
        last = smooth[-1] if smooth else length
        smooth.append(settings.smoothing * last + (1 - settings.smoothing) * length)
        n = settings.window
        if (
            len(smooth) > max(n, settings.minimum)
            and np.mean(smooth[-n : -n // 2]) / np.mean(smooth[-n // 2 :]) <= settings.ratio
        ):
            return len(smooth)
    return None


@given(st.integers(0, 10**6), st.floats(0.8, 1.0))
def test_flatness_equals_its_twin(seed: int, fall: float) -> None:
    rng = np.random.default_rng(seed)
    settings = FlatnessSettings(minimum=12, window=10, ratio=1.1, smoothing=0.5)
    lengths = [float(fall**i * (1 + 0.3 * rng.random())) for i in range(60)]
    flatness = Flatness(settings)
    stopped = next((i + 1 for i, x in enumerate(lengths) if flatness.reached(x)), None)
    assert stopped == flat_twin(lengths, settings)
