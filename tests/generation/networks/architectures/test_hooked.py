"""Modules of any kind as networks, and modules by name."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generation.networks.architectures.hooked import HookedNetwork, hookable_layers
from generation.networks.module_factories import load_factory
from house.errors import UserError


class SmallNet(nn.Module):
    """Batch norm followed by ReLUs in place, one of them used twice; a block that sees nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 6, 3, padding=1), nn.BatchNorm2d(6))
        self.relu = nn.ReLU(inplace=True)
        self.body = nn.Conv2d(6, 8, 3, stride=2)
        self.unused = nn.Conv2d(8, 8, 1)
        self.head = nn.Linear(8, 5)
        self.ran: list[str] = []

    def forward(self, x: Tensor) -> Tensor:
        x = self.relu(self.stem(x))
        self.ran.append("body")
        x = self.body(x)
        self.ran.append("head")
        return self.head(self.relu(x).mean(dim=(2, 3)))


class TinyTransformer(nn.Module):
    """Patches of 4 px, a class token (or more) in front, two encoder layers."""

    def __init__(self, prefix: int = 1) -> None:
        super().__init__()
        self.patches = nn.Conv2d(3, 16, 4, stride=4)
        self.prefix = nn.Parameter(torch.randn(1, prefix, 16))
        self.blocks = nn.ModuleList(
            nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True) for _ in range(2)
        )
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.head = nn.Linear(16, 7)

    def forward(self, x: Tensor) -> Tensor:
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.prefix.expand(len(x), -1, -1), tokens], dim=1)
        for block in self.blocks:
            tokens = block(tokens)
        tokens, _ = self.attention(tokens, tokens, tokens)
        return self.head(tokens[:, 0])


@pytest.fixture
def small() -> SmallNet:
    torch.manual_seed(0)
    return SmallNet().eval()


@pytest.fixture
def transformer() -> TinyTransformer:
    torch.manual_seed(1)
    return TinyTransformer().eval()


def images(n: int = 2, height: int = 16, width: int = 16) -> Tensor:
    values = np.random.default_rng(2).normal(size=(n, 3, height, width))
    return torch.from_numpy(values.astype(np.float32))


def by_hand(net: SmallNet, x: Tensor) -> dict[str, Tensor]:
    conv = net.stem[0](x)
    normalised = net.stem[1](conv)
    body = net.body(F.relu(normalised))
    return {
        "stem.0": conv,
        "stem.1": normalised,
        "body": body,
        "head": net.head(F.relu(body).mean(dim=(2, 3)))[:, :, None, None],
    }


def test_layers_equal_those_by_hand_in_the_order_of_computing(small: SmallNet) -> None:
    network = HookedNetwork(small, ["head", "body", "stem.1", "stem.0"])
    x = images()
    expected = by_hand(small, x)
    walked = list(network.walk(x))
    assert [name for name, _ in walked] == ["stem.0", "stem.1", "body", "head"]
    for name, features in walked:
        torch.testing.assert_close(features, expected[name], rtol=0, atol=0)
    torch.testing.assert_close(network.classify(x), expected["head"][:, :, 0, 0], rtol=0, atol=0)


def test_a_relu_in_place_does_not_reach_what_was_caught(small: SmallNet) -> None:
    network = HookedNetwork(small, ["stem.1", "body"])
    for wanted in (["stem.1"], ["stem.1", "body"]):
        features = dict(network.walk(images(), wanted))["stem.1"]
        assert (features < 0).any()


def test_nothing_beyond_the_last_wanted_layer_is_computed(small: SmallNet) -> None:
    network = HookedNetwork(small, ["stem.0", "stem.1", "body", "head"])
    for wanted, ran in [
        (["stem.1"], []),
        (["body", "stem.0"], ["body"]),
        (["head"], ["body", "head"]),
        ([], []),
    ]:
        small.ran.clear()
        assert {name for name, _ in network.walk(images(), wanted)} == set(wanted)
        assert small.ran == ran


def test_gradients_reach_the_images(small: SmallNet) -> None:
    network = HookedNetwork(small, ["stem.1", "body"])
    x = images().requires_grad_(True)
    expected = torch.autograd.grad(by_hand(small, x)["body"][:, 2].mean(), x)[0]
    for wanted in (["body"], ["stem.1", "body"]):
        features = dict(network.walk(x, wanted))["body"]
        (found,) = torch.autograd.grad(features[:, 2].mean(), x)
        torch.testing.assert_close(found, expected)


def test_no_hook_stays_behind(small: SmallNet) -> None:
    network = HookedNetwork(small, ["body", "unused"])
    list(network.walk(images(), ["body"]))
    with pytest.raises(UserError):
        list(network.walk(images(), ["unused"]))
    with pytest.raises(UserError, match="SmallNet cannot look"):
        list(network.walk(torch.zeros(1, 4, 8, 8)))
    next(network.walk(images(), ["body"]))
    hookable_layers(small, 16)
    assert not any(module._forward_hooks for module in small.modules())


def test_wrong_names_are_answered_with_the_right_ones(small: SmallNet) -> None:
    with pytest.raises(UserError, match=r'Did you mean "stem\.1"'):
        HookedNetwork(small, ["stem1"])
    with pytest.raises(UserError, match=r'no layer "x".*stem, stem\.0, stem\.1, relu'):
        HookedNetwork(small, ["x"])
    with pytest.raises(UserError, match="no layers were named"):
        HookedNetwork(small, [])
    network = HookedNetwork(small, ["body", "head"])
    with pytest.raises(UserError, match='Did you mean "body"'):
        next(network.walk(images(), ["bdy"]))


def test_a_last_part_of_a_name_is_enough_for_a_hint(transformer: TinyTransformer) -> None:
    with pytest.raises(UserError, match=r'Did you mean "blocks\.0\.linear1" or "blocks\.1'):
        HookedNetwork(transformer, ["linear1"])


def test_layers_that_never_run(small: SmallNet) -> None:
    with pytest.raises(UserError, match="unused is not run"):
        next(HookedNetwork(small, ["unused"]).walk(images()))


def test_tokens_become_maps_of_patches_without_the_class_token(
    transformer: TinyTransformer,
) -> None:
    x = images()
    tokens: list[Tensor] = []
    handle = transformer.blocks[0].register_forward_hook(lambda _m, _i, out: tokens.append(out))
    transformer(x)
    handle.remove()
    network = HookedNetwork(transformer, ["blocks.0"])
    ((_, features),) = network.walk(x)
    assert features.shape == (2, 16, 4, 4)
    torch.testing.assert_close(features[:, :, 1, 2], tokens[0][:, 1 + 1 * 4 + 2])
    torch.testing.assert_close(features.mean(dim=(2, 3)), tokens[0][:, 1:].mean(dim=1))
    # Features and patches lie over each other: the same grid as the convolution's.
    assert dict(HookedNetwork(transformer, ["patches"]).walk(x))["patches"].shape[2:] == (4, 4)


def test_other_numbers_of_tokens_in_front() -> None:
    registers = TinyTransformer(prefix=3).eval()
    with pytest.raises(UserError, match=r"19 tokens.*prefix_tokens"):
        next(HookedNetwork(registers, ["blocks.1"]).walk(images()))
    network = HookedNetwork(registers, ["blocks.1"], prefix_tokens=3)
    assert next(network.walk(images()))[1].shape == (2, 16, 4, 4)
    bare = HookedNetwork(TinyTransformer(prefix=0).eval(), ["blocks.1"])
    assert next(bare.walk(images()))[1].shape == (2, 16, 4, 4)
    oblong = HookedNetwork(TinyTransformer().eval(), ["blocks.1"], prefix_tokens=1)
    assert next(oblong.walk(images(1, 8, 12)))[1].shape == (1, 16, 1, 6)
    too_many = HookedNetwork(registers, ["blocks.1"], prefix_tokens=40)
    with pytest.raises(UserError, match="too many"):
        next(too_many.walk(images()))


def test_layers_with_several_outputs(transformer: TinyTransformer) -> None:
    features = dict(HookedNetwork(transformer, ["attention"]).walk(images()))["attention"]
    assert features.shape == (2, 16, 4, 4)


def test_channels_last() -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.mix = nn.Linear(3, 10)

        def forward(self, x: Tensor) -> Tensor:
            return self.mix(x.permute(0, 2, 3, 1)).mean(dim=(1, 2))

    module = Last()
    x = images(2, 8, 6)
    features = dict(HookedNetwork(module, ["mix"], layout="channels_last").walk(x))["mix"]
    assert features.shape == (2, 10, 8, 6)
    expected = torch.einsum("nchw,oc->nohw", x, module.mix.weight)
    torch.testing.assert_close(features, expected + module.mix.bias[:, None, None])


def test_outputs_without_channels() -> None:
    class Odd(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.flat = nn.Flatten(0)

        def forward(self, x: Tensor) -> Tensor:
            return self.flat(x)

    with pytest.raises(UserError, match="no channels"):
        next(HookedNetwork(Odd(), ["flat"]).walk(images()))


def test_listing_leaves_out_what_runs_twice_or_never(small: SmallNet) -> None:
    small.train()
    listed = hookable_layers(small, 16)
    assert [(layer.name, layer.kind, layer.channels) for layer in listed] == [
        ("stem.0", "Conv2d", 6),
        ("stem.1", "BatchNorm2d", 6),
        ("stem", "Sequential", 6),
        ("body", "Conv2d", 8),
        ("head", "Linear", 5),
    ]
    assert listed[3].shape == (8, 7, 7)
    # Looking changed nothing: mode and batch statistics are as they were.
    assert small.training
    assert small.stem[1].num_batches_tracked == 0


def test_listing_a_transformer_and_a_network_for_other_images(
    transformer: TinyTransformer,
) -> None:
    channels = {layer.name: layer.channels for layer in hookable_layers(transformer, 16)}
    assert channels["blocks.1"] == 16
    assert channels["blocks.0.linear1"] == 32
    assert channels["patches"] == 16
    with pytest.raises(UserError, match="2 x 2 pixels"):
        hookable_layers(transformer, 2)


# ---------------------------------------------------------------- torchvision's models


needs_torchvision = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None,
    reason="torchvision, an optional dependency, is not installed",
)


@needs_torchvision
def test_torchvisions_vision_transformer() -> None:
    model = load_factory("torchvision.models:vit_b_32")().eval()
    name = "encoder.layers.encoder_layer_0"
    network = HookedNetwork(model, [name])
    ((_, features),) = network.walk(torch.zeros(1, 3, 224, 224))
    assert features.shape == (1, 768, 7, 7)


@needs_torchvision
def test_torchvisions_resnet_before_its_relu_in_place() -> None:
    torch.manual_seed(0)
    model = load_factory("torchvision.models:resnet18")().eval()
    network = HookedNetwork(model, ["layer1.0.bn1", "layer2.0.conv1"])
    x = images(1, 64, 64)
    features = dict(network.walk(x))["layer1.0.bn1"]
    stem = model.maxpool(F.relu(model.bn1(model.conv1(x))))
    block = model.layer1[0]
    torch.testing.assert_close(features, block.bn1(block.conv1(stem)))
    assert (features < 0).any()
    listed = {layer.name for layer in hookable_layers(model, 64)}
    assert "layer1.0.bn1" in listed
    assert "layer1.0.relu" not in listed


# ---------------------------------------------------------------- factories


@pytest.fixture
def own_modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_networks.py").write_text(
        "from torch import nn\n"
        "class Box:\n    inner = staticmethod(lambda: nn.Linear(2, 2))\n"
        "def perceptron():\n    return nn.Linear(3, 4)\n"
        "def needs_argument(x):\n    return nn.Linear(x, 4)\n"
        "def gives_text():\n    return 'text'\n"
        "number = 3\n",
        encoding="utf-8",
    )
    (tmp_path / "own_broken.py").write_text("1 / 0\n", encoding="utf-8")
    (tmp_path / "own_needy.py").write_text("import nowhere_to_be_found\n", encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("own_modules")
def test_a_factory_builds_a_module() -> None:
    built: Any = load_factory("own_networks:perceptron")()
    assert isinstance(built, nn.Linear)
    assert load_factory("torch.nn:Identity")().__class__ is nn.Identity


@pytest.mark.usefixtures("own_modules")
@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("own_networks", "names no factory.*package.module:factory"),
        ("own_networks:", "names no factory"),
        (":perceptron", "names no factory"),
        (".own_networks:perceptron", "names no factory"),
        ("own_netwerks:perceptron", 'no Python module "own_netwerks"'),
        ("own_networks.sub:perceptron", 'no Python module "own_networks.sub"'),
        ("own_networks:perceptrom", 'Did you mean "perceptron"'),
        ("own_networks:number", "no function or class but int"),
        ("own_broken:x", "cannot be imported.*ZeroDivisionError"),
        ("own_needy:x", 'needs "nowhere_to_be_found"'),
    ],
)
def test_wrong_references(reference: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_factory(reference)


@pytest.mark.usefixtures("own_modules")
def test_factories_that_fail() -> None:
    with pytest.raises(UserError, match=r"cannot be built \(TypeError.*without arguments"):
        load_factory("own_networks:needs_argument")()
    with pytest.raises(UserError, match=r"no torch\.nn\.Module but str"):
        load_factory("own_networks:gives_text")()
