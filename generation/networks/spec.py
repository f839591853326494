"""What is written down about a network: layers, branches, preprocessing, weights, checksum."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from generation.networks.preprocessing import Preprocessing
from house.errors import UserError
from house.names import nearest


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
    kind : str
        Class of the submodule, where the layer is one of a module of a user's own.
    """

    name: str
    index: int
    branches: tuple[Branch, ...]
    kind: str = ""

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
class NetworkSpec:
    """All that belongs together about one network.

    Attributes
    ----------
    factory : callable
        Builds the module, without its weights.
    value_range : tuple of float
        Range of the RGB values that `Network` takes.
    weights : Path, optional
        Their file; None where they still have to be found, or where the factory brings them.
    weights_sha256 : str
        Checksum of the file, or of the arrays where the factory brings them; empty where the
        weights still have to be found.
    check_size : int
        Side in pixels of the images for the accuracy check.
    expected_top1, expected_top5 : float, optional
        Shares of the labelled embedded photographs that the network must name, at least.
    expected_folder_top1 : float, optional
        Share of a labelled folder (published for the validation images of ImageNet) that it
        names at first.
    classes : Path, optional
        Names of the outputs, one a line; a line is empty where an output names nothing.
    accuracy_folder : Path, optional
        Labelled photographs to check the network by, instead of the embedded ones.
    fetch : callable, optional
        Gives the file of the published weights, from the internet if need be.
    weights_help : str
        Where the weights are to be had.
    choice : dict
        What a recipe's ``[network]`` table says, for finding the network again.
    """

    name: str
    title: str
    factory: Callable[[], nn.Module]
    layers: tuple[Layer, ...]
    preprocessing: Preprocessing
    value_range: tuple[float, float]
    weights: Path | None
    weights_sha256: str
    licence: str
    check_size: int
    expected_top1: float | None = None
    expected_top5: float | None = None
    expected_folder_top1: float | None = None
    classes: Path | None = None
    accuracy_folder: Path | None = None
    fetch: Callable[[], Path] | None = None
    weights_help: str = ""
    choice: dict[str, Any] | None = None

    def layer(self, name: str) -> Layer:
        """Give the layer of that name; `UserError` with the nearest right names otherwise."""
        for layer in self.layers:
            if layer.name == name:
                return layer
        names = [layer.name for layer in self.layers]
        ends = [f'"{known}"' for known in names if known.endswith(f".{name}")]
        guess = f"Did you mean {' or '.join(ends[:3])}?" if ends else nearest(name, names)
        some = ", ".join(names[:12]) + (", …" if len(names) > 12 else "")
        raise UserError(
            f'{self.name} has no layer "{name}"',
            remedy=f"{guess} Its layers: {some}.".strip(),
        )

    def class_names(self) -> list[str]:
        """Names of the classes, in the order of the network's outputs; empty where unknown."""
        if self.classes is None:
            return []
        try:
            return self.classes.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(
                f"the names of the classes cannot be read ({error})", where=str(self.classes)
            ) from error

    def determinants(self) -> dict[str, Any]:
        """All about the network that decides an activation, for keys: anything JSON can hold."""
        pre = self.preprocessing
        choice = self.choice or {}
        return {
            "name": self.name,
            "weights": self.weights_sha256,
            "preprocessing": [pre.scale, pre.mean, pre.std, pre.bgr, pre.side],
            "layout": choice.get("layout"),
            "prefix_tokens": choice.get("prefix_tokens"),
        }
