from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from generation.networks.architectures.inception_v1 import InceptionV1
from generation.networks.architectures.squeezenet import SqueezeNet
from generation.networks.network import Network
from generation.synthesis.redirection import redirected_relu, redirecting


def twin(x: np.ndarray, gradient: np.ndarray) -> np.ndarray:
    """Write the published rule out, image by image and number by number."""
    out = np.zeros_like(gradient)
    for image in range(len(x)):
        values, incoming = x[image].ravel(), gradient[image].ravel()
        plain = [0.0 if v < 0 else g for v, g in zip(values, incoming, strict=True)]
        if any(g != 0 for g in plain):
            out[image] = np.reshape(plain, x[image].shape)
            continue
        raising = [0.0 if v < 0 and g > 0 else g for v, g in zip(values, incoming, strict=True)]
        out[image] = np.reshape(raising, x[image].shape)
    return out


def gradient_of(x: np.ndarray, upstream: np.ndarray) -> np.ndarray:
    leaf = torch.from_numpy(x).requires_grad_(True)
    (found,) = torch.autograd.grad(redirected_relu(leaf), leaf, torch.from_numpy(upstream))
    return found.numpy()


@given(st.integers(0, 10**6), st.integers(-3, 3))
def test_gradient_equals_the_numpy_twin(seed: int, shift: int) -> None:
    rng = np.random.default_rng(seed)
    # Rounded, so that exact zeros occur; shifted, so that some images are wholly negative.
    x = np.round(rng.normal(shift, 1, (4, 2, 2, 2)), 0).astype(np.float32)
    upstream = np.round(rng.normal(0, 1, x.shape), 0).astype(np.float32)
    np.testing.assert_array_equal(gradient_of(x, upstream), twin(x, upstream))


def test_an_all_negative_image_is_raised_and_its_neighbour_left_alone() -> None:
    x = -torch.ones(2, 3, 2, 2)
    x[1, 0, 0, 0] = 1
    x.requires_grad_(True)
    upstream = torch.ones(2, 3, 2, 2)
    upstream[:, 1] = -2
    (found,) = torch.autograd.grad(redirected_relu(x), x, upstream)
    # First image: only what raises a negative input (a loss's negative gradient) passes.
    assert (found[0, 1] == -2).all()
    assert (found[0, [0, 2]] == 0).all()
    # Second image: something arrived, so that its gradient is that of any ReLU.
    assert found[1].count_nonzero() == 1
    assert found[1, 0, 0, 0] == 1


def test_values_are_those_of_a_relu() -> None:
    x = torch.randn(3, 4, 5, 5)
    torch.testing.assert_close(redirected_relu(x), F.relu(x))


@pytest.mark.parametrize(
    "relu",
    [
        F.relu,
        torch.relu,
        lambda x: x.relu(),
        nn.ReLU(),
        lambda x: nn.ReLU(inplace=True)(x * 1),
        lambda x: F.relu(x * 1, inplace=True),
    ],
)
def test_every_way_of_calling_a_relu_is_caught(relu: object) -> None:
    x = torch.full((1, 2, 2, 2), -1.0, requires_grad=True)
    assert callable(relu)
    with redirecting(16, 17):
        out = relu(x)
    (-out).sum().backward()
    assert x.grad is not None
    assert (x.grad == -1).all()
    x.grad = None
    with redirecting(17, 17):
        out = relu(x)
    (-out).sum().backward()
    assert (x.grad == 0).all()


def dead(module: nn.Module, name: str) -> nn.Module:
    """Push all that a convolution puts out far below zero."""
    convolution = module.get_submodule(name)
    convolution.bias.data.fill_(-1e6)
    return module.requires_grad_(False)


@pytest.mark.parametrize(
    ("module", "name", "layer"),
    [
        (SqueezeNet(), "conv1", "fire2"),
        (SqueezeNet(), "fire3.expand1x1", "fire4"),
        (InceptionV1(), "conv2d2", "mixed3a"),
    ],
)
def test_a_network_that_lets_nothing_through_is_woken(
    module: nn.Module, name: str, layer: str
) -> None:
    dead(module, name)
    if name.endswith("1x1"):
        dead(module, "fire3.expand3x3")
    x = torch.rand(1, 3, 64, 64, requires_grad=True)
    for redirected, expected in ((0, False), (17, True)):
        with redirecting(0, redirected):
            _, features = next(module.walk(x, [layer]))
        (gradient,) = torch.autograd.grad(-features[:, 3].sum(), x)
        assert bool(gradient.any()) is expected


def test_relu_before_pooling_while_redirecting(network: Network) -> None:
    """Per ReLU as in the original: its whole input decides, not the pooled maxima alone."""
    order: list[str] = []

    class Watch(torch.overrides.TorchFunctionMode):  # type: ignore[misc,name-defined]
        def __torch_function__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
            name = getattr(func, "__name__", "")
            if name in ("relu", "max_pool2d", "boolean_dispatch", "fn"):
                order.append("relu" if name == "relu" else "pool")
            return func(*args, **(kwargs or {}))

    x = torch.rand(1, 3, 64, 64)
    plain = network.features(x, "fire4")
    with Watch():
        watched = network.features(x, "fire4")
    torch.testing.assert_close(plain, watched)
    assert order[:2] == ["relu", "pool"]
