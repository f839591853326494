from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from generation.networks.architectures.pooling import (
    maxima_of_rectified,
    pooled_size,
    rectified_maxima,
)
from generation.synthesis.redirection import redirecting

windows = st.tuples(
    st.integers(1, 4),  # images
    st.integers(1, 20),  # channels
    st.integers(3, 19),  # height
    st.integers(3, 19),  # width
    st.sampled_from([(3, 2, 0), (3, 2, 1), (3, 1, 1), (2, 2, 0), (3, 3, 1)]),
    st.booleans(),
    st.integers(0, 2**31 - 1),
)


def distinct(shape: tuple[int, ...], seed: int) -> Tensor:
    """Draw numbers of which no two are equal, so that each window has one maximum."""
    rng = torch.Generator().manual_seed(seed)
    count = torch.Size(shape).numel()
    numbers = torch.randperm(count, generator=rng).float() - count / 2 + 0.25
    return numbers.view(shape).contiguous(memory_format=torch.channels_last)


@settings(max_examples=60)
@given(windows)
def test_maxima_and_gradient_are_torchs(
    drawn: tuple[int, int, int, int, tuple[int, int, int], bool, int],
) -> None:
    *shape, (kernel, stride, pad), ceil_mode, seed = drawn
    x = distinct(tuple(shape), seed).requires_grad_()
    expected = F.max_pool2d(x, kernel, stride, pad, ceil_mode=ceil_mode).relu()
    found = rectified_maxima(x, kernel, stride, (pad, pad), ceil_mode)
    assert type(found.grad_fn).__name__ == "_RectifiedMaximaBackward"
    assert torch.equal(found, expected)
    upstream = torch.randn(expected.shape)
    (wanted,) = torch.autograd.grad(expected, x, upstream)
    (ours,) = torch.autograd.grad(found, x, upstream)
    torch.testing.assert_close(ours, wanted)


def test_bfloat16_has_the_gradient_of_float32_rounded_once() -> None:
    x = distinct((2, 8, 10, 10), 0) / 8
    x = (x.sign() * x.abs().clamp(max=100).round()).bfloat16()  # ties, which count once
    small = x.clone().requires_grad_()
    large = x.float().requires_grad_()
    below, above = (rectified_maxima(part, 3, 2, (1, 1)) for part in (small, large))
    assert below.dtype == torch.bfloat16
    assert torch.equal(below.float(), above)
    upstream = torch.randn(below.shape).bfloat16()
    (ours,) = torch.autograd.grad(below, small, upstream)
    (wanted,) = torch.autograd.grad(above, large, upstream.float())
    assert torch.equal(ours, wanted.bfloat16())


def test_threads_change_nothing() -> None:
    x = torch.randn(5, 12, 17, 17).requires_grad_()
    results = []
    before = torch.get_num_threads()
    try:
        for threads in (1, 3):
            torch.set_num_threads(threads)
            found = rectified_maxima(x, 3, 2)
            results.append((found, *torch.autograd.grad(found.square().sum(), x)))
    finally:
        torch.set_num_threads(before)
    for one, three in zip(*results, strict=True):
        assert torch.equal(one, three)


def test_zeros_are_as_with_the_relu_before() -> None:
    x = torch.randn(3, 6, 9, 9).requires_grad_()
    positive = x.relu()
    (ours,) = torch.autograd.grad(maxima_of_rectified(positive, 3, 1, (1, 1)).sum(), x)
    (wanted,) = torch.autograd.grad(F.max_pool2d(x.relu(), 3, 1, 1).sum(), x)
    torch.testing.assert_close(ours, wanted)


def test_redirected_gradients_see_every_relu() -> None:
    x = (-torch.rand(1, 4, 9, 9) - 0.1).requires_grad_()
    with redirecting(0, 17):
        found = rectified_maxima(x, 3, 2)
        # What lowers the loss by raising the maxima is what passes.
        (gradient,) = torch.autograd.grad(-found.sum(), x)
    assert bool((gradient != 0).any())


def test_without_a_gradient_torch_pools() -> None:
    x = torch.randn(2, 5, 9, 9)
    assert torch.equal(rectified_maxima(x, 3, 2), F.max_pool2d(x, 3, 2).relu())
    assert torch.equal(maxima_of_rectified(x, 3, 2), F.max_pool2d(x, 3, 2))


@pytest.mark.parametrize("ceil_mode", [False, True])
@given(size=st.integers(3, 60), kernel=st.integers(1, 3), stride=st.integers(1, 3))
def test_pooled_size_is_torchs(ceil_mode: bool, size: int, kernel: int, stride: int) -> None:
    pad = kernel // 2
    found = F.max_pool2d(torch.zeros(1, 1, size, size), kernel, stride, pad, ceil_mode=ceil_mode)
    assert pooled_size(size, kernel, stride, pad, ceil_mode) == found.shape[2]
