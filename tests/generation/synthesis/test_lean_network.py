from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import nn

from generation.networks.architectures.inception_v1 import BLOCKS, Mixed
from generation.networks.network import Network
from generation.synthesis.lean_network import LeanNetwork, StridedConvolution


@pytest.mark.parametrize(("kernel", "padding"), [(3, 1), (3, 0), (7, 3), (7, 0), (5, 2), (4, 1)])
@pytest.mark.parametrize("size", [32, 33, 46])
@pytest.mark.parametrize("windows", [6000, 100])
def test_strided_convolution_and_its_gradient(
    kernel: int, padding: int, size: int, windows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    # In one piece, and in several that share rows of pixels.
    monkeypatch.setattr("generation.synthesis.lean_network._WINDOWS", windows)
    plain = nn.Conv2d(3, 8, kernel, stride=2, padding=padding).requires_grad_(False)
    ours = StridedConvolution(plain)
    x = torch.randn(2, 3, size, size + 1, requires_grad=True)
    expected = plain(x)
    torch.testing.assert_close(ours(x), expected)
    upstream = torch.randn_like(expected)
    (wanted,) = torch.autograd.grad(expected, x, upstream)
    (found,) = torch.autograd.grad(ours(x), x, upstream)
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-4)


def test_strided_convolution_in_bfloat16() -> None:
    plain = nn.Conv2d(3, 64, 7, stride=2).requires_grad_(False).bfloat16()
    exact = nn.Conv2d(3, 64, 7, stride=2).requires_grad_(False)
    exact.load_state_dict(plain.state_dict())
    x = torch.randn(2, 3, 61, 61).bfloat16().float().requires_grad_(True)
    upstream = torch.randn(2, 64, 28, 28).bfloat16()
    (found,) = torch.autograd.grad(StridedConvolution(plain)(x), x, upstream)
    (wanted,) = torch.autograd.grad(exact(x), x, upstream.float())
    assert found.dtype == torch.float32
    assert (found - wanted).norm() < 0.005 * wanted.norm()


def test_merged_siblings_give_the_same() -> None:
    block = Mixed(BLOCKS[0]).requires_grad_(False)
    x = torch.rand(2, 192, 9, 9, requires_grad=True)
    plain = torch.cat(block(x), dim=1)
    (wanted,) = torch.autograd.grad(plain.square().sum(), x)
    block.simplify()
    found = torch.cat(block(x), dim=1)
    (given,) = torch.autograd.grad(found.square().sum(), x)
    torch.testing.assert_close(found, plain, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(given, wanted, rtol=1e-4, atol=1e-4)


def test_the_network_itself_stays_as_it_is(network: Network) -> None:
    before = {key: value.clone() for key, value in next(network.modules()).state_dict().items()}
    lean = LeanNetwork(network, "fire3", "bfloat16")
    x = torch.rand(2, 3, 64, 64)
    assert lean(x).dtype == torch.bfloat16
    after = next(network.modules()).state_dict()
    assert before.keys() == after.keys()
    assert all(torch.equal(before[key], after[key]) for key in before)
    assert network.features(x, "fire3").dtype == torch.float32


# Half precision sends the gradient of some maxima elsewhere.
@pytest.mark.parametrize(("precision", "share"), [("float32", 1e-5), ("bfloat16", 0.2)])
def test_features_and_gradients(network: Network, precision: str, share: float) -> None:
    x = torch.rand(2, 3, 64, 64, requires_grad=True)
    lean = LeanNetwork(network, "fire4", precision)
    found = []
    for features in (network.features(x, "fire4"), lean(x)):
        (gradient,) = torch.autograd.grad(features[:, 5].float().mean(), x)
        found.append((features.float(), gradient))
    for plain, fast in zip(*found, strict=True):
        assert (plain - fast).norm() < share * plain.norm()


@pytest.fixture
def graphs(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Let torch compile in earnest, but run what it has found as it is; gives every graph."""
    found: list[object] = []

    def keep(graph: Any, _: object) -> Any:
        found.append(graph)
        return graph.forward

    compile_ = torch.compile
    monkeypatch.setattr(torch, "compile", lambda f, **more: compile_(f, backend=keep, **more))
    # As on a GPU, for which there are no kernels of our own.
    monkeypatch.setattr("generation.networks.architectures.pooling.suits", lambda x: False)
    for replaced in ("_strided", "worthwhile"):
        monkeypatch.setattr(f"generation.synthesis.lean_network.{replaced}", lambda part: False)
    return found


def test_every_layer_is_compiled_for_every_shape(network: Network, graphs: list[object]) -> None:
    """Five scales in each of three layers are more than the eight that torch compiles by itself."""
    for number, layer in enumerate(("fire2", "fire3", "fire4")):
        lean = LeanNetwork(network, layer, "float32", compiled=True)
        for again in (False, True):
            for place, size in enumerate((44, 46, 48, 50, 52), start=1):
                x = torch.rand(1, 3, size, size, requires_grad=True)
                found = []
                for features in (lean(x), lean.eager(x)):
                    (gradient,) = torch.autograd.grad(features[:, 5].mean(), x)
                    found.append((features, gradient))
                for compiled, eager in zip(*found, strict=True):
                    torch.testing.assert_close(compiled, eager)
                assert len(graphs) == 5 * number + (5 if again else place)
