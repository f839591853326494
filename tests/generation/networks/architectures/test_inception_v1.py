"""InceptionV1 against published counts and against numpy written from TensorFlow's definitions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.lib.stride_tricks import sliding_window_view

from generation.networks.architectures.inception_v1 import (
    LAYERS,
    InceptionV1,
    adapt_state,
    same_max_pool,
    same_padding,
)
from generation.networks.architectures.local_response import local_response_normalisation

# Branch ends (exclusive) of the network of the paper, and multiply-accumulates up to the layer in
# units of 1e9 for one image of 224 px.
PUBLISHED = {
    "mixed3a": ((64, 192, 224, 256), 0.61),
    "mixed3b": ((128, 320, 416, 480), 0.91),
    "mixed4a": ((192, 396, 444, 508), 0.98),
    "mixed4b": ((160, 384, 448, 512), 1.07),
    "mixed4c": ((128, 384, 448, 512), 1.17),
    "mixed4d": ((112, 400, 464, 528), 1.29),
    "mixed4e": ((256, 576, 704, 832), 1.46),
    "mixed5a": ((256, 576, 704, 832), 1.51),
    "mixed5b": ((384, 768, 896, 1024), 1.58),
}


@pytest.fixture(scope="module")
def network() -> InceptionV1:
    torch.manual_seed(0)
    return InceptionV1().eval().requires_grad_(False)


def images(n: int = 1, size: int = 224) -> torch.Tensor:
    values = np.random.default_rng(1).random((n, 3, size, size), dtype=np.float32)
    return torch.from_numpy(values * 255 - 117)


# ---------------------------------------------------------------- numpy twins (N, H, W, C)


def numpy_same(x: np.ndarray, kernel: int, stride: int, fill: float) -> np.ndarray:
    """Windows (N, h, w, C, kernel, kernel) of "SAME" padding, by TensorFlow's two formulas."""
    pads = []
    for size in x.shape[1:3]:
        along = kernel - stride if size % stride == 0 else kernel - size % stride
        along = max(along, 0)
        pads.append((along // 2, along - along // 2))
    padded = np.pad(x, ((0, 0), *pads, (0, 0)), constant_values=fill)
    return sliding_window_view(padded, (kernel, kernel), axis=(1, 2))[:, ::stride, ::stride]


def numpy_convolution(x: np.ndarray, w: np.ndarray, b: np.ndarray, stride: int = 1) -> np.ndarray:
    """w: height, width, in, out."""
    windows = numpy_same(x, w.shape[0], stride, 0.0)
    return np.einsum("nhwcij,ijco->nhwo", windows, w, optimize=True) + b


def numpy_pool(x: np.ndarray, stride: int) -> np.ndarray:
    return numpy_same(x, 3, stride, -np.inf).max(axis=(-2, -1))


def numpy_lrn(x: np.ndarray) -> np.ndarray:
    out = np.empty_like(x)
    for c in range(x.shape[-1]):
        window = x[..., max(0, c - 5) : c + 5 + 1]
        out[..., c] = x[..., c] / (2.0 + 1e-4 * (window**2).sum(axis=-1)) ** 0.5
    return out


def relu(x: np.ndarray) -> np.ndarray:
    return np.maximum(x, 0)


def numpy_network(x: np.ndarray, state: dict[str, torch.Tensor]) -> dict[str, np.ndarray]:
    """Features of every block and the class scores, in double precision, from NHWC images."""
    w = {
        k: v.double().numpy().transpose(2, 3, 1, 0) if v.dim() == 4 else v.double().numpy()
        for k, v in state.items()
    }

    def convolve(h: np.ndarray, name: str, stride: int = 1) -> np.ndarray:
        return numpy_convolution(h, w[f"{name}.weight"], w[f"{name}.bias"], stride)

    h = numpy_lrn(numpy_pool(relu(convolve(x, "conv2d0", 2)), 2))
    h = relu(convolve(relu(convolve(h, "conv2d1")), "conv2d2"))
    h = numpy_pool(numpy_lrn(h), 2)
    features = {}
    for name in PUBLISHED:
        if name in ("mixed4a", "mixed5a"):
            h = numpy_pool(h, 2)
        parts = [
            convolve(h, f"{name}.1x1"),
            convolve(relu(convolve(h, f"{name}.3x3_bottleneck")), f"{name}.3x3"),
            convolve(relu(convolve(h, f"{name}.5x5_bottleneck")), f"{name}.5x5"),
            convolve(numpy_pool(h, 1), f"{name}.pool_reduce"),
        ]
        features[name] = np.concatenate(parts, axis=-1)
        h = relu(features[name])
    features["scores"] = h.mean(axis=(1, 2)) @ w["softmax2.weight"].T + w["softmax2.bias"]
    return features


def nhwc(x: torch.Tensor) -> np.ndarray:
    return x.detach().double().numpy().transpose(0, 2, 3, 1)


# ---------------------------------------------------------------- counts


def test_branch_ends_are_the_published_ones() -> None:
    assert [name for name, _ in LAYERS] == list(PUBLISHED)
    for name, branches in LAYERS:
        assert [branch for branch, _, _ in branches] == ["1x1", "3x3", "5x5", "pool"]
        assert tuple(last + 1 for _, _, last in branches) == PUBLISHED[name][0]
        assert [first for _, first, _ in branches] == [0, *PUBLISHED[name][0][:3]]
    assert sum(branches[-1][2] + 1 for _, branches in LAYERS) == 5484


def test_shapes_at_224_pixels(network: InceptionV1) -> None:
    sides = {name: {"3": 28, "4": 14, "5": 7}[name[5]] for name in PUBLISHED}
    shapes = {name: tuple(f.shape) for name, f in network.walk(images())}
    assert shapes == {
        name: (1, ends[-1], sides[name], sides[name]) for name, (ends, _) in PUBLISHED.items()
    }
    assert network.classify(images()).shape == (1, 1008)


def test_number_of_parameters(network: InceptionV1) -> None:
    """Counted by hand from kernel sizes and channels: weights, plus one bias an output."""
    total = (7 * 7 * 3 + 1) * 64 + (64 + 1) * 64 + (9 * 64 + 1) * 192 + (1024 + 1) * 1008
    entering = 192
    for (b3, b5), (ends, _) in zip(
        [
            (96, 16), (128, 32), (96, 16), (112, 24), (128, 24), (144, 32), (160, 32), (160, 48),
            (192, 48),
        ],
        PUBLISHED.values(),
        strict=True,
    ):  # fmt: skip
        one, three, five, pool = np.diff((0, *ends))
        total += (entering + 1) * (one + b3 + b5 + pool)
        total += (9 * b3 + 1) * three + (25 * b5 + 1) * five
        entering = ends[-1]
    assert sum(p.numel() for p in network.parameters()) == total


def test_multiply_accumulates_up_to_each_layer(network: InceptionV1) -> None:
    counted = 0

    def count(module: Any, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        nonlocal counted
        per_output = math.prod(module.weight.shape[1:])
        counted += per_output * output.numel()

    convolutions = [m for m in network.modules() if isinstance(m, torch.nn.Conv2d)]
    handles = [m.register_forward_hook(count) for m in convolutions]
    try:
        for name, _ in network.walk(images()):
            assert counted / 1e9 == pytest.approx(PUBLISHED[name][1], abs=0.0051), name
    finally:
        for handle in handles:
            handle.remove()


# ---------------------------------------------------------------- values


@pytest.mark.parametrize("size", [(64, 64), (75, 62)])
def test_the_whole_network_equals_its_numpy_twin(
    network: InceptionV1, size: tuple[int, int]
) -> None:
    """Sizes even and odd at every stage, where the padding changes sides."""
    x = images(2, 80)[:, :, : size[0], : size[1]]
    twin = numpy_network(nhwc(x), network.state_dict())
    for name, features in network.walk(x):
        np.testing.assert_allclose(nhwc(features), twin[name], rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(network.classify(x).numpy(), twin["scores"], rtol=1e-3, atol=1e-4)


@given(
    size=st.integers(1, 40),
    kernel=st.sampled_from([1, 3, 5, 7]),
    stride=st.integers(1, 3),
)
def test_same_padding(size: int, kernel: int, stride: int) -> None:
    before, after = same_padding(size, kernel, stride)
    assert 0 <= before <= after <= before + 1
    assert (size + before + after - kernel) // stride + 1 == math.ceil(size / stride) or (
        # Nothing to pad where strides jump over the rest.
        before == after == 0 and kernel < stride
    )


def test_same_padding_of_the_first_convolution() -> None:
    assert same_padding(224, 7, 2) == (2, 3)
    assert same_padding(225, 7, 2) == (3, 3)


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 13), st.integers(2, 13), st.integers(0, 2**32 - 1))
def test_same_max_pool_equals_numpy(height: int, width: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(1, height, width, 3)) - 5
    ours = same_max_pool(torch.from_numpy(x.transpose(0, 3, 1, 2)))
    np.testing.assert_array_equal(nhwc(ours), numpy_pool(x, 2))


@pytest.mark.parametrize("channels", [1, 5, 6, 11, 64])
def test_local_response_normalisation(channels: int) -> None:
    x = np.random.default_rng(channels).normal(size=(2, 3, 4, channels)) * 200
    ours = local_response_normalisation(torch.from_numpy(x.transpose(0, 3, 1, 2)).float())
    np.testing.assert_allclose(nhwc(ours), numpy_lrn(x), rtol=1e-5)


def test_gradient_of_local_response_normalisation() -> None:
    """Against autograd through torch's own, told to mean the same (it divides alpha by size)."""
    rng = np.random.default_rng(0)
    x = torch.from_numpy(rng.normal(size=(2, 20, 3, 3)).astype(np.float32) * 100)
    x.requires_grad_(True)
    upstream = torch.from_numpy(rng.normal(size=(2, 20, 3, 3)).astype(np.float32))
    (ours,) = torch.autograd.grad(local_response_normalisation(x), x, upstream)
    double = x.detach().double().requires_grad_(True)
    torchs = F.local_response_norm(double, 11, alpha=11e-4, beta=0.5, k=2.0)
    (theirs,) = torch.autograd.grad(torchs, double, upstream.double())
    torch.testing.assert_close(ours.double(), theirs, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("precision", [torch.float32, torch.bfloat16, torch.float16])
def test_local_response_normalisation_and_gradient(precision: torch.dtype) -> None:
    """Compiled for the first two formats; the third is computed as on a GPU."""
    rng = np.random.default_rng(1)
    x = torch.from_numpy(rng.normal(size=(3, 20, 5, 4)).astype(np.float32) * 100).to(precision)
    upstream = torch.from_numpy(rng.normal(size=x.shape).astype(np.float32)).to(precision)
    watched = x.clone().requires_grad_()
    found = local_response_normalisation(watched)
    (ours,) = torch.autograd.grad(found, watched, upstream)
    assert found.dtype == ours.dtype == precision
    double = x.double().requires_grad_()
    expected = F.local_response_norm(double, 11, alpha=11e-4, beta=0.5, k=2.0)
    (theirs,) = torch.autograd.grad(expected, double, upstream.double())
    near = 1e-5 if precision == torch.float32 else 2**-8
    torch.testing.assert_close(found.double(), expected, rtol=near, atol=1e-6)
    torch.testing.assert_close(ours.double(), theirs, rtol=near, atol=near / 10)


def test_half_precision_squares_do_not_overflow() -> None:
    x = torch.full((1, 16, 2, 2), 1000.0, dtype=torch.float16)
    out = local_response_normalisation(x)
    assert out.dtype == torch.float16
    # Sum over 6 (edge) and 11 (middle) channels of 1e6, by hand.
    assert out[0, 0, 0, 0].item() == pytest.approx(1000 / math.sqrt(2 + 600), rel=1e-3)
    assert out[0, 8, 0, 0].item() == pytest.approx(1000 / math.sqrt(2 + 1100), rel=1e-3)


# ---------------------------------------------------------------- walking and loading


def test_walk_stops_after_the_last_wanted_layer(network: InceptionV1) -> None:
    ran: list[str] = []
    handles = [
        network.get_submodule(name).register_forward_hook(lambda *_, name=name: ran.append(name))
        for name in PUBLISHED
    ]
    everything = dict(network.walk(images(1, 64)))
    ran.clear()
    some = list(network.walk(images(1, 64), ["mixed4a", "mixed3a"]))
    for handle in handles:
        handle.remove()
    assert ran == ["mixed3a", "mixed3b", "mixed4a"]
    assert [name for name, _ in some] == ["mixed3a", "mixed4a"]
    for name, features in some:
        torch.testing.assert_close(features, everything[name], rtol=0, atol=0)
    assert list(network.walk(images(1, 64), [])) == []


def test_an_unfinished_walk_is_lazy(network: InceptionV1) -> None:
    ran: list[str] = []
    handle = network.mixed3b.register_forward_hook(lambda *_: ran.append("mixed3b"))
    walk: Iterator[tuple[str, torch.Tensor]] = network.walk(images(1, 64))
    assert next(walk)[0] == "mixed3a"
    assert ran == []
    assert next(walk)[0] == "mixed3b"
    handle.remove()
    assert ran == ["mixed3b"]


def test_features_are_pre_relu_and_give_gradients(network: InceptionV1) -> None:
    x = images(1, 64).requires_grad_(True)
    for _, features in network.walk(x, ["mixed4c"]):
        assert (features < 0).any()
        features.mean().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_states_of_the_common_port_are_loaded(network: InceptionV1) -> None:
    foreign = {}
    for key, value in network.state_dict().items():
        node, _, kind = key.rpartition(".")
        ending = "_pre_activation_matmul" if node == "softmax2" else "_pre_relu_conv"
        foreign[f"{node.replace('.', '_')}{ending}.{kind}"] = value
    assert "mixed3a_3x3_bottleneck_pre_relu_conv.weight" in foreign
    foreign["nn0_pre_relu_matmul.weight"] = torch.zeros(1)
    other = InceptionV1()
    other.load_state_dict(foreign, strict=True)
    for key, value in other.state_dict().items():
        torch.testing.assert_close(value, network.state_dict()[key], rtol=0, atol=0)
    assert adapt_state(network.state_dict()).keys() == network.state_dict().keys()
    foreign["stranger.weight"] = torch.zeros(1)
    with pytest.raises(RuntimeError, match="stranger"):
        other.load_state_dict(foreign, strict=True)
