"""torchvision's models and modules of a user's own as networks."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from generation.networks.architectures.hooked import HookableLayer, HookedNetwork, hookable_layers
from generation.networks.choice import NetworkChoice
from generation.networks.module_factories import load_factory
from generation.networks.preprocessing import Preprocessing
from generation.networks.spec import Branch, Layer, NetworkSpec
from generation.networks.torchvision_models import torchvision_models
from house.errors import UserError
from house.files import sha256_file
from house.names import nearest

TORCHVISION = "torchvision:"
IMAGENET_CLASSES = Path(__file__).parents[1] / "weights" / "imagenet_classes.txt"
_SIZE = 224
_NO_WEIGHTS = (
    "Give the file of its weights: `weights` in the recipe's [network] table, or --weights PATH."
)


@dataclass(frozen=True)
class _Published:
    """What torchvision says about one set of weights of a model."""

    url: str
    size: int
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    top1: float | None
    imagenet: bool


def hooked_spec(choice: NetworkChoice) -> NetworkSpec:
    """Describe a network whose layers are caught by hooks.

    The module is built, and looks once at a grey image to find its layers.

    Parameters
    ----------
    choice : NetworkChoice
        With a name ``torchvision:MODEL`` or ``package.module:factory``.

    Raises
    ------
    UserError
        If there is no such model, module or layer, or the module cannot look at images.
    """
    if choice.name.startswith(TORCHVISION):
        return _torchvision_spec(choice)
    module = load_factory(choice.name)()
    brings_weights = choice.weights is None
    return _spec(
        choice,
        module,
        Preprocessing(1.0, (0.0, 0.0, 0.0), bgr=False),
        size=_SIZE,
        fixed=False,
        title=f"{type(module).__name__} by {choice.name}",
        weights_sha256=state_sha256(module) if brings_weights else "",
    )


def _torchvision_spec(choice: NetworkChoice) -> NetworkSpec:
    models = torchvision_models()
    name = choice.name.removeprefix(TORCHVISION)
    known = models.list_models(module=models)
    if name not in known:
        raise UserError(
            f'torchvision has no model "{name}"',
            remedy=f"{nearest(name, known)} For instance: {', '.join(sorted(known)[:8])}.".strip(),
        )
    sets = published_weights(name)
    module = models.get_model(name, weights=None)
    used = sets[0] if sets else None
    if choice.weights is not None and sets:
        used = _recognised(Path(choice.weights).expanduser(), sets)
    like = used or (sets[0] if sets else None)
    side = getattr(module, "image_size", None)
    return _spec(
        choice,
        module,
        Preprocessing(1.0, like.mean, bgr=False, std=like.std)
        if like
        else Preprocessing(1.0, (0.0, 0.0, 0.0), bgr=False),
        size=int(side or (like.size if like else _SIZE)),
        fixed=side is not None,
        title=f"torchvision's {name}",
        licence="see torchvision's documentation of these weights",
        expected_folder_top1=used.top1 if used else None,
        classes=IMAGENET_CLASSES if used and used.imagenet else None,
        fetch=(lambda: fetch_weights(sets[0].url, choice.name)) if sets else None,
    )


def _spec(
    choice: NetworkChoice,
    module: nn.Module,
    pre: Preprocessing,
    *,
    size: int,
    fixed: bool,
    title: str,
    licence: str = "as the user has it",
    **more: Any,
) -> NetworkSpec:
    size = choice.size or size
    layout = choice.layout or "channels_first"
    left_out: dict[str, str] = {}
    found = hookable_layers(
        module, size, layout=layout, prefix_tokens=choice.prefix_tokens, left_out=left_out
    )
    for name in choice.layers:
        if name in left_out:
            raise UserError(f"layer {name} of {choice.name} has no units: {left_out[name]}")
    if not found:
        reasons = [f"{name}: {why}" for name, why in left_out.items() if name]
        raise UserError(
            f"{choice.name} has no layer with channels",
            remedy=f"{'; '.join(reasons[:3])}{'; …' if len(reasons) > 3 else ''}."
            if reasons
            else "A layer is a submodule, such as an nn.Conv2d.",
        )
    names = tuple(layer.name for layer in found)
    spec = NetworkSpec(
        name=choice.name,
        title=title,
        factory=lambda: HookedNetwork(
            module, names, layout=layout, prefix_tokens=choice.prefix_tokens
        ),
        layers=_layers(found),
        preprocessing=Preprocessing(
            choice.scale if choice.scale is not None else pre.scale,
            choice.mean or pre.mean,
            bgr=choice.bgr if choice.bgr is not None else pre.bgr,
            std=choice.std or pre.std,
            side=size if (fixed if choice.fixed_size is None else choice.fixed_size) else None,
        ),
        value_range=(0.0, 1.0),
        weights=None,
        weights_help=_NO_WEIGHTS,
        licence=licence,
        check_size=size,
        choice=choice.given(),
        **{"weights_sha256": "", **more},
    )
    for name in choice.layers:
        spec.layer(name)
    if not choice.layers:
        return replace(spec, layers=_layers([part for part in found if not _passes_on(part)]))
    return replace(spec, layers=_layers([part for part in found if part.name in choice.layers]))


def _passes_on(layer: HookableLayer) -> bool:
    """Tell whether a layer only rectifies, pools or drops what an earlier one computed.

    Its channels are that layer's once more, after their ReLU; a recipe can still name it among
    the network's `layers`.
    """
    module = getattr(getattr(nn, layer.kind, None), "__module__", "")
    kinds = ("activation", "pooling", "dropout", "flatten")
    return layer.kind == "Identity" or (
        layer.kind != "MultiheadAttention" and module.rpartition(".")[2] in kinds
    )


def _layers(found: list[HookableLayer]) -> tuple[Layer, ...]:
    return tuple(
        Layer(layer.name, index, (Branch("all", 0, layer.channels - 1),), layer.kind)
        for index, layer in enumerate(found)
    )


def published_weights(name: str) -> list[_Published]:
    """List torchvision's sets of weights of a model, its default first."""
    models = torchvision_models()
    try:
        members = models.get_model_weights(name)
    except ValueError:
        return []
    found = []
    for member in sorted(members, key=lambda member: member != members.DEFAULT):
        transform = member.transforms()
        metrics = member.meta.get("_metrics", {}).get("ImageNet-1K", {})
        found.append(
            _Published(
                url=member.url,
                size=int(transform.crop_size[0]),
                mean=tuple(transform.mean),
                std=tuple(transform.std),
                top1=metrics["acc@1"] / 100 if "acc@1" in metrics else None,
                imagenet=len(member.meta.get("categories", [])) == 1000,
            )
        )
    return found


def _recognised(path: Path, sets: list[_Published]) -> _Published | None:
    """Find which published set a file is, by the checksum in the published file's name."""
    if not path.is_file():
        return None
    checksum = sha256_file(path)
    for published in sets:
        match = re.search(r"-([0-9a-f]{8,})\.pth$", published.url)
        if match and checksum.startswith(match[1]):
            return published
    return None


def fetch_weights(url: str, name: str) -> Path:
    """Give torchvision's published weights from its cache, or fetch them there.

    Raises
    ------
    UserError
        If they cannot be fetched; the message says how to give them by path.
    """
    folder = Path(torch.hub.get_dir()) / "checkpoints"
    path = folder / url.rpartition("/")[2]
    if path.is_file():
        return path
    match = re.search(r"-([0-9a-f]{8,})\.pth$", url)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(
            url, str(path), hash_prefix=match[1] if match else None, progress=False
        )
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"the weights of {name} cannot be fetched here ({error})",
            where=url,
            remedy="Fetch that file on a machine with internet, and give it: `weights` in the "
            "recipe's [network] table, or --weights PATH.",
        ) from error
    return path


def state_sha256(module: nn.Module) -> str:
    """Checksum of a module's arrays: names, types, shapes and values."""
    digest = hashlib.sha256()
    for key, value in sorted(module.state_dict().items()):
        if not isinstance(value, torch.Tensor):
            continue
        array = value.detach().cpu().contiguous()
        digest.update(f"{key} {array.dtype} {tuple(array.shape)}\n".encode())
        digest.update(array.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()
