"""A user's network tried at every size of image that a build gives it, before the work begins."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from generation.networks.architectures.hooked import first_line
from generation.networks.network import REGISTRY, Network
from generation.networks.spec import Layer
from generation.synthesis.geometry import scaled_size
from generation.synthesis.lean_network import LeanNetwork
from generation.synthesis.memory import is_out_of_memory
from generation.synthesis.recipe_settings import Synthesis
from house.errors import UserError
from stimuli import Unit


def fed_sizes(synthesis: Synthesis) -> tuple[int, ...]:
    """Give the sides in pixels of all images that the network will be given.

    Finished images and photographs first, then what is left of the canvas by the transforms.
    """
    if synthesis.crops is not None:
        return tuple(dict.fromkeys((synthesis.image_size, synthesis.crops.input_size)))
    how = synthesis.transforms
    side = synthesis.canvas + 2 * how.pad - how.jitter_before
    made = (scaled_size(side, scale) - how.jitter_after for scale in how.scales)
    return tuple(dict.fromkeys((synthesis.image_size, *made)))


@dataclass(frozen=True)
class TrialRun:
    """One image forwards and backwards at each size; registered networks are known to take all.

    Attributes
    ----------
    layers : tuple of str
        Whose units the bank has.
    sizes : tuple of int
        Sides of the images in pixels.
    precision : str
        Number format of synthesis.
    """

    layers: tuple[str, ...]
    sizes: tuple[int, ...]
    precision: str

    @classmethod
    def of(cls, synthesis: Synthesis, units: Sequence[Unit], precision: str) -> TrialRun:
        """Plan the trial run of a build."""
        layers = {unit.layer: unit.layer_index for unit in units}
        return cls(tuple(sorted(layers, key=layers.__getitem__)), fed_sizes(synthesis), precision)

    def __call__(self, network: Network) -> None:
        """Look at grey noise.

        Raises
        ------
        UserError
            If the network fails at a size, no gradient comes back to the image, or a layer has
            another number of channels there; the message says what to change.
        """
        if network.spec.name in REGISTRY:
            return
        layers = [network.spec.layer(name) for name in self.layers]
        for size in self.sizes:
            image = _image(size, network.device)
            for layer, maps in zip(layers, network.feature_maps(image, self.layers), strict=True):
                _check_maps(network, layer, maps, size)
                _backward(network, layer, maps, image, size)
        deepest = layers[-1]
        image = _image(self.sizes[-1], network.device)
        lean = LeanNetwork(network, deepest.name, self.precision)
        try:
            maps = lean(image)
        except UserError as error:
            raise _in_precision(error, self.precision) from error
        _backward(network, deepest, maps, image, self.sizes[-1])


def _image(size: int, device: torch.device) -> Tensor:
    drawn = torch.rand((1, 3, size, size), generator=torch.Generator().manual_seed(0))
    return drawn.to(device).requires_grad_(True)


def _check_maps(network: Network, layer: Layer, maps: Tensor, size: int) -> None:
    if maps.shape[1] != layer.channels:
        raise UserError(
            f"layer {layer.name} of {network.spec.name} has {maps.shape[1]} channels for an image "
            f"of {size} x {size} pixels, and {layer.channels} for one of "
            f"{network.spec.check_size} x {network.spec.check_size}",
            remedy="Have all images resized to one size: `fixed_size = true` in the recipe's "
            "[network] table.",
        )
    if not maps.requires_grad:
        raise UserError(
            f"no gradient goes from layer {layer.name} of {network.spec.name} to the image, so no "
            "synthetic images can be made",
            remedy="Take `torch.no_grad`, `detach` and conversions to numpy out of its forward, "
            "or name another layer.",
        )


def _backward(network: Network, layer: Layer, maps: Tensor, image: Tensor, size: int) -> None:
    try:
        torch.autograd.grad(maps.float().mean(), image, retain_graph=True)
    except UserError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise UserError(
            f"the gradient from layer {layer.name} of {network.spec.name} to an image of "
            f"{size} x {size} pixels fails ({first_line(error)})",
            remedy="What the forward changes in place must not be needed by the gradient.",
        ) from error


def _in_precision(error: UserError, precision: str) -> UserError:
    return UserError(
        f"{error.problem}, with synthesis.precision {precision}",
        where=error.where,
        remedy='Take `precision = "float32"` in the recipe\'s [synthesis] table.',
    )
