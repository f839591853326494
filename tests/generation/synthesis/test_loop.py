"""What the loop does with its parts: each of them can be right and not be used."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generation.networks.network import REGISTRY, Branch, Layer, Network
from generation.synthesis.flatness import FlatnessSettings
from generation.synthesis.geometry import scaled_size
from generation.synthesis.groups import Group, parametrization
from generation.synthesis.lean_network import LeanNetwork
from generation.synthesis.memory import Passes
from generation.synthesis.optimize import _optimizer, optimize
from generation.synthesis.settings import Settings, Target
from generation.synthesis.transforms import TransformSettings, draw_scales
from house.errors import UserError

SETTINGS = Settings(
    images=2,
    canvas=32,
    crop=4,
    steps=6,
    learning_rate=0.1,
    schedule="constant",
    sd=0.01,
    transforms=TransformSettings(2, (1.0, 0.9, 1.1), (0.0, 5.0), 2),
    precision="float32",
    curve_every=1,
)
TARGET = Target("end:all:1", 1, 1, 0.0)


class Tiny(nn.Module):  # type: ignore[misc]
    """Two convolutions with a ReLU between them."""

    def __init__(self, bias: float) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first = nn.Conv2d(3, 4, 5, stride=2)
        self.end = nn.Conv2d(4, 3, 3)
        nn.init.constant_(self.first.bias, bias)

    def walk(self, x: Tensor, wanted: object = None) -> Iterator[tuple[str, Tensor]]:
        """Give the one layer."""
        yield "end", self.end(F.relu(self.first(x)))


def tiny(bias: float = 0.0) -> Network:
    layers = (Layer("end", 0, (Branch("all", 0, 2),)),)
    spec = dataclasses.replace(REGISTRY["squeezenet1_1"], layers=layers)
    return Network(spec, Tiny(bias), torch.device("cpu"))


def test_redirected_gradients_start_what_no_relu_lets_through() -> None:
    """Every input of the ReLU is far below zero: nothing arrives but what is redirected."""
    dark = tiny(bias=-1000.0)
    stuck, moved, longer = (
        optimize(dark, "end", [TARGET], dataclasses.replace(SETTINGS, redirected_updates=n), 1)[0]
        for n in (0, 3, 6)
    )
    begun = optimize(dark, "end", [TARGET], dataclasses.replace(SETTINGS, steps=1), 1)[0]
    np.testing.assert_array_equal(stuck.images, begun.images)
    assert (moved.images != stuck.images).mean() > 0.5
    # Adam goes on by its momentum; only redirection has new gradients for it.
    assert (longer.images != moved.images).mean() > 0.5


@pytest.mark.parametrize("optimizer", ["adam", "nadam"])
def test_updates_equal_those_of_a_twin(optimizer: str) -> None:
    """Kingma & Ba (2015), Dozat (2016) with the usual decay of the momentum, in 64 bits."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=20)
    leaf = torch.tensor(x, dtype=torch.float64, requires_grad=True)
    ours = _optimizer([leaf], dataclasses.replace(SETTINGS, optimizer=optimizer))
    mean, square, product = np.zeros(20), np.zeros(20), 1.0
    for t in range(1, 8):
        gradient = rng.normal(size=20)
        leaf.grad = torch.from_numpy(gradient)
        ours.step()
        mean = 0.9 * mean + 0.1 * gradient
        square = 0.999 * square + 0.001 * gradient**2
        if optimizer == "adam":
            first = mean / (1 - 0.9**t)
        else:
            now, following = (0.9 * (1 - 0.5 * 0.96 ** (0.004 * s)) for s in (t, t + 1))
            product *= now
            first = (1 - now) * gradient / (1 - product)
            first = first + following * mean / (1 - product * following)
        x = x - 0.1 * first / (np.sqrt(square / (1 - 0.999**t)) + 1e-8)
        np.testing.assert_allclose(leaf.detach().numpy(), x, atol=1e-7)


def test_the_scale_of_each_step_is_the_one_drawn_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    original = LeanNetwork.__call__

    def watched(self: LeanNetwork, images: Tensor) -> Tensor:
        seen.append(images.shape[-1])
        return original(self, images)

    monkeypatch.setattr(LeanNetwork, "__call__", watched)
    settings = dataclasses.replace(SETTINGS, steps=20)
    optimize(tiny(), "end", [TARGET], settings, seed=4)
    drawn = draw_scales(settings.transforms, 20, seed=4)
    assert seen == [scaled_size(30, settings.transforms.scales[index]) - 2 for index in drawn]
    assert len(set(seen)) == 3


def test_flatness_is_that_of_the_gradient_by_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    lengths: list[float] = []
    monkeypatch.setattr(
        "generation.synthesis.groups.Flatness.reached",
        lambda self, length: lengths.append(length) or False,
    )
    settings = dataclasses.replace(SETTINGS, flatness=FlatnessSettings())
    device = torch.device("cpu")
    render = parametrization(settings, device, None)
    group = Group(TARGET, settings, 1, render, device)
    group.parameters.grad = torch.randn_like(group.parameters)
    group.watch()
    parts = group.parameters.grad.numpy().astype(np.float64)
    pixels = np.fft.irfft2(parts[..., 0] + 1j * parts[..., 1], norm="ortho")
    expected = max(np.linalg.norm(image) for image in pixels)
    assert lengths == [pytest.approx(expected, rel=1e-5)]
    assert np.linalg.norm(parts.reshape(2, -1), axis=1).max() != pytest.approx(expected, rel=0.1)


def test_numbers_that_became_infinite_are_told_of() -> None:
    settings = dataclasses.replace(SETTINGS, learning_rate=float("inf"))
    with pytest.raises(UserError, match=r"end:all:1 became infinite.*learning rate"):
        optimize(tiny(), "end", [TARGET], settings, 1)


@pytest.mark.parametrize("penalty", ["none", "total_variation", "l2"])
def test_the_terms_of_the_objective_are_kept(penalty: str) -> None:
    weights = {} if penalty == "none" else {penalty: 0.01}
    settings = dataclasses.replace(SETTINGS, **weights)
    targets = [dataclasses.replace(TARGET, sign=sign, diversity=sign * 0.5) for sign in (0, 1)]
    low, high = optimize(tiny(), "end", targets, settings, 1)
    assert (low.diversity, high.diversity) == (0.0, 0.5)
    assert np.isnan(low.similarity_curve).all()
    # Between 0 and the number of other images.
    assert ((high.similarity_curve > 0) & (high.similarity_curve < 1.0001)).all()
    for sign, made in enumerate((low, high)):
        alike = 0.5 * made.similarity_curve if sign else 0.0
        found = (2 * sign - 1) * made.curve - alike - made.objective_curve
        if penalty == "none":
            np.testing.assert_allclose(found, 0, atol=1e-6)
        else:
            assert (found > 1e-3).all()


def test_nothing_is_compiled_for_a_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = optimize(tiny(), "end", [TARGET], SETTINGS, 1)[0]
    compiled: list[object] = []
    monkeypatch.setattr(torch, "compile", lambda *given, **more: compiled.append(given))
    settings = dataclasses.replace(SETTINGS, compiled=True)
    made = optimize(tiny(), "end", [TARGET], settings, 1)[0]
    np.testing.assert_array_equal(made.images, plain.images)
    assert compiled == []


@pytest.mark.parametrize(("precision", "allowed"), [("float32", False), ("tf32", True)])
def test_tf32_is_for_the_passes_alone(
    monkeypatch: pytest.MonkeyPatch, precision: str, allowed: bool
) -> None:
    monkeypatch.setattr(torch.backends.cudnn, "allow_tf32", False)
    seen: list[bool] = []
    original = Tiny.walk

    def watched(self: Tiny, x: Tensor, wanted: object = None) -> Iterator[tuple[str, Tensor]]:
        seen.append(torch.backends.cudnn.allow_tf32)
        return original(self, x, wanted)

    monkeypatch.setattr(Tiny, "walk", watched)
    optimize(tiny(), "end", [TARGET], dataclasses.replace(SETTINGS, precision=precision), 1)
    # The finished images, one by one, are measured without it.
    assert seen == [allowed] * SETTINGS.steps + [False] * SETTINGS.images


def test_memory_is_planned_for_the_largest_scale_and_the_optimiser(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[float, int]] = []
    run = Passes.run

    def watched(self: Passes, items: Any, work: Any, growth: float, reserve: int) -> Any:
        asked.append((growth, reserve))
        return run(self, items, work, growth, reserve)

    monkeypatch.setattr(Passes, "run", watched)
    targets = [dataclasses.replace(TARGET, sign=sign) for sign in (0, 1)]
    optimize(tiny(), "end", targets, SETTINGS, 4)
    drawn = draw_scales(SETTINGS.transforms, SETTINGS.steps, seed=4)
    scales = [SETTINGS.transforms.scales[index] for index in drawn]
    assert [growth for growth, _ in asked] == pytest.approx([(1.1 / s) ** 2 for s in scales])
    # Two targets of two images; a gradient and the two moments of Adam for each number.
    numbers = 2 * 2 * 3 * 32 * 17 * 2
    assert {reserve for _, reserve in asked} == {3 * 4 * numbers}
