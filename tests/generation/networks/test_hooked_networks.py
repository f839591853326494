"""torchvision's models and modules of a user's own, by name, weights and layers."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from generation.networks import hooked_networks
from generation.networks.choice import NetworkChoice
from generation.networks.hooked_networks import (
    fetch_weights,
    hooked_spec,
    published_weights,
    state_sha256,
)
from generation.networks.network import load_network, network_spec, with_weights
from house.errors import UserError

MODULE = """
import torch
from torch import nn

class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.relu = nn.ReLU()
        self.body = nn.Conv2d(6, 8, 3, stride=2)
        self.head = nn.Linear(8, 5)

    def forward(self, x):
        return self.head(self.body(self.relu(self.stem(x))).mean(dim=(2, 3)))

def trained():
    torch.manual_seed(3)
    return Small()
"""


needs_torchvision = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None,
    reason="torchvision, an optional dependency, is not installed",
)


@pytest.fixture
def module_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = "lab_network_of_a_user"
    (tmp_path / f"{name}.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    sys.modules.pop(name, None)


def images(n: int = 2, size: int = 64) -> Tensor:
    return torch.from_numpy(np.random.default_rng(0).random((n, 3, size, size), dtype=np.float32))


def test_a_module_of_a_users_own_with_its_input(module_name: str) -> None:
    choice = NetworkChoice(
        name=f"{module_name}:trained",
        layers=("body", "stem"),
        scale=2.0,
        mean=(0.5, 0.25, 0.0),
        std=(2.0, 1.0, 1.0),
        bgr=True,
        size=32,
    )
    spec = network_spec(choice)
    assert [(layer.name, layer.channels, layer.kind) for layer in spec.layers] == [
        ("stem", 6, "Conv2d"),
        ("body", 8, "Conv2d"),
    ]
    assert spec.layer("body").branch("all").last == 7
    assert spec.preprocessing.side is None
    assert spec.check_size == 32
    network = load_network(spec)
    module = sys.modules[module_name].trained().eval()
    assert spec.weights_sha256 == state_sha256(module)
    x = images()
    fed = (2 * x.flip(1) - torch.tensor([0.5, 0.25, 0.0])[:, None, None]) / torch.tensor(
        [2.0, 1.0, 1.0]
    )[:, None, None]
    torch.testing.assert_close(network.features(x, "stem"), module.stem(fed))
    torch.testing.assert_close(network.classify(x), module(fed))
    assert set(network.activations(x, ["stem", "body"])) == {"stem", "body"}


def test_layers_that_only_pass_on_are_left_out_but_may_be_named(module_name: str) -> None:
    name = f"{module_name}:Small"
    assert [layer.name for layer in network_spec(name).layers] == ["stem", "body", "head"]
    spec = network_spec(NetworkChoice(name=name, layers=("relu",)))
    assert [layer.name for layer in spec.layers] == ["relu"]
    with pytest.raises(UserError, match=r'no layer "bdoy"\. Did you mean "body"'):
        network_spec(NetworkChoice(name=name, layers=("bdoy",)))


def test_weights_by_path_and_weights_of_another_network(module_name: str, tmp_path: Path) -> None:
    torch.manual_seed(9)
    module = __import__(module_name).Small()
    path = tmp_path / "small.pth"
    torch.save(module.state_dict(), path)
    choice = NetworkChoice(name=f"{module_name}:Small", weights=str(path))
    network = load_network(choice)
    torch.testing.assert_close(network.classify(images()), module(images()))
    assert network.spec.weights_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    torch.save({"stem.weight": torch.zeros(6, 3, 5, 5)}, path)
    with pytest.raises(UserError, match="do not belong to this network"):
        load_network(choice)


def test_two_modules_with_other_weights_are_two_networks(module_name: str) -> None:
    name = f"{module_name}:Small"
    assert network_spec(name).weights_sha256 != network_spec(name).weights_sha256
    trained = f"{module_name}:trained"
    assert network_spec(trained).weights_sha256 == network_spec(trained).weights_sha256


def test_names_that_are_wrong(module_name: str) -> None:
    with pytest.raises(UserError, match='Did you mean "trained"'):
        network_spec(f"{module_name}:traind")
    with pytest.raises(UserError, match="no Python module"):
        network_spec("no_such_module_anywhere:build")


TWICE = """
from torch import nn

class Twice(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Conv2d(3, 3, 3)
        self.spare = nn.Conv2d(3, 3, 3)
        self.last = nn.Linear(3, 3)

    def forward(self, x):
        found = self.body(self.body(x)).mean(dim=(2, 3))
        return self.last(found)

class Only(Twice):
    def forward(self, x):
        return self.body(self.body(x))
"""


def test_a_layer_that_runs_twice_or_never_is_told_with_the_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lab_twice.py").write_text(TWICE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert [layer.name for layer in network_spec("lab_twice:Twice").layers] == ["last"]
    for layer, reason in (("body", "it runs 2 times"), ("spare", "it is not run")):
        with pytest.raises(UserError, match=f"layer {layer} of lab_twice:Twice .*: {reason}"):
            network_spec(NetworkChoice(name="lab_twice:Twice", layers=(layer,)))
    with pytest.raises(UserError, match=r"no layer with channels\. .*body: it runs 2 times"):
        network_spec("lab_twice:Only")
    sys.modules.pop("lab_twice")


@pytest.fixture
def resnet_file(tmp_path: Path) -> Path:
    models = hooked_networks.torchvision_models()
    torch.manual_seed(0)
    path = tmp_path / "resnet18.pth"
    torch.save(models.resnet18(weights=None).state_dict(), path)
    return path


@needs_torchvision
def test_a_model_of_torchvision(resnet_file: Path) -> None:
    models = hooked_networks.torchvision_models()
    choice = NetworkChoice(
        name="torchvision:resnet18",
        weights=str(resnet_file),
        layers=("layer1.0.bn1", "layer3.1.conv2"),
    )
    network = load_network(choice)
    assert network.spec.preprocessing.mean == (0.485, 0.456, 0.406)
    assert network.spec.preprocessing.std == (0.229, 0.224, 0.225)
    module = models.resnet18(weights=None)
    module.load_state_dict(torch.load(resnet_file, weights_only=True))
    x = images()
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    torch.testing.assert_close(
        network.classify(x), module.eval()((x - mean) / std), rtol=1e-4, atol=1e-4
    )
    features = network.features(x, "layer1.0.bn1")
    assert features.shape == (2, 64, 16, 16)
    assert (features < 0).any()
    # Weights that nobody published have neither a known accuracy nor known classes.
    assert network.spec.expected_folder_top1 is None
    assert network.spec.class_names() == []


@needs_torchvision
def test_published_weights_are_known_by_their_checksum(
    resnet_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checksum = hashlib.sha256(resnet_file.read_bytes()).hexdigest()
    (first, *rest) = published_weights("resnet18")
    assert first.url.endswith("/resnet18-f37072fd.pth")
    assert first.top1 == pytest.approx(0.69758)
    named = dataclasses.replace(first, url=f"https://nowhere/resnet18-{checksum[:8]}.pth")
    monkeypatch.setattr(hooked_networks, "published_weights", lambda name: [named, *rest])
    choice = NetworkChoice(name="torchvision:resnet18", weights=str(resnet_file))
    spec = hooked_spec(choice)
    assert spec.expected_folder_top1 == first.top1
    assert len(spec.class_names()) == 1000


@needs_torchvision
def test_published_weights_are_fetched_once_and_checked(
    resnet_file: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(cache))
    checksum = hashlib.sha256(resnet_file.read_bytes()).hexdigest()
    there = resnet_file.with_name(f"resnet18-{checksum[:8]}.pth")
    resnet_file.rename(there)
    (first, *_) = published_weights("resnet18")
    named = dataclasses.replace(first, url=there.as_uri())
    monkeypatch.setattr(hooked_networks, "published_weights", lambda name: [named])
    spec = network_spec("torchvision:resnet18")
    assert (spec.weights, spec.weights_sha256) == (None, "")
    found = with_weights(spec)
    assert found.weights == cache / "checkpoints" / there.name
    assert found.weights_sha256 == checksum
    there.unlink()
    assert with_weights(spec) == found
    assert load_network(found).spec is found
    with pytest.raises(UserError, match=r"cannot be fetched here.*--weights"):
        fetch_weights((tmp_path / "model-00000000.pth").as_uri(), "model")
    other = tmp_path / "other-00000000.pth"
    other.write_bytes(b"something else")
    with pytest.raises(UserError, match="invalid hash value"):
        fetch_weights(other.as_uri(), "other")
    assert not (cache / "checkpoints" / other.name).exists()


@needs_torchvision
def test_a_transformer_of_one_size_is_given_that_size() -> None:
    models = hooked_networks.torchvision_models()
    torch.manual_seed(1)
    small = models.VisionTransformer(
        image_size=32, patch_size=8, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=32
    )
    choice = NetworkChoice(name="torchvision:vit_b_16", size=32)
    pre = hooked_networks.Preprocessing(1.0, (0.0, 0.0, 0.0), bgr=False)
    spec = hooked_networks._spec(choice, small, pre, size=32, fixed=True, title="")
    spec = dataclasses.replace(spec, weights_sha256=state_sha256(small))
    network = load_network(spec)
    layer = "encoder.layers.encoder_layer_1.mlp.0"
    for size in (32, 40):
        features = network.features(images(1, size), layer)
        assert features.shape == (1, 32, 4, 4)
    free = dataclasses.replace(
        spec, preprocessing=dataclasses.replace(spec.preprocessing, side=None)
    )
    with pytest.raises(UserError, match=r"cannot look at an image of 40 x 40.*fixed_size = true"):
        load_network(free).features(images(1, 40), layer)


@needs_torchvision
def test_models_that_torchvision_does_not_have() -> None:
    with pytest.raises(UserError, match='Did you mean "resnet18"'):
        network_spec("torchvision:resnt18")
