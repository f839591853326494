from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from generation.synthesis.geometry import rotation_index, scaled_size
from generation.synthesis.transforms import (
    RandomTransforms,
    TransformSettings,
    draw_group,
    draw_scales,
)
from tests.generation.synthesis.twins import resize_twin, rotate_twin


@pytest.fixture(params=["compiled", "torch"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let processors compute as they do, and as GPUs do."""
    if request.param == "torch":
        monkeypatch.setattr("generation.synthesis.transforms.suits", lambda x: False)
    return str(request.param)


PUBLISHED = TransformSettings(16, (1, 0.975, 1.025, 0.95, 1.05), tuple(range(-5, 6)), 8)


def test_published_sizes() -> None:
    assert [scaled_size(240, s) for s in PUBLISHED.scales] == [240, 234, 246, 228, 251]
    transform = RandomTransforms(PUBLISHED, torch.device("cpu"))
    draws = [draw_group(PUBLISHED, 5, 0, "unit", 1)]
    sides = [
        transform(torch.zeros(1, 1, 3, 256, 256), draws, scale, 0).shape[-1] for scale in range(5)
    ]
    assert sides == [232, 226, 238, 220, 243]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(("scale_index", "pad"), [*((index, 0) for index in range(5)), (3, 5)])
def test_the_whole_chain_equals_its_twins(scale_index: int, pad: int) -> None:
    settings = TransformSettings(6, PUBLISHED.scales, PUBLISHED.angles, 3, pad)
    draws = [draw_group(settings, 4, 7, "a", 0), draw_group(settings, 4, 7, "b", 1)]
    images = np.random.default_rng(0).random((2, 2, 3, 40, 40)).astype(np.float32)
    transform = RandomTransforms(settings, torch.device("cpu"))
    step = 2
    inner = images[..., pad : 40 - pad, pad : 40 - pad].copy()
    made = transform(torch.from_numpy(inner), draws, scale_index, step).numpy()
    if pad:
        images = np.full_like(images, 0.5)
        images[..., pad : 40 - pad, pad : 40 - pad] = inner
    for g, drawn in enumerate(draws):
        for k in range(2):
            for c in range(3):
                top, left = drawn.before[step]
                picture = images[g, k, c, top : top + 34, left : left + 34].astype(float)
                side = scaled_size(34, settings.scales[scale_index])
                picture = rotate_twin(
                    resize_twin(picture, side), settings.angles[drawn.angle[step]]
                )
                top, left = drawn.after[step]
                picture = picture[top : top + side - 3, left : left + side - 3]
                np.testing.assert_allclose(made[g, k, c], picture, atol=1e-5)


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("scale_index", range(5))
@pytest.mark.parametrize(("images", "pad"), [(1, 0), (3, 0), (2, 5)])
@pytest.mark.parametrize("threads", [1, 2])
def test_gradient_of_the_whole_chain_is_its_transpose(
    scale_index: int, images: int, pad: int, threads: int
) -> None:
    """The chain is linear but for the border of grey: ``<chain(x) - chain(0), y> = <x, back(y)>``.

    Each image by itself, so that none is taken for another.
    """
    settings = TransformSettings(6, PUBLISHED.scales, PUBLISHED.angles, 3, pad)
    draws = [draw_group(settings, 4, 7, "a", 0), draw_group(settings, 4, 7, "b", 1)]
    transform = RandomTransforms(settings, torch.device("cpu"))
    rng = np.random.default_rng(scale_index)
    x = torch.from_numpy(rng.normal(size=(2, images, 3, 31, 31)).astype(np.float32))
    x.requires_grad_(True)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        made = transform(x, draws, scale_index, 2)
        y = torch.from_numpy(rng.normal(size=made.shape).astype(np.float32))
        (found,) = torch.autograd.grad(made, x, y)
        plain = transform(torch.zeros_like(x), draws, scale_index, 2)
    finally:
        torch.set_num_threads(before)
    forwards = ((made - plain).double() * y).sum(dim=(2, 3, 4))
    back = (x.double() * found).sum(dim=(2, 3, 4))
    torch.testing.assert_close(forwards, back, rtol=1e-4, atol=1e-3)


@pytest.mark.usefixtures("way")
def test_gradient_of_the_rotation_is_its_transpose() -> None:
    settings = TransformSettings(0, (1.0,), (4.0,), 0)
    transform = RandomTransforms(settings, torch.device("cpu"))
    images = torch.rand(1, 2, 3, 30, 30, requires_grad=True)
    weights = torch.rand(1, 2, 3, 30, 30)
    out = transform(images, [draw_group(settings, 1, 0, "a")], 0, 0)
    (out * weights).sum().backward()
    padded = torch.zeros(1, 2, 3, 901)
    index = torch.from_numpy(rotation_index(30, 4.0)).expand(1, 2, 3, -1)
    padded.scatter_add_(-1, index, weights.flatten(-2))
    assert images.grad is not None
    torch.testing.assert_close(images.grad.flatten(-2), padded[..., :900])


def test_both_ways_give_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    draws = [draw_group(PUBLISHED, 4, 7, "a", 0)]
    x = torch.rand(1, 3, 3, 64, 64, requires_grad=True)
    found = []
    for suits in (True, False):
        monkeypatch.setattr("generation.synthesis.transforms.suits", lambda x, is_so=suits: is_so)
        made = RandomTransforms(PUBLISHED, torch.device("cpu"))(x, draws, 3, 1)
        (gradient,) = torch.autograd.grad(made.square().sum(), x)
        found.append((made.detach(), gradient))
    for compiled, torch_ in zip(*found, strict=True):
        torch.testing.assert_close(compiled, torch_, rtol=1e-5, atol=1e-5)
    assert found[0][0].stride() == found[1][0].stride()


@given(st.integers(0, 2**32), st.integers(1, 40), st.integers(0, 40))
def test_draws_stay_in_range_and_a_longer_run_begins_like_a_shorter(
    seed: int, steps: int, more: int
) -> None:
    short = draw_group(PUBLISHED, steps, seed, "unit", 0)
    long = draw_group(PUBLISHED, steps + more, seed, "unit", 0)
    for name, largest in (("before", 16), ("angle", 10), ("after", 8)):
        values = getattr(short, name)
        assert values.min() >= 0
        assert values.max() <= largest
        np.testing.assert_array_equal(values, getattr(long, name)[:steps])
    np.testing.assert_array_equal(
        draw_scales(PUBLISHED, steps, seed), draw_scales(PUBLISHED, steps + more, seed)[:steps]
    )


def test_offsets_reach_both_ends() -> None:
    drawn = draw_group(PUBLISHED, 2000, 0, "unit", 0)
    assert set(drawn.before.ravel()) == set(range(17))
    assert set(drawn.after.ravel()) == set(range(9))
