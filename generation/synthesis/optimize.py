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
    # A GPU takes all at once; a processor's caches and memory prefer one target after another.
    size = len(targets) if device.type == "cuda" else 1
    chunks = [
        _Chunk(targets[start : start + size], settings, seed, device)
        for start in range(0, len(targets), size)
    ]
    render = FourierImages(settings.canvas, device)
    transform = RandomTransforms(settings.transforms, device)
    scales = draw_scales(settings.transforms, settings.steps, seed)
    adam = torch.optim.Adam(
        [chunk.spectrum for chunk in chunks],
        lr=settings.learning_rate,
        betas=(0.9, 0.999),
        eps=1e-8,
    )
    curve: list[npt.NDArray[np.float32]] = []
    recorded = set(settings.curve_steps)
    for step in range(settings.steps):
        adam.param_groups[0]["lr"] = settings.learning_rate * rate(settings, step)
        adam.zero_grad(set_to_none=True)
        activations = []
        for chunk in chunks:
            images = render(chunk.spectrum).unflatten(0, chunk.shape)
            images = transform(images, chunk.draws, int(scales[step]), step).flatten(0, 1)
            features = _features(network, images, layer, settings.precision)
            values, means = objective(
                features.unflatten(0, chunk.shape), chunk.channels, chunk.signs, chunk.weights
            )
            (-values.sum()).backward()
            activations.append(means.detach())
        adam.step()
        if step in recorded:
            curve.append(torch.cat(activations).cpu().numpy().astype(np.float32))
        on_step()

    curves = np.stack(curve, axis=1)
    results: list[Optimized] = []
    for chunk in chunks:
        shown = as_shown(render(chunk.spectrum.detach()), settings.crop)
        for index, target in enumerate(chunk.targets):
            images = shown[index * settings.images : (index + 1) * settings.images]
            activation = measure(network, images, layer)[:, target.channel]
            results.append(Optimized(images, activation, curves[len(results)]))
    return results


class _Chunk:
    """Targets of one forward and backward pass, with their parameters and draws."""

    def __init__(
        self, targets: Sequence[Target], settings: Settings, seed: int, device: torch.device
    ) -> None:
        self.targets = targets
        self.shape = (len(targets), settings.images)
        names = [(target.unit_id, target.sign) for target in targets]
        self.draws = [
            draw_group(settings.transforms, settings.steps, seed, *name) for name in names
        ]
        spectra = [
            initial_spectrum(
                generator(seed, "spectrum", *name), settings.images, settings.canvas, settings.sd
            )
            for name in names
        ]
        self.spectrum = torch.from_numpy(np.concatenate(spectra)).to(device).requires_grad_(True)
        self.channels = torch.tensor([target.channel for target in targets], device=device)
        self.signs = torch.tensor([2.0 * target.sign - 1.0 for target in targets], device=device)
        self.weights = torch.tensor([target.diversity for target in targets], device=device)


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
