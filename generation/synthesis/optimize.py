"""The loop: several units of one layer, both signs, all their images in one pass a step."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from generation.networks import Network
from generation.synthesis.objectives import objective
from generation.synthesis.parametrization import FourierImages, initial_spectrum
from generation.synthesis.transforms import (
    RandomTransforms,
    TransformSettings,
    draw_group,
    draw_scales,
)
from house.seeds import generator


@dataclass(frozen=True)
class Target:
    """One unit's images of one sign: a group of the batch.

    Attributes
    ----------
    sign : int
        0 = minimise, 1 = maximise.
    diversity : float
        Weight of the similarity that is subtracted from the objective, in units of activation.
    """

    unit_id: str
    channel: int
    sign: int
    diversity: float


@dataclass(frozen=True)
class Settings:
    """How images are optimised; see `generation.recipe.Synthesis` for meanings and defaults."""

    images: int
    canvas: int
    crop: int
    steps: int
    learning_rate: float
    schedule: str
    sd: float
    transforms: TransformSettings
    precision: str
    curve_every: int

    @property
    def curve_steps(self) -> list[int]:
        """Updates at which the activation is recorded: every so many, and the last."""
        steps = list(range(0, self.steps, self.curve_every))
        return steps if steps[-1] == self.steps - 1 else [*steps, self.steps - 1]


@dataclass(frozen=True)
class Optimized:
    """Images of one target.

    Attributes
    ----------
    images : ndarray of uint8, shape (K, size, size, 3)
        As shown: border cropped, values cut (not rounded) to integers as published.
    activations : ndarray of float32, shape (K,)
        Measured on exactly these images.
    curve : ndarray of float32, shape (C,)
        Mean activation by the transformed images before the update of each curve step.
    """

    images: npt.NDArray[np.uint8]
    activations: npt.NDArray[np.float32]
    curve: npt.NDArray[np.float32]


def optimize(
    network: Network,
    layer: str,
    targets: Sequence[Target],
    settings: Settings,
    seed: int,
    on_step: Callable[[], None] = lambda: None,
) -> list[Optimized]:
    """Make the images of several targets of one layer.

    The targets' objectives are added up; as no target's objective depends on another's
    parameters and Adam works on every parameter by itself, each gets what it would get alone.

    Parameters
    ----------
    network : Network
        With frozen weights.
    layer : str
        The layer of all targets.
    targets : sequence of Target
        Groups of one batch.
    settings : Settings
        How.
    seed : int
        Root of all draws: the initial spectra, crops and angles of a target depend on it, the
        unit and the sign; the scale of a step on it alone.
    on_step : callable
        Called after every update.

    Returns
    -------
    list of Optimized
        In the order of `targets`.
    """
    device = network.device
    names = [(target.unit_id, target.sign) for target in targets]
    spectrum = torch.from_numpy(
        np.concatenate(
            [
                initial_spectrum(
                    generator(seed, "spectrum", *name),
                    settings.images,
                    settings.canvas,
                    settings.sd,
                )
                for name in names
            ]
        )
    ).to(device)
    spectrum.requires_grad_(True)
    render = FourierImages(settings.canvas, device)
    transform = RandomTransforms(settings.transforms, device)
    draws = [draw_group(settings.transforms, settings.steps, seed, *name) for name in names]
    scales = draw_scales(settings.transforms, settings.steps, seed)
    channels = torch.tensor([target.channel for target in targets], device=device)
    signs = torch.tensor([2.0 * target.sign - 1.0 for target in targets], device=device)
    weights = torch.tensor([target.diversity for target in targets], device=device)
    adam = torch.optim.Adam([spectrum], lr=settings.learning_rate, betas=(0.9, 0.999), eps=1e-8)

    shape = (len(targets), settings.images)
    curve: list[npt.NDArray[np.float32]] = []
    recorded = set(settings.curve_steps)
    for step in range(settings.steps):
        adam.param_groups[0]["lr"] = settings.learning_rate * rate(settings, step)
        adam.zero_grad(set_to_none=True)
        images = render(spectrum).unflatten(0, shape)
        images = transform(images, draws, int(scales[step]), step).flatten(0, 1)
        features = _features(network, images, layer, settings.precision).unflatten(0, shape)
        values, activations = objective(features, channels, signs, weights)
        (-values.sum()).backward()
        adam.step()
        if step in recorded:
            curve.append(activations.detach().cpu().numpy().astype(np.float32))
        on_step()

    shown = as_shown(render(spectrum.detach()), settings.crop)
    curves = np.stack(curve, axis=1)
    results = []
    for index, target in enumerate(targets):
        images = shown[index * settings.images : (index + 1) * settings.images]
        results.append(
            Optimized(images, measure(network, images, layer)[:, target.channel], curves[index])
        )
    return results


def rate(settings: Settings, step: int) -> float:
    """Share of the learning rate that a step has: 1, or falling to 0 on half a cosine."""
    if settings.schedule == "constant":
        return 1.0
    return 0.5 * (1.0 + math.cos(math.pi * step / settings.steps))


def as_shown(images: Tensor, crop: int) -> npt.NDArray[np.uint8]:
    """Cut the border off and store as a picture.

    Parameters
    ----------
    images : Tensor
        float (N, 3, H, H) in [0, 1].
    crop : int
        Pixels of border at each side.

    Returns
    -------
    ndarray of uint8, shape (N, H - 2 crop, H - 2 crop, 3)
    """
    side = images.shape[-1] - 2 * crop
    inner = images[..., crop : crop + side, crop : crop + side]
    pixels = (inner * 255).clamp(0, 255).to(torch.uint8)
    return np.asarray(pixels.permute(0, 2, 3, 1).contiguous().cpu().numpy(), dtype=np.uint8)


def measure(network: Network, images: npt.NDArray[np.uint8], layer: str) -> npt.NDArray[np.float32]:
    """Activations (N, C) of a layer's units for uint8 images (N, H, W, 3), in 32-bit floats."""
    found = []
    # One image a pass: the last bits must not depend on how many are measured together.
    for image in images:
        x = torch.from_numpy(image).to(network.device).permute(2, 0, 1)[None].float() / 255
        found.append(network.activations(x, [layer])[layer])
    return np.asarray(torch.cat(found).cpu().numpy(), dtype=np.float32)


def _features(network: Network, images: Tensor, layer: str, precision: str) -> Tensor:
    images = images.contiguous(memory_format=torch.channels_last)
    if precision == "float32":
        return network.features(images, layer)
    with torch.autocast(network.device.type, dtype=torch.bfloat16):
        return network.features(images, layer)


def resolve_precision(precision: str, device: torch.device) -> str:
    """Turn "auto" into what is faster here: bfloat16 where the processor multiplies in it."""
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    fast = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return "bfloat16" if device.type == "cpu" and fast() else "float32"
