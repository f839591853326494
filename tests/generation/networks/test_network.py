from __future__ import annotations

import dataclasses
import importlib.util
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from generation.networks import hooked_networks, registry
from generation.networks import network as networks
from generation.networks.architectures.inception_v1 import InceptionV1
from generation.networks.architectures.squeezenet import SqueezeNet
from generation.networks.choice import NetworkChoice
from generation.networks.network import Network, load_network, load_weights, network_spec
from house.errors import UserError


def images(n: int = 2, size: int = 64) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).random((n, 3, size, size), dtype=np.float32))


def plain_forward(x: torch.Tensor) -> tuple[dict[str, torch.Tensor], torch.Tensor]:
    """Write SqueezeNet 1.1 out by hand, from the paper's table and the weights' file alone."""
    with np.load(network_spec("squeezenet1_1").weights) as file:
        w = {key: torch.from_numpy(file[key].astype(np.float32)) for key in file}

    def convolve(h: torch.Tensor, name: str, **more: int) -> torch.Tensor:
        return F.conv2d(h, w[f"{name}.weight"], w[f"{name}.bias"], **more)

    mean = torch.tensor([104.006, 116.669, 122.679]).reshape(1, 3, 1, 1)
    h = torch.stack([x[:, 2], x[:, 1], x[:, 0]], dim=1) * 255 - mean
    h = F.max_pool2d(F.relu(convolve(h, "conv1", stride=2, padding=1)), 3, 2)
    layers = {}
    for i in range(2, 10):
        s = F.relu(convolve(h, f"fire{i}.squeeze"))
        parts = [
            convolve(s, f"fire{i}.expand1x1"),
            convolve(s, f"fire{i}.expand3x3", padding=1),
        ]
        layers[f"fire{i}"] = torch.cat(parts, dim=1)
        h = F.relu(layers[f"fire{i}"])
        if i in (3, 5):
            h = F.max_pool2d(h, 3, 2)
    return layers, F.relu(convolve(h, "conv10")).mean(dim=(2, 3))


def test_every_layer_and_the_classes_equal_a_plain_forward_pass(network: Network) -> None:
    x = images()
    layers, scores = plain_forward(x)
    recorded = network.activations(x, list(layers))
    for name, features in layers.items():
        torch.testing.assert_close(network.features(x, name), features, rtol=1e-4, atol=1e-2)
        torch.testing.assert_close(recorded[name], features.mean(dim=(2, 3)), rtol=1e-4, atol=1e-2)
    torch.testing.assert_close(network.classify(x), scores, rtol=1e-4, atol=1e-3)


def test_features_are_pre_relu(network: Network) -> None:
    assert (network.features(images(), "fire5") < 0).any()


def test_branches_tile_each_layer_and_match_the_module(network: Network) -> None:
    for layer in network.spec.layers:
        assert layer.branches[0].first == 0
        for left, right in zip(layer.branches, layer.branches[1:], strict=False):
            assert right.first == left.last + 1
        assert network.features(images(1), layer.name).shape[1] == layer.channels
    assert [layer.channels for layer in network.spec.layers] == [
        128, 128, 256, 256, 384, 384, 512, 512,
    ]  # fmt: skip


def test_nothing_beyond_the_layer_is_computed(network: Network) -> None:
    ran: list[str] = []
    module = network._module
    handles = [
        module.get_submodule(name).register_forward_hook(lambda *_, name=name: ran.append(name))
        for name in ("fire4", "fire5", "fire6", "conv10")
    ]
    network.features(images(), "fire5")
    network.activations(images(), ["fire4", "fire5"])
    for handle in handles:
        handle.remove()
    assert ran == ["fire4", "fire5", "fire4", "fire5"]


def test_weights_are_frozen_and_the_images_get_gradients(network: Network) -> None:
    assert not any(parameter.requires_grad for parameter in network._module.parameters())
    x = images().requires_grad_(True)
    network.features(x, "fire3")[:, 7].mean().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0


def test_wrong_names_are_answered_with_the_right_ones(network: Network) -> None:
    with pytest.raises(UserError, match="squeezenet1_1"):
        network_spec("squeezenet")
    with pytest.raises(UserError, match='Did you mean "fire5"'):
        network.features(images(), "fier5")
    with pytest.raises(UserError, match="1x1, 3x3"):
        network.spec.layer("fire5").branch("5x5")


def test_damaged_missing_and_foreign_weights(tmp_path: Path) -> None:
    spec = network_spec("squeezenet1_1")
    damaged = tmp_path / "weights.npz"
    shutil.copy(spec.weights, damaged)
    with damaged.open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"\0\1\2\3")
    with pytest.raises(UserError, match="damaged"):
        load_weights(SqueezeNet(), damaged, spec.weights_sha256)
    with pytest.raises(UserError, match="missing"):
        load_weights(SqueezeNet(), tmp_path / "none.npz", spec.weights_sha256)
    foreign = tmp_path / "foreign.npz"
    np.savez(foreign, a=np.zeros(3))
    with pytest.raises(UserError, match=r"do not belong.*Missing key") as caught:
        load_weights(SqueezeNet(), foreign, networks.sha256_file(foreign))
    assert len(str(caught.value)) < 1000
    pickled = tmp_path / "pickled.npz"
    np.savez(pickled, a=np.array([object()], dtype=object))
    with pytest.raises(UserError, match="cannot be read"):
        load_weights(SqueezeNet(), pickled, networks.sha256_file(pickled))


def test_load_network_checks_the_checksum(monkeypatch: pytest.MonkeyPatch) -> None:
    spec = dataclasses.replace(network_spec("squeezenet1_1"), weights_sha256="0" * 64)
    monkeypatch.setitem(networks.REGISTRY, "squeezenet1_1", spec)
    with pytest.raises(UserError, match="SHA-256"):
        load_network("squeezenet1_1")


def test_the_embedded_network_has_two_names() -> None:
    assert network_spec("embedded") == network_spec("squeezenet1_1")
    assert network_spec(NetworkChoice(name="embedded")).name == "squeezenet1_1"


def test_walks_yield_what_is_wanted_and_nothing_for_nothing(network: Network) -> None:
    x = network.spec.preprocessing(images())
    walk = network._architecture.walk
    assert [name for name, _ in walk(x)] == [layer.name for layer in network.spec.layers]
    assert [name for name, _ in walk(x, {"fire4", "fire2"})] == ["fire2", "fire4"]
    assert list(walk(x, ())) == []
    assert network.activations(images(), []) == {}


def test_weights_that_are_not_at_hand_say_where_they_are_to_be_had(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"inception5h.*convert-weights.*--weights"):
        load_network("inception_v1")
    missing = NetworkChoice(name="inception_v1", weights=str(tmp_path / "none.npz"))
    with pytest.raises(UserError, match="no such file of weights"):
        network_spec(missing)


@pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None,
    reason="torchvision, an optional dependency, is not installed",
)
def test_googlenet_without_a_network_says_how_to_give_the_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("torch.hub.get_dir", lambda: str(tmp_path))
    published = hooked_networks.published_weights("googlenet")
    nowhere = (tmp_path / "nowhere" / "googlenet-1378be20.pth").as_uri()
    monkeypatch.setattr(
        registry,
        "published_weights",
        lambda name: [dataclasses.replace(published[0], url=nowhere)],
    )
    with pytest.raises(UserError, match=r"cannot be fetched here.*--weights"):
        load_network("googlenet")
    assert not list(tmp_path.rglob("*.pth*"))


def test_weights_by_path_are_loaded_and_their_checksum_noted(tmp_path: Path) -> None:
    torch.manual_seed(0)
    module = InceptionV1()
    path = tmp_path / "weights.npz"
    np.savez(path, **{key: value.numpy() for key, value in module.state_dict().items()})
    spec = network_spec(NetworkChoice(name="inception_v1", weights=str(path)))
    assert spec.weights_sha256 == networks.sha256_file(path)
    assert spec.choice == {"name": "inception_v1", "weights": str(path)}
    loaded = load_network(spec)
    x = images(1, 96)
    expected = module.classify(255 * x - 117)
    torch.testing.assert_close(loaded.classify(x), expected, rtol=1e-4, atol=1e-4)
    path.write_bytes(path.read_bytes() + b"more")
    with pytest.raises(UserError, match="damaged"):
        load_network(spec)


def test_registered_networks_bring_their_own_input(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="brings its own mean, size"):
        network_spec(NetworkChoice(name="embedded", mean=(0, 0, 0), size=96))


def test_what_decides_an_activation_is_named() -> None:
    spec = network_spec("squeezenet1_1")
    other = dataclasses.replace(spec.preprocessing, bgr=False)
    for changed in (
        dataclasses.replace(spec, weights_sha256="0" * 64),
        dataclasses.replace(spec, preprocessing=other),
        dataclasses.replace(spec, choice={"prefix_tokens": 4}),
    ):
        assert changed.determinants() != spec.determinants()
    assert dataclasses.replace(spec, title="other").determinants() == spec.determinants()
