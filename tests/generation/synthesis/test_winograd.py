from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from generation.networks.architectures.rectification import rectified
from generation.networks.network import Network
from generation.synthesis.lean_network import LeanNetwork
from generation.synthesis.winograd import (
    WinogradConvolution,
    matrices,
    transformed_kernel,
    winograd_convolution,
    worthwhile,
)


@settings(max_examples=60, deadline=None)
@given(
    images=st.integers(1, 5),
    entering=st.integers(1, 9),
    leaving=st.integers(1, 9),
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    seed=st.integers(0, 2**31 - 1),
    dtype=st.sampled_from([torch.float32, torch.bfloat16]),
)
def test_is_the_direct_convolution(
    images: int,
    entering: int,
    leaving: int,
    height: int,
    width: int,
    seed: int,
    dtype: torch.dtype,
) -> None:
    rng = torch.Generator().manual_seed(seed)
    x = torch.randn(images, entering, height, width, generator=rng).to(dtype)
    weight = torch.randn(leaving, entering, 3, 3, generator=rng).to(dtype)
    bias = torch.randn(leaving, generator=rng)
    expected = nn.functional.conv2d(x.double(), weight.double(), bias.double(), padding=1)
    kernel = transformed_kernel(weight)
    found = winograd_convolution(x, kernel, bias)
    alone = torch.cat([winograd_convolution(image[None], kernel, bias) for image in x])
    if dtype == torch.float32:
        torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-3)
        torch.testing.assert_close(found, alone, rtol=1e-5, atol=1e-5)
    else:
        # In shares of the results' deviation.
        off = (found.double() - expected).abs() / (3 * entering**0.5)
        assert float(off.square().mean().sqrt()) < 0.03
        assert float(off.max()) < 0.2
        torch.testing.assert_close(found, alone, rtol=0.02, atol=0.02)


@pytest.mark.parametrize("rectify", [False, True])
@pytest.mark.parametrize("size", [(64, 64), (15, 15), (9, 30)])
def test_module_and_its_gradient(rectify: bool, size: tuple[int, int]) -> None:
    plain = nn.Conv2d(64, 96, 3, padding=1).requires_grad_(False)
    ours = WinogradConvolution(plain)
    x = torch.randn(7, 64, *size).contiguous(memory_format=torch.channels_last).requires_grad_()
    expected = plain(x).relu() if rectify else plain(x)
    found = rectified(ours, x) if rectify else ours(x)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
    # Where both agree on which results are positive, as ties of rounding may not.
    upstream = torch.randn_like(expected) * ((expected > 0) == (found > 0))
    (wanted,) = torch.autograd.grad(expected, x, upstream)
    (given_,) = torch.autograd.grad(found, x, upstream)
    torch.testing.assert_close(given_, wanted, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "module",
    [
        nn.Conv2d(64, 96, 3),
        nn.Conv2d(64, 96, 3, padding=1, stride=2),
        nn.Conv2d(64, 96, 3, padding=2, dilation=2),
        nn.Conv2d(64, 96, 3, padding=1, groups=2),
        nn.Conv2d(64, 96, 3, padding=1, padding_mode="reflect"),
        nn.Conv2d(64, 96, 5, padding=1),
        nn.Conv2d(64, 96, 3, padding="same"),
        nn.Conv2d(16, 64, 3, padding=1),
        nn.Conv2d(64, 96, 3, padding=1).half(),
        nn.Linear(64, 96),
    ],
)
def test_other_modules_are_left_alone(module: nn.Module) -> None:
    assert worthwhile(nn.Conv2d(64, 96, 3, padding=1))
    assert not worthwhile(module)


@pytest.mark.parametrize(
    ("precision", "has"), [("float32", True), ("bfloat16", True), ("float16", False)]
)
def test_a_lean_network_has_them(network: Network, precision: str, has: bool) -> None:
    lean = LeanNetwork(network, "fire9", precision)
    assert (WinogradConvolution in {type(part) for part in lean.modules()}) is has


@pytest.mark.parametrize(("dtype", "tile"), [(torch.float32, 4), (torch.bfloat16, 3)])
def test_matrices_are_exact(dtype: torch.dtype, tile: int) -> None:
    into, kernel, out = matrices(dtype)
    rng = np.random.default_rng(0)
    x, weights = rng.normal(size=tile + 2), rng.normal(size=3)
    expected = [x[i : i + 3] @ weights for i in range(tile)]
    np.testing.assert_allclose(out @ ((kernel @ weights) * (into @ x)), expected, atol=1e-12)


@pytest.mark.parametrize(("entering", "leaving", "size"), [(64, 192, 20), (192, 64, 13)])
def test_bfloat16_differs_little(entering: int, leaving: int, size: int) -> None:
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(3, entering, size, size, generator=rng).relu()
    weight = torch.randn(leaving, entering, 3, 3, generator=rng) / (3 * entering**0.5)
    bias = torch.randn(leaving, generator=rng)
    expected = nn.functional.conv2d(x.double(), weight.double(), bias.double(), padding=1)
    kernel = transformed_kernel(weight.bfloat16())
    assert kernel.dtype == torch.bfloat16
    found = winograd_convolution(x.bfloat16(), kernel, bias)
    assert found.dtype == torch.bfloat16
    # The module's 0.7 %, with a margin; tiles of 4 give 1.2 %.
    assert float((found.double() - expected).std() / expected.std()) < 0.009


def test_threads_change_nothing() -> None:
    x, weight = torch.randn(3, 8, 30, 30), torch.randn(5, 8, 3, 3)
    kernel = transformed_kernel(weight)
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found.append(winograd_convolution(x, kernel, rectify=True))
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(found[0], found[1], rtol=1e-5, atol=1e-5)
