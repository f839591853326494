"""The loop: several units of one layer, both signs, all their images in one pass a step."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from generation.networks.arithmetic import tf32_where_asked
from generation.networks.network import Network
from generation.synthesis.groups import Group, Parametrization, parametrization
from generation.synthesis.kept_memory import keep_freed_memory
from generation.synthesis.lean_network import LeanNetwork
from generation.synthesis.maco import RandomCrops
from generation.synthesis.measuring import as_shown, measure
from generation.synthesis.objectives import objective
from generation.synthesis.redirection import redirecting
from generation.synthesis.regularizers import l2, total_variation
from generation.synthesis.settings import Optimized, Settings, Target, rate
from generation.synthesis.transforms import RandomTransforms, draw_scales
from generation.synthesis.workshop import workshop
from house.errors import UserError

__all__ = [
    "Optimized",
    "Settings",
    "Target",
    "as_shown",
    "measure",
    "optimize",
    "rate",
    "resolve_precision",
]

# Gradients by single pixels are smaller than the smallest 16-bit float.
_FLOAT16_SCALE = 4096.0


def optimize(
    network: Network,
    layer: str,
    targets: Sequence[Target],
    settings: Settings,
    seed: int,
    on_step: Callable[[], None] = lambda: None,
    magnitude: npt.NDArray[np.float32] | None = None,
) -> list[Optimized]:
    """Make the images of several targets of one layer.

    The targets' objectives are added up; as no target's objective depends on another's
    parameters and the optimiser works on every parameter by itself, each gets what it would get
    alone: to the last bit where a pass takes one target (the default on processors), and up to
    the order of a library's sums where it takes several.

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
        Root of all draws: the initial parameters, crops and angles of a target depend on it, the
        unit and the sign; the scale of a step on it alone.
    on_step : callable
        Called `settings.steps` times.
    magnitude : ndarray of float32, optional
        For MACO; see `generation.synthesis.maco.natural_magnitude`.

    Returns
    -------
    list of Optimized
        In the order of `targets`.

    Raises
    ------
    UserError
        If one target does not fit into memory, or numbers became infinite.
    """
    device = network.device
    if device.type == "cpu":
        keep_freed_memory()
    render = parametrization(settings, device, magnitude)
    groups = [Group(target, settings, seed, render, device) for target in targets]
    kept = workshop(network)
    current: Settings | None = None
    optimizer = _optimizer([group.parameters for group in groups], settings)
    curve: list[npt.NDArray[np.float32]] = []
    recorded = set(settings.curve_steps)
    for step in range(settings.steps):
        active = [group for group in groups if not group.finished]
        if current is None or settings.at(step) != current:
            current = settings.at(step)
            lean = kept.lean(network, layer, current)
            network_pass = _Pass(lean, render, current, seed, device)
            passes = kept.passes(network, layer, current)
        if active:
            for parameters in optimizer.param_groups:
                parameters["lr"] = settings.learning_rate * rate(settings, step)
            with tf32_where_asked(current.precision):
                passes.run(
                    active,
                    partial(network_pass, step=step),
                    network_pass.growth(step),
                    # Gradients, and what the optimiser keeps of them.
                    3 * sum(group.parameters.nbytes for group in active),
                )
            for group in active:
                group.updates += 1
                group.watch()
            optimizer.step()
            optimizer.zero_grad(set_to_none=True)
        if step in recorded:
            found = torch.stack([group.terms for group in groups])
            curve.append(found.cpu().numpy().astype(np.float32))
        on_step()
    curves = np.stack(curve, axis=1)
    return [
        _finish(network, layer, group, render, settings, values)
        for group, values in zip(groups, curves, strict=True)
    ]


class _Pass:
    """One forward and backward pass of the network over some groups."""

    def __init__(
        self,
        network: LeanNetwork,
        render: Parametrization,
        settings: Settings,
        seed: int,
        device: torch.device,
    ) -> None:
        self._network = network
        self._render = render
        self._settings = settings
        self._device = device
        self._transform = RandomTransforms(settings.transforms, device)
        self._scales = draw_scales(settings.transforms, settings.steps, seed)
        self._crops = (
            RandomCrops(settings.crops, device, settings.steps, seed) if settings.crops else None
        )
        self._loss_scale = _FLOAT16_SCALE if settings.precision == "float16" else 1.0

    def __call__(self, groups: Sequence[Group], step: int) -> None:
        """Leave each group's gradient and the terms of its objective with it."""
        settings = self._settings
        for group in groups:
            # What an earlier, failed pass may have left.
            group.parameters.grad = None
        every = [group.parameters for group in groups]
        images = self._render(every[0] if len(every) == 1 else torch.cat(every))
        grouped = images.unflatten(0, (len(groups), settings.images))
        seen = grouped
        if self._crops is not None:
            seen = self._crops(seen, [group.name for group in groups], step)
        else:
            draws = [group.draws for group in groups]
            seen = self._transform(seen, draws, int(self._scales[step]), step)
        flat = seen.flatten(0, 1)
        if step < settings.redirected_updates:
            with redirecting(step, settings.redirected_updates):
                features = self._network.eager(flat)
            # The objective is outside: it has no ReLU, and catching calls takes time.
        else:
            features = self._network(flat)
        features = features.unflatten(0, seen.shape[:2])
        values, activations, similarities = objective(
            features,
            torch.tensor([group.target.channel for group in groups], device=self._device),
            torch.tensor([2.0 * group.target.sign - 1 for group in groups], device=self._device),
            torch.tensor([group.target.diversity for group in groups], device=self._device),
            settings.objective,
            self._directions(groups, features.shape[2]),
        )
        penalties = self._penalties(grouped)
        loss = -values.sum() + penalties.sum()
        (loss * self._loss_scale).backward()
        terms = torch.stack([activations, values - penalties, similarities], dim=1).detach()
        for group, found in zip(groups, terms, strict=True):
            group.terms = found
            if self._loss_scale != 1 and group.parameters.grad is not None:
                group.parameters.grad.div_(self._loss_scale)

    def growth(self, step: int) -> float:
        """Say how many times as large as in this step the network's input may become."""
        if self._crops is not None:
            return 1.0
        scales = self._settings.transforms.scales
        return (max(scales) / scales[int(self._scales[step])]) ** 2

    def _penalties(self, grouped: Tensor) -> Tensor:
        settings = self._settings
        penalty = torch.zeros(len(grouped), device=self._device)
        for weight, measured in ((settings.total_variation, total_variation), (settings.l2, l2)):
            if weight:
                found = measured(grouped.flatten(0, 1)).unflatten(0, grouped.shape[:2])
                # A mean over a group's images, as the activation is.
                penalty = penalty + weight * found.sum(dim=1) / settings.images
        return penalty

    def _directions(self, groups: Sequence[Group], channels: int) -> list[Tensor] | None:
        if self._settings.objective != "direction":
            return None
        directions = []
        for group in groups:
            direction = torch.zeros(channels, device=self._device)
            for channel, weight in group.target.direction:
                direction[channel] = weight
            directions.append(direction)
        return directions


def _optimizer(parameters: Iterable[Tensor], settings: Settings) -> torch.optim.Optimizer:
    parameters = list(parameters)
    if settings.optimizer == "nadam":
        return torch.optim.NAdam(parameters, lr=settings.learning_rate)
    options: dict[str, Any] = {"lr": settings.learning_rate, "betas": (0.9, 0.999), "eps": 1e-8}
    try:
        return torch.optim.Adam(parameters, fused=True, **options)
    except RuntimeError:
        # Older torch has it on GPUs alone.
        return torch.optim.Adam(parameters, **options)


def _finish(
    network: Network,
    layer: str,
    group: Group,
    render: Parametrization,
    settings: Settings,
    curve: npt.NDArray[np.float32],
) -> Optimized:
    with torch.no_grad():
        rendered = render(group.parameters)
    if not bool(torch.isfinite(rendered).all()):
        raise UserError(
            f"the images of {group.target.unit_id} became infinite numbers",
            remedy="Lower the learning rate or the weight of diversity, or take another precision.",
        )
    images = as_shown(rendered, settings.crop)
    activations = measure(network, images, layer)[:, group.target.channel]
    made = Optimized(
        images,
        activations,
        curve[:, 0],
        group.updates,
        group.target.diversity,
        curve[:, 1],
        curve[:, 2],
    )
    return in_order(made, group.target.sign) if settings.sort else made


def in_order(made: Optimized, sign: int) -> Optimized:
    """Sort a target's images by their measured activation, the most extreme first."""
    order = np.argsort(made.activations if sign == 0 else -made.activations, kind="stable")
    return replace(made, images=made.images[order], activations=made.activations[order])


def resolve_precision(precision: str, device: torch.device) -> str:
    """Turn "auto" into what is faster here: bfloat16 where the processor multiplies in it."""
    if precision == "tf32" and device.type != "cuda":
        return "float32"
    if precision != "auto":
        return precision
    if device.type == "cuda":
        return "bfloat16" if torch.cuda.is_bf16_supported() else "float32"
    fast = getattr(torch.cpu, "_is_avx512_bf16_supported", lambda: False)
    return "bfloat16" if device.type == "cpu" and fast() else "float32"
