"""Our walk through torchvision's GoogLeNet against torchvision's own forward pass."""

from __future__ import annotations

import importlib
import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from generation.networks import torchvision_models as loader
from generation.networks.architectures.googlenet import LAYERS, GoogLeNet
from generation.networks.weight_files import read_state
from house.errors import UserError

needs_torchvision = pytest.mark.skipif(
    importlib.util.find_spec("torchvision") is None,
    reason="torchvision, an optional dependency, is not installed",
)


@pytest.fixture(scope="module")
def original() -> Any:
    """torchvision's network with auxiliary heads and batch statistics that are not trivial."""
    torch.manual_seed(3)
    model = loader.torchvision_models().googlenet(weights=None, aux_logits=True, init_weights=False)
    for module in model.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.normal_(0, 0.1)
            module.running_var.uniform_(0.2, 0.6)
            module.bias.data.normal_(0, 0.3)
    return model.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def network(original: Any) -> GoogLeNet:
    ours = GoogLeNet()
    ours.load_state_dict(original.state_dict(), strict=True)
    return ours.eval().requires_grad_(False)


def images(n: int = 2, size: int = 96) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).random((n, 3, size, size), dtype=np.float32))


@needs_torchvision
def test_rectified_features_are_what_torchvision_puts_out(
    original: Any, network: GoogLeNet
) -> None:
    outputs: dict[str, torch.Tensor] = {}
    handles = [
        original.get_submodule(name).register_forward_hook(
            lambda _m, _i, out, name=name: outputs.__setitem__(name, out)
        )
        for name, _ in LAYERS
    ]
    x = images()
    scores = original(x)
    for handle in handles:
        handle.remove()
    seen = []
    for name, features in network.walk(x):
        seen.append(name)
        assert (features < 0).any()
        torch.testing.assert_close(F.relu(features), outputs[name], rtol=1e-5, atol=1e-5)
    assert seen == list(outputs)
    torch.testing.assert_close(network.classify(x), scores, rtol=1e-5, atol=1e-5)


@needs_torchvision
def test_branches_end_where_torchvisions_do(original: Any, network: GoogLeNet) -> None:
    for name, features in network.walk(images(1)):
        block = original.get_submodule(name)
        widths = [
            block.branch1.conv.out_channels,
            *(part[1].conv.out_channels for part in (block.branch2, block.branch3, block.branch4)),
        ]
        branches = dict(LAYERS)[name]
        assert [branch for branch, _, _ in branches] == ["1x1", "3x3", "5x5", "pool"]
        assert [last - first + 1 for _, first, last in branches] == widths
        assert features.shape[1] == branches[-1][2] + 1 == sum(widths)
    assert dict(LAYERS)["inception4a"][-1][2] + 1 == 512
    assert sum(branches[-1][2] + 1 for _, branches in LAYERS) == 5488


@needs_torchvision
def test_a_state_from_a_file_is_loaded_and_auxiliary_heads_ignored(
    original: Any, network: GoogLeNet, tmp_path: Path
) -> None:
    path = tmp_path / "googlenet.pth"
    torch.save(original.state_dict(), path)
    state = read_state(path)
    assert any(key.startswith("aux1.") for key in state)
    fresh = GoogLeNet()
    fresh.load_state_dict(state, strict=True)
    x = images(1)
    torch.testing.assert_close(fresh.eval().classify(x), network.classify(x), rtol=0, atol=0)
    del state["inception4c.branch1.conv.weight"]
    with pytest.raises(RuntimeError, match="inception4c"):
        fresh.load_state_dict(state, strict=True)


@needs_torchvision
def test_walk_stops_after_the_last_wanted_layer(network: GoogLeNet) -> None:
    ran: list[str] = []
    handles = [
        network.get_submodule(f"{name}.branch1.conv").register_forward_hook(
            lambda *_, name=name: ran.append(name)
        )
        for name, _ in LAYERS
    ]
    seen = [name for name, _ in network.walk(images(1), ["inception3b"])]
    for handle in handles:
        handle.remove()
    assert seen == ["inception3b"]
    assert ran == ["inception3a", "inception3b"]
    assert list(network.walk(images(1), [])) == []


@needs_torchvision
def test_the_input_is_what_torchvisions_weights_expect(original: Any) -> None:
    """Normalisation by ImageNet's statistics and `transform_input` amount to ``2 x - 1``."""
    x = images()
    mean = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
    deviation = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
    original.transform_input = True
    try:
        transformed = original._transform_input((x - mean) / deviation)
    finally:
        original.transform_input = False
    torch.testing.assert_close(transformed, 2 * x - 1, rtol=1e-5, atol=1e-5)


@needs_torchvision
def test_torchvision_is_imported_late() -> None:
    code = (
        "import sys, generation.networks.architectures.googlenet\n"
        "assert 'torchvision' not in sys.modules\n"
        "from generation.networks.torchvision_models import torchvision_models\n"
        "assert torchvision_models() is sys.modules['torchvision.models']\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=100)


@pytest.fixture
def _fresh_loader() -> Iterator[None]:
    loader.torchvision_models.cache_clear()
    yield
    loader.torchvision_models.cache_clear()


@pytest.mark.usefixtures("_fresh_loader")
def test_absent_torchvision_is_an_error_for_people(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> Any:
        raise ModuleNotFoundError("No module named 'torchvision'", name="torchvision")

    monkeypatch.setattr(importlib, "import_module", absent)
    with pytest.raises(UserError, match=r"not installed.*pip install"):
        GoogLeNet()


@pytest.mark.usefixtures("_fresh_loader")
def test_a_torchvision_that_does_not_fit_is_an_error_for_people(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(name: str) -> Any:
        raise RuntimeError("something else is wrong")

    monkeypatch.setattr(importlib, "import_module", broken)
    with pytest.raises(UserError, match=r"something else is wrong.*0\.28\.0"):
        loader.torchvision_models()


@needs_torchvision
def test_folded_norms_give_the_same_features_and_gradients(original: Any) -> None:
    ours = GoogLeNet()
    ours.load_state_dict(original.state_dict())
    ours.eval().requires_grad_(False)
    x = images().requires_grad_()
    found = []
    for _ in range(2):
        _, features = next(ours.walk(x, ["inception4a"]))
        (gradient,) = torch.autograd.grad(features[:, 7].mean(), x)
        found.append((features, gradient))
        ours.simplify()
    assert not any(isinstance(part, torch.nn.BatchNorm2d) for part in ours.modules())
    for plain, folded in zip(*found, strict=True):
        assert (plain - folded).norm() < 1e-4 * plain.norm()
