"""Any module as a network: its layers' outputs caught by forward hooks."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn

from generation.synthesis.memory import is_out_of_memory
from house.errors import UserError
from house.names import nearest

Layout = Literal["channels_first", "channels_last"]


class _EnoughError(BaseException):
    """Everything wanted is there; no `except Exception` on the way may hold it up."""


@dataclass(frozen=True)
class HookableLayer:
    """A layer whose channels could be units.

    Attributes
    ----------
    name : str
        The submodule's dotted name.
    kind : str
        Its class.
    shape : tuple of int
        Of its output for one image, the image's axis left out.
    channels : int
        Number of units.
    """

    name: str
    kind: str
    shape: tuple[int, ...]
    channels: int


class HookedNetwork(nn.Module):  # type: ignore[misc]
    """Layers of any torchvision model or module of a user's own.

    A layer's features are what its submodule puts out: choose the submodule before a ReLU (a
    convolution, or the batch norm after it) for pre-ReLU units.

    - (N, C, H, W) stays as it is; `layout` says so if a model keeps channels last (Swin).
    - Tokens (N, T, D), the images' axis first, become (N, D, h, w): D channels over the grid of
      image patches. The `prefix_tokens` in front of the patches, such as the class token, belong
      to no place in the image and are left out, so a unit's activation is its mean over patches
      alone. Where the remaining tokens form no square they become (N, D, 1, T).
    - Vectors (N, D) become (N, D, 1, 1).

    Parameters
    ----------
    module : nn.Module
        Takes preprocessed images (N, 3, H, W).
    layer_names : sequence of str
        Dotted names of submodules, in any order.
    layout : {"channels_first", "channels_last"}
        Where four-dimensional outputs have their channels.
    prefix_tokens : int, optional
        Tokens in front of those of the patches. By default 0 where all tokens form a square, 1
        (a class token) where all but one do, and an error otherwise.

    Raises
    ------
    UserError
        If the module has no submodule of such a name; the message has the nearest right ones.
    """

    def __init__(
        self,
        module: nn.Module,
        layer_names: Sequence[str],
        *,
        layout: Layout = "channels_first",
        prefix_tokens: int | None = None,
    ) -> None:
        super().__init__()
        known = [name for name, _ in module.named_modules() if name]
        for name in layer_names:
            if name not in known:
                raise _no_such_layer(name, known)
        if not layer_names:
            raise UserError("no layers were named", remedy=f"For instance: {', '.join(known[:5])}.")
        self.module = module
        self.layer_names = tuple(dict.fromkeys(layer_names))
        self._layout = layout
        self._prefix_tokens = prefix_tokens

    def walk(
        self, x: Tensor, wanted: Collection[str] | None = None
    ) -> Iterator[tuple[str, Tensor]]:
        """Run the module until the wanted layers have been computed, then hand them out.

        A forward pass cannot be suspended between two layers, so what is wanted must be known
        at its start: with ``walk(x, [layer])`` nothing beyond that layer is computed.

        Parameters
        ----------
        x : Tensor
            Preprocessed images (N, 3, H, W).
        wanted : collection of str, optional
            Some of `layer_names`; all of them by default.

        Yields
        ------
        name : str
            In the order in which the module computes them. Of a submodule that runs several
            times, the first run counts.
        features : Tensor
            (N, C, h, w), see the class.

        Raises
        ------
        UserError
            If a layer is not among `layer_names`, is not run by the forward pass, or puts out
            something without channels.
        """
        names = self.layer_names if wanted is None else tuple(dict.fromkeys(wanted))
        for name in names:
            if name not in self.layer_names:
                raise _no_such_layer(name, self.layer_names)
        caught: dict[str, Tensor] = {}

        def catch(name: str, output: Any) -> None:
            if name in caught:
                return
            tensor = _first_tensor(output, name)
            if len(caught) + 1 == len(names):
                caught[name] = tensor
                raise _EnoughError
            # What follows may change it in place, as most ReLUs after a batch norm do.
            caught[name] = tensor.clone()

        handles = [_hook(self.module.get_submodule(name), name, catch) for name in names]
        try:
            if names:
                self._look(x)
        except _EnoughError:
            pass
        finally:
            for handle in handles:
                handle.remove()
        for name in names:
            if name not in caught:
                raise UserError(
                    f"layer {name} is not run when the network looks at an image",
                    remedy="Name a layer between the image and the network's output.",
                )
        for name, tensor in caught.items():
            yield name, _as_maps(tensor, name, self._layout, self._prefix_tokens)

    def classify(self, x: Tensor) -> Tensor:
        """Class scores (N, classes): the module's output, or the first tensor in it."""
        output = self._look(x)
        return _first_tensor(getattr(output, "logits", output), "output")

    def _look(self, x: Tensor) -> Any:
        try:
            return self.module(x)
        except UserError:
            raise
        except Exception as error:
            # Fewer images at a time may help against that, and the caller knows how.
            if is_out_of_memory(error):
                raise
            raise _cannot_look(self.module, x.shape[-2:], error) from error


def hookable_layers(
    module: nn.Module,
    size: int = 224,
    *,
    layout: Layout = "channels_first",
    prefix_tokens: int | None = None,
    left_out: dict[str, str] | None = None,
) -> list[HookableLayer]:
    """List the submodules whose outputs have channels, in the order in which they run.

    The module looks at one grey image in evaluation mode. Submodules that run more than once,
    such as a ReLU that a block uses twice, are left out: their name says not which run is meant.

    Parameters
    ----------
    module : nn.Module
        Any network of images.
    size : int
        Side of the image in pixels.
    layout, prefix_tokens
        See `HookedNetwork`.
    left_out : dict of str to str, optional
        Filled with the names of the submodules that are left out, and why.

    Raises
    ------
    UserError
        If the network cannot look at an image of that size.
    """
    outputs: dict[str, Any] = {}
    runs: dict[str, int] = {}

    def note(name: str, output: Any) -> None:
        runs[name] = runs.get(name, 0) + 1
        outputs[name] = output

    named = {name: part for name, part in module.named_modules() if name}
    handles = [_hook(part, name, note) for name, part in named.items()]
    training = module.training
    like = next((p for p in module.parameters() if p.is_floating_point()), torch.zeros(1))
    try:
        module.eval()
        with torch.no_grad():
            module(torch.full((1, 3, size, size), 0.5, dtype=like.dtype, device=like.device))
    except Exception as error:
        raise _cannot_look(module, (size, size), error) from error
    finally:
        module.train(training)
        for handle in handles:
            handle.remove()
    left_out = {} if left_out is None else left_out
    left_out |= dict.fromkeys(named, "it is not run when the network looks at an image")
    layers = []
    for name, output in outputs.items():
        del left_out[name]
        if runs[name] > 1:
            left_out[name] = f"it runs {runs[name]} times, and its name says not which run is meant"
            continue
        try:
            tensor = _first_tensor(output, name)
            channels = _as_maps(tensor, name, layout, prefix_tokens).shape[1]
        except UserError as error:
            left_out[name] = error.problem
            continue
        kind = type(named[name]).__name__
        layers.append(HookableLayer(name, kind, tuple(tensor.shape[1:]), channels))
    return layers


def _cannot_look(module: nn.Module, size: Sequence[int], error: Exception) -> UserError:
    return UserError(
        f"{type(module).__name__} cannot look at an image of {size[0]} x {size[1]} pixels "
        f"({first_line(error)})",
        remedy="If it takes images of one size only, say so in the recipe's [network] table: "
        "`fixed_size = true`, and that `size`; all images are then resized to it.",
    )


def first_line(error: BaseException) -> str:
    """Give the kind of an error and the first line of what it says."""
    said = str(error).strip().splitlines()
    return f"{type(error).__name__}: {said[0]}" if said else type(error).__name__


def _hook(part: nn.Module, name: str, tell: Any) -> Any:
    def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
        tell(name, output)

    return part.register_forward_hook(hook)


def _no_such_layer(name: str, known: Sequence[str]) -> UserError:
    ends = [f'"{candidate}"' for candidate in known if candidate.endswith(f".{name}")]
    guess = f"Did you mean {' or '.join(ends[:3])}?" if ends else nearest(name, known)
    some = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
    return UserError(
        f'the network has no layer "{name}"', remedy=f"{guess} Its layers: {some}.".strip()
    )


def _first_tensor(output: Any, name: str) -> Tensor:
    """Give the output, or the first tensor of a tuple (attention puts out its weights too)."""
    while isinstance(output, (tuple, list)) and output:
        output = output[0]
    if isinstance(output, dict):
        output = next((value for value in output.values() if isinstance(value, Tensor)), output)
    if isinstance(output, Tensor) and output.is_floating_point():
        return output
    raise UserError(f"layer {name} puts out {type(output).__name__}, which has no channels")


def _as_maps(tensor: Tensor, name: str, layout: Layout, prefix_tokens: int | None) -> Tensor:
    """Bring a layer's output into the shape (N, C, h, w)."""
    if tensor.dim() == 4:
        return tensor.permute(0, 3, 1, 2) if layout == "channels_last" else tensor
    if tensor.dim() == 2:
        return tensor[:, :, None, None]
    if tensor.dim() != 3:
        shape = " x ".join(map(str, tensor.shape))
        raise UserError(f"layer {name} puts out {shape} numbers, which have no channels")
    count = tensor.shape[1]
    prefix = _infer_prefix(count, name) if prefix_tokens is None else prefix_tokens
    if not 0 <= prefix < count:
        raise UserError(f"layer {name} has {count} tokens, so {prefix} in front are too many")
    patches = tensor[:, prefix:].transpose(1, 2)
    side = math.isqrt(count - prefix)
    grid = (side, side) if side * side == count - prefix else (1, count - prefix)
    return patches.unflatten(2, grid)


def _infer_prefix(count: int, name: str) -> int:
    for prefix in (0, 1):
        if math.isqrt(count - prefix) ** 2 == count - prefix > 0:
            return prefix
    raise UserError(
        f"layer {name} puts out {count} tokens, which are no square of patches, with a class "
        "token or without",
        remedy="Say how many tokens stand in front of the patches (prefix_tokens).",
    )
