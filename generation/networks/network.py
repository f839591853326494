"""Networks by name, and a network at work: frozen weights, pre-ReLU features, classes."""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor, nn

from generation.networks.architectures.hooked import HookedNetwork
from generation.networks.arithmetic import compute_exactly
from generation.networks.choice import NetworkChoice
from generation.networks.hooked_networks import hooked_spec
from generation.networks.preprocessing import Preprocessing
from generation.networks.registry import REGISTRY
from generation.networks.spec import Branch, Layer, NetworkSpec
from generation.networks.weight_files import read_state
from house.errors import UserError
from house.files import sha256_file
from house.names import nearest

__all__ = [
    "REGISTRY",
    "Branch",
    "Layer",
    "Network",
    "NetworkSpec",
    "Preprocessing",
    "load_network",
    "load_weights",
    "network_spec",
    "with_weights",
]

ALIASES = {"embedded": "squeezenet1_1"}
_OWN = (
    "Or any model of torchvision (torchvision:resnet50), or one of your own "
    "(package.module:factory)."
)


class Architecture(Protocol):
    """What a module must offer to be a network here; see `SqueezeNet`."""

    def walk(
        self, x: Tensor, wanted: Collection[str] | None = None
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield name and pre-ReLU feature maps of the wanted layers, computed when asked for."""
        ...

    def classify(self, x: Tensor) -> Tensor:
        """Give class scores (N, classes)."""
        ...


def network_spec(which: str | NetworkChoice) -> NetworkSpec:
    """Look a network up, without its weights where those are not at hand.

    Parameters
    ----------
    which : str or NetworkChoice
        A registered name, ``torchvision:MODEL``, ``package.module:factory``, or one of these
        with weights and more.

    Raises
    ------
    UserError
        If there is no such network, with the nearest right names, or no such file of weights.
    """
    choice = NetworkChoice(name=which) if isinstance(which, str) else which
    name = ALIASES.get(choice.name, choice.name)
    if name in REGISTRY:
        _only(choice, ("name", "weights", "classes", "accuracy_folder", "expected_top1"))
        spec = replace(REGISTRY[name], choice=choice.model_copy(update={"name": name}).given())
    elif ":" in name:
        spec = hooked_spec(choice)
    else:
        known = [*REGISTRY, *ALIASES]
        raise UserError(
            f'there is no network called "{name}"',
            remedy=f"{nearest(name, known)} Known: {', '.join(sorted(known))}. {_OWN}".strip(),
        )
    if choice.weights is not None:
        path = Path(choice.weights).expanduser()
        if not path.is_file():
            raise UserError("there is no such file of weights", where=str(path))
        spec = replace(spec, weights=path, weights_sha256=sha256_file(path))
    if choice.classes is not None:
        spec = replace(spec, classes=Path(choice.classes).expanduser())
        spec.class_names()
    if choice.accuracy_folder is not None:
        spec = replace(spec, accuracy_folder=Path(choice.accuracy_folder).expanduser())
    if choice.expected_top1 is not None:
        if choice.accuracy_folder is None:
            raise UserError("expected_top1 needs accuracy_folder", remedy="Add it, or leave both.")
        spec = replace(spec, expected_folder_top1=choice.expected_top1)
    return spec


def _only(choice: NetworkChoice, allowed: tuple[str, ...]) -> None:
    odd = [key for key in choice.given() if key not in allowed]
    if odd:
        raise UserError(
            f"{choice.name} brings its own {', '.join(odd)}",
            remedy="Leave these keys out; they are for networks of your own.",
        )


def with_weights(spec: NetworkSpec) -> NetworkSpec:
    """Make sure that a network's weights are at hand; fetch published ones if need be.

    Raises
    ------
    UserError
        If they are not; the message says where they are to be had.
    """
    if spec.weights is not None or spec.weights_sha256:
        return spec
    if spec.fetch is None:
        raise UserError(f"the weights of {spec.name} are not at hand", remedy=spec.weights_help)
    path = spec.fetch()
    return replace(spec, weights=path, weights_sha256=sha256_file(path))


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

    def modules(self) -> Iterator[nn.Module]:
        """Give every part of the network's module."""
        yield from self._module.modules()

    def altered(self, alter: Callable[[nn.Module], None]) -> Network:
        """Copy the network and let `alter` change the copy's module in place."""
        module = copy.deepcopy(self._module)
        alter(module)
        return Network(self.spec, module, self.device)

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
        for name, features in self._architecture.walk(self.spec.preprocessing(x), (layer,)):
            if name == layer:
                return features
        raise AssertionError(f"{self.spec.name} lists {layer} but does not compute it")

    def feature_maps(self, x: Tensor, layers: Iterable[str]) -> Iterator[Tensor]:
        """Pre-ReLU feature maps of several layers from one pass, in the network's order."""
        wanted = set(layers)
        for layer in wanted:
            self.spec.layer(layer)
        for _, features in self._architecture.walk(self.spec.preprocessing(x), wanted):
            yield features

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
            for name, features in self._architecture.walk(self.spec.preprocessing(x), wanted):
                found[name] = features.float().mean(dim=(2, 3))
        return found

    def classify(self, x: Tensor) -> Tensor:
        """Class scores (N, classes) of RGB images (N, 3, H, W) in [0, 1]."""
        with torch.no_grad():
            return self._architecture.classify(self.spec.preprocessing(x))


def load_network(
    which: str | NetworkChoice | NetworkSpec, device: torch.device | str = "cpu"
) -> Network:
    """Build a network and load its weights, after comparing their checksum.

    Raises
    ------
    UserError
        If the name is unknown, or the weights are missing, damaged or do not fit.
    """
    spec = which if isinstance(which, NetworkSpec) else network_spec(which)
    spec = with_weights(spec)
    module = spec.factory()
    if spec.weights is not None:
        inner = module.module if isinstance(module, HookedNetwork) else module
        load_weights(inner, spec.weights, spec.weights_sha256)
    compute_exactly(torch.device(device))
    return Network(spec, module, torch.device(device))


def load_weights(module: nn.Module, path: Path, sha256: str) -> None:
    """Fill a module with the arrays of a file (see `generation.networks.weight_files`).

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
    state = read_state(path)
    try:
        module.load_state_dict(state, strict=True)
    except RuntimeError as error:
        reasons = [line.strip()[:160] for line in str(error).splitlines()[1:4]]
        raise UserError(
            f"these weights do not belong to this network ({' '.join(reasons)})", where=str(path)
        ) from error


_REINSTALL = "Restore the file from the repository or install the package again."
