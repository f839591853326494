"""Networks by name: module, layers, branches, preprocessing, weights and checksum in one place."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from torch import Tensor, nn

from generation.architectures.squeezenet import FIRES, SqueezeNet
from house.errors import UserError
from house.files import sha256_file
from house.names import nearest

WEIGHTS = Path(__file__).parent / "weights"


class Architecture(Protocol):
    """What a module must offer to be a network here; see `SqueezeNet`."""

    def walk(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Yield name and pre-ReLU feature maps of layer after layer, computed when asked for."""
        ...

    def classify(self, x: Tensor) -> Tensor:
        """Give class scores (N, classes)."""
        ...


@dataclass(frozen=True)
class Branch:
    """Channels `first` to `last` (inclusive) of a layer's concatenated output."""

    name: str
    first: int
    last: int


@dataclass(frozen=True)
class Layer:
    """A layer whose channels are units.

    Attributes
    ----------
    index : int
        Depth order among the network's layers, from 0.
    """

    name: str
    index: int
    branches: tuple[Branch, ...]

    @property
    def channels(self) -> int:
        """Number of channels, all branches together."""
        return self.branches[-1].last + 1

    def branch(self, name: str) -> Branch:
        """Give the branch of that name; `UserError` with the right names otherwise."""
        for branch in self.branches:
            if branch.name == name:
                return branch
        names = [branch.name for branch in self.branches]
        raise UserError(
            f'layer {self.name} has no branch "{name}"',
            remedy=f"{nearest(name, names)} Its branches: {', '.join(names)}.".strip(),
        )


@dataclass(frozen=True)
class Preprocessing:
    """From RGB in [0, 1] to what the network was trained on: ``scale x - mean``."""

    scale: float
    mean: tuple[float, float, float]
    bgr: bool

    def __call__(self, x: Tensor) -> Tensor:
        """Turn RGB images (N, 3, H, W) into the network's input."""
        if self.bgr:
            x = x.flip(1)
        mean = torch.tensor(self.mean, dtype=x.dtype, device=x.device)
        return x * self.scale - mean[None, :, None, None]


@dataclass(frozen=True)
class NetworkSpec:
    """All that belongs together about one network.

    Attributes
    ----------
    value_range : tuple of float
        Range of the RGB values that `Network` takes.
    check_size : int
        Side in pixels of the images for the accuracy check.
    expected_top1, expected_top5 : float
        Shares of the labelled embedded photographs that the network must name, at least.
    """

    name: str
    title: str
    factory: Callable[[], nn.Module]
    layers: tuple[Layer, ...]
    preprocessing: Preprocessing
    value_range: tuple[float, float]
    weights: Path
    weights_sha256: str
    licence: str
    check_size: int
    expected_top1: float
    expected_top5: float
    classes: Path

    def layer(self, name: str) -> Layer:
        """Give the layer of that name; `UserError` with the nearest right names otherwise."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in self.layers]
        raise UserError(
            f'{self.name} has no layer "{name}"',
            remedy=f"{nearest(name, names)} Its layers: {', '.join(names)}.".strip(),
        )

    def class_names(self) -> list[str]:
        """Names of the classes, in the order of the network's outputs."""
        return self.classes.read_text(encoding="utf-8").splitlines()


def _squeezenet_layers() -> tuple[Layer, ...]:
    return tuple(
        Layer(name, index, (Branch("1x1", 0, n - 1), Branch("3x3", n, 2 * n - 1)))
        for index, (name, _, _, n) in enumerate(FIRES)
    )


REGISTRY: dict[str, NetworkSpec] = {
    spec.name: spec
    for spec in (
        NetworkSpec(
            name="squeezenet1_1",
            title="SqueezeNet 1.1, trained on ImageNet (embedded)",
            factory=SqueezeNet,
            layers=_squeezenet_layers(),
            preprocessing=Preprocessing(255.0, (104.006, 116.669, 122.679), bgr=True),
            value_range=(0.0, 1.0),
            weights=WEIGHTS / "squeezenet1_1.npz",
            weights_sha256="ad05f61a17002c48ae1ec49b49b9512a5a491342ead5ff6c0b152f049b5491ac",
            licence="BSD-2-Clause (weights), MIT (conversion); see generation/weights/NOTICE.md",
            check_size=227,
            expected_top1=0.72,
            expected_top5=0.86,
            classes=WEIGHTS / "imagenet_classes.txt",
        ),
    )
}


def network_spec(name: str) -> NetworkSpec:
    """Look a network up by name; `UserError` with the nearest right names otherwise."""
    if name in REGISTRY:
        return REGISTRY[name]
    raise UserError(
        f'there is no network called "{name}"',
        remedy=f"{nearest(name, REGISTRY)} Known: {', '.join(sorted(REGISTRY))}.".strip(),
    )


class Network:
    """A network with frozen weights in evaluation mode, on RGB images in its value range.

    Parameters
    ----------
    spec : NetworkSpec
        Where everything about it is written down.
    module : nn.Module
        The architecture with its weights loaded.
    device : torch.device
        Where it computes.
    """

    def __init__(self, spec: NetworkSpec, module: nn.Module, device: torch.device) -> None:
        self.spec = spec
        self.device = device
        self._module = module.to(device, memory_format=torch.channels_last).eval()
        # Frozen weights: autograd then computes no gradient for them, about a third of the work.
        self._module.requires_grad_(False)
        self._architecture: Architecture = self._module

    def features(self, x: Tensor, layer: str) -> Tensor:
        """Pre-ReLU feature maps (N, C, h, w) of one layer; nothing beyond it is computed.

        Parameters
        ----------
        x : Tensor
            RGB images (N, 3, H, W), float32, in [0, 1].
        layer : str
            A layer's name.
        """
        self.spec.layer(layer)
        for name, features in self._architecture.walk(self.spec.preprocessing(x)):
            if name == layer:
                return features
        raise AssertionError(f"{self.spec.name} lists {layer} but does not compute it")

    def activations(self, x: Tensor, layers: Iterable[str]) -> dict[str, Tensor]:
        """Activations of every unit of several layers from one pass.

        Returns
        -------
        dict of str to Tensor
            Layer to float32 (N, C): the spatial means of the pre-ReLU feature maps, the
            definition of a unit's activation (Borowski et al. 2021, appendix A.1.2).
        """
        wanted = set(layers)
        for layer in wanted:
            self.spec.layer(layer)
        found: dict[str, Tensor] = {}
        with torch.no_grad():
            for name, features in self._architecture.walk(self.spec.preprocessing(x)):
                if name in wanted:
                    found[name] = features.float().mean(dim=(2, 3))
                    if len(found) == len(wanted):
                        break
        return found

    def classify(self, x: Tensor) -> Tensor:
        """Class scores (N, classes) of RGB images (N, 3, H, W) in [0, 1]."""
        with torch.no_grad():
            return self._architecture.classify(self.spec.preprocessing(x))


def load_network(name: str, device: torch.device | str = "cpu") -> Network:
    """Build a registered network and load its weights, after comparing their checksum.

    Raises
    ------
    UserError
        If the name is unknown, or the weights are missing, damaged or do not fit.
    """
    spec = network_spec(name)
    module = spec.factory()
    load_weights(module, spec.weights, spec.weights_sha256)
    return Network(spec, module, torch.device(device))


def load_weights(module: nn.Module, path: Path, sha256: str) -> None:
    """Fill a module with the arrays of an ``.npz`` file.

    Raises
    ------
    UserError
        If the file is missing or damaged, or does not hold this module's arrays.
    """
    if not path.is_file():
        raise UserError("the network's weights are missing", where=str(path), remedy=_REINSTALL)
    found = sha256_file(path)
    if found != sha256:
        raise UserError(
            f"the network's weights are damaged: SHA-256 is {found[:12]}…, not {sha256[:12]}…",
            where=str(path),
            remedy=_REINSTALL,
        )
    try:
        with np.load(path, allow_pickle=False) as arrays:
            state = {key: torch.from_numpy(arrays[key].astype(np.float32)) for key in arrays}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise UserError(
            f"the network's weights cannot be read ({error})", where=str(path)
        ) from error
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        raise UserError(
            f"these weights do not belong to this network ({error})", where=str(path)
        ) from error


_REINSTALL = "Restore the file from the repository or install the package again."
