from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from PIL import Image

from generation.networks.network import Network, load_network
from generation.synthesis.flatness import FlatnessSettings
from generation.synthesis.lean_network import LeanNetwork
from generation.synthesis.maco import CropSettings, natural_magnitude
from generation.synthesis.optimize import (
    Settings,
    Target,
    as_shown,
    measure,
    optimize,
    rate,
    resolve_precision,
)
from generation.synthesis.transforms import TransformSettings
from stimuli.photographs import load_photographs

SETTINGS = Settings(
    images=2,
    canvas=64,
    crop=8,
    steps=12,
    learning_rate=0.1,
    schedule="constant",
    sd=0.01,
    transforms=TransformSettings(4, (1.0, 0.95), (-5.0, 0.0, 5.0), 2),
    precision="float32",
    curve_every=5,
)
PAIR = [Target("fire3:1x1:7", 7, 0, 1.0), Target("fire3:1x1:7", 7, 1, 1.0)]
OTHER = [Target("fire3:3x3:90", 90, 0, 1.0), Target("fire3:3x3:90", 90, 1, 1.0)]


def test_activations_go_where_they_should(network: Network) -> None:
    settings = dataclasses.replace(SETTINGS, steps=40)
    low, high = optimize(network, "fire3", PAIR, settings, seed=1)
    assert low.curve[-1] < low.curve[0]
    assert high.curve[-1] > high.curve[0]
    assert low.activations.max() < high.activations.min()


def test_results_are_what_is_shown_and_measured(network: Network) -> None:
    steps: list[int] = []
    made = optimize(network, "fire3", PAIR, SETTINGS, 1, lambda: steps.append(1))
    assert len(steps) == 12
    for target, result in zip(PAIR, made, strict=True):
        assert result.images.shape == (2, 48, 48, 3)
        assert result.images.dtype == np.uint8
        assert result.curve.shape == (len(SETTINGS.curve_steps),)
        x = torch.from_numpy(result.images).permute(0, 3, 1, 2).float() / 255
        again = network.features(x, "fire3")[:, target.channel].mean(dim=(1, 2))
        np.testing.assert_allclose(result.activations, again, rtol=1e-4, atol=1e-3)


def test_curve_steps_end_with_the_last_update() -> None:
    assert SETTINGS.curve_steps == [0, 5, 10, 11]
    assert dataclasses.replace(SETTINGS, steps=11).curve_steps == [0, 5, 10]


def test_a_units_images_do_not_depend_on_what_it_is_batched_with(network: Network) -> None:
    """To the last bit, as a pass takes one target on a processor."""
    alone = optimize(network, "fire3", PAIR, SETTINGS, seed=1)
    together = optimize(network, "fire3", [*OTHER, *PAIR], SETTINGS, seed=1)[2:]
    for one, other in zip(alone, together, strict=True):
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.activations, other.activations)
        np.testing.assert_array_equal(one.curve, other.curve)


def test_many_targets_in_one_pass_differ_by_rounding_alone(network: Network) -> None:
    alone = optimize(network, "fire3", PAIR, SETTINGS, seed=1)
    joint = dataclasses.replace(SETTINGS, targets_per_pass=4)
    together = optimize(network, "fire3", [*OTHER, *PAIR], joint, seed=1)[2:]
    for one, other in zip(alone, together, strict=True):
        # The last bits of a sum may differ; another crop or spectrum would change everything.
        difference = np.abs(one.images.astype(int) - other.images)
        assert np.quantile(difference, 0.99) <= 1
        np.testing.assert_allclose(one.activations, other.activations, rtol=0.01, atol=0.1)


@pytest.mark.parametrize(
    "error", [torch.cuda.OutOfMemoryError("CUDA out of memory"), RuntimeError("out of memory")]
)
def test_running_out_of_memory_halves_the_batch_and_goes_on(
    network: Network, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    tight_one = load_network("squeezenet1_1")
    seen: list[int] = []
    original = LeanNetwork.__call__

    def tight(self: LeanNetwork, images: torch.Tensor) -> torch.Tensor:
        seen.append(len(images))
        if len(images) > 4 and len(seen) > 3:
            raise error
        return original(self, images)

    monkeypatch.setattr(LeanNetwork, "__call__", tight)
    joint = dataclasses.replace(SETTINGS, targets_per_pass=4)
    made = optimize(tight_one, "fire3", [*OTHER, *PAIR], joint, seed=1)
    assert seen[:8] == [8, 8, 8, 8, 4, 4, 4, 4]
    # What was found is not found again by the next.
    seen.clear()
    optimize(tight_one, "fire3", [*OTHER, *PAIR], joint, seed=2)
    assert set(seen) == {4}
    plain = optimize(network, "fire3", [*OTHER, *PAIR], SETTINGS, seed=1)
    for one, other in zip(made, plain, strict=True):
        difference = np.abs(one.images.astype(int) - other.images)
        assert np.quantile(difference, 0.99) <= 1


def test_a_flat_gradient_stops_one_target_and_not_its_neighbour(network: Network) -> None:
    flat = FlatnessSettings(minimum=3, window=2, ratio=1e9, smoothing=0.0)
    steps: list[int] = []
    settings = dataclasses.replace(SETTINGS, flatness=flat)
    (stopped,) = optimize(network, "fire3", PAIR[1:], settings, 1, lambda: steps.append(1))
    assert len(steps) == SETTINGS.steps
    assert stopped.updates == 4
    (shorter,) = optimize(
        network, "fire3", PAIR[1:], dataclasses.replace(SETTINGS, steps=4), seed=1
    )
    np.testing.assert_array_equal(stopped.images, shorter.images)


def test_images_can_be_sorted_by_what_was_measured(network: Network) -> None:
    settings = dataclasses.replace(SETTINGS, images=4, sort=True, steps=4)
    low, high = optimize(network, "fire3", PAIR, settings, seed=1)
    assert (np.diff(low.activations) >= 0).all()
    assert (np.diff(high.activations) <= 0).all()
    np.testing.assert_array_equal(measure(network, high.images, "fire3")[:, 7], high.activations)


@pytest.mark.parametrize("parametrization", ["pixels", "maco"])
@pytest.mark.parametrize("sign", [0, 1])
def test_other_parametrizations_climb_too(
    network: Network, parametrization: str, sign: int
) -> None:
    photographs = [
        np.asarray(Image.open(photograph.path).convert("RGB").resize((64, 64)))
        for photograph in load_photographs()[:8]
    ]
    settings = dataclasses.replace(SETTINGS, steps=30, parametrization=parametrization)
    if parametrization == "maco":
        settings = dataclasses.replace(
            settings,
            optimizer="nadam",
            learning_rate=1.0,
            sd=1.0,
            crops=CropSettings(count=2, first_side=1.0, last_side=0.8, input_size=64),
        )
    target = dataclasses.replace(PAIR[sign], diversity=0.0)
    magnitude = natural_magnitude(photographs, 64)
    (made,) = optimize(network, "fire3", [target], settings, 1, magnitude=magnitude)
    climbed = (2 * sign - 1) * (made.curve[-1] - made.curve[0])
    assert climbed > 0.1 * abs(made.curve[0])


def test_neuron_and_direction_objectives_climb(network: Network) -> None:
    settings = dataclasses.replace(SETTINGS, steps=30, objective="neuron")
    (neuron,) = optimize(network, "fire3", PAIR[1:], settings, seed=1)
    assert neuron.curve[-1] > neuron.curve[0]
    settings = dataclasses.replace(settings, objective="direction")
    target = dataclasses.replace(PAIR[1], direction=((7, 1.0), (90, -1.0)))
    (made,) = optimize(network, "fire3", [target], settings, seed=1)
    assert made.curve[-1] > made.curve[0]


def test_penalties_smooth_and_pale(network: Network) -> None:
    def roughness(**more: float) -> tuple[float, float]:
        settings = dataclasses.replace(SETTINGS, steps=20, **more)
        (made,) = optimize(network, "fire3", PAIR[1:], settings, seed=1)
        pixels = made.images.astype(float)
        return float(np.abs(np.diff(pixels, axis=1)).mean()), float((pixels - 127).std())

    rough, strong = roughness()
    assert roughness(total_variation=1.0)[0] < 0.8 * rough
    assert roughness(l2=100.0)[1] < 0.8 * strong


def test_same_seed_same_images_and_another_seed_others(network: Network) -> None:
    first = optimize(network, "fire3", PAIR, SETTINGS, seed=1)
    second = optimize(network, "fire3", PAIR, SETTINGS, seed=1)
    third = optimize(network, "fire3", PAIR, SETTINGS, seed=2)
    for a, b, c in zip(first, second, third, strict=True):
        np.testing.assert_array_equal(a.images, b.images)
        np.testing.assert_array_equal(a.curve, b.curve)
        assert (a.images != c.images).mean() > 0.5


def test_diversity_makes_images_differ(network: Network) -> None:
    def alike(weight: float) -> float:
        targets = [dataclasses.replace(PAIR[1], diversity=weight)]
        settings = dataclasses.replace(SETTINGS, steps=40, images=3)
        (made,) = optimize(network, "fire3", targets, settings, seed=1)
        x = torch.from_numpy(made.images).permute(0, 3, 1, 2).float() / 255
        features = network.features(x, "fire3").flatten(2)
        gram = (features @ features.transpose(1, 2)).flatten(1)
        gram = gram / gram.norm(dim=1, keepdim=True)
        return float((gram @ gram.T).mean())

    assert alike(1000.0) < alike(0.0) - 0.02


def test_reduced_precision_reaches_much_the_same(network: Network) -> None:
    settings = dataclasses.replace(SETTINGS, steps=40)
    full = optimize(network, "fire3", PAIR, settings, seed=1)
    half = optimize(
        network, "fire3", PAIR, dataclasses.replace(settings, precision="bfloat16"), seed=1
    )
    span = full[1].activations.mean() - full[0].activations.mean()
    for a, b in zip(full, half, strict=True):
        assert abs(a.activations.mean() - b.activations.mean()) < 0.1 * span


def test_first_updates_are_in_float32_whatever_the_precision(network: Network) -> None:
    target = PAIR[:1]

    def made(precision: str, exact: int) -> tuple[bytes, bytes]:
        settings = dataclasses.replace(
            SETTINGS, precision=precision, steps=3, curve_every=1, float32_updates=exact
        )
        (found,) = optimize(network, "fire3", target, settings, seed=1)
        return found.curve[:2].tobytes(), found.images.tobytes()

    plain = made("float32", 0)
    assert made("float32", 2) == plain
    assert made("bfloat16", 3) == plain
    # The curve's values are those before an update.
    early, images = made("bfloat16", 2)
    assert early == plain[0]
    assert images != plain[1]
    assert made("bfloat16", 0)[0] != plain[0]


def test_pixels_are_cut_to_integers_and_the_border_is_cropped() -> None:
    image = torch.full((1, 3, 8, 8), 0.9999)
    image[..., 0, :] = 0.0
    shown = as_shown(image, 2)
    assert shown.shape == (1, 4, 4, 3)
    assert (shown == 254).all()


def test_measuring_does_not_depend_on_the_company(network: Network) -> None:
    images = np.random.default_rng(0).integers(0, 256, (3, 48, 48, 3), dtype=np.uint8)
    together = measure(network, images, "fire4")
    np.testing.assert_array_equal(together[1:2], measure(network, images[1:2], "fire4"))


def test_learning_rate_schedules() -> None:
    cosine = dataclasses.replace(SETTINGS, schedule="cosine", steps=10)
    shares = [rate(cosine, step) for step in range(10)]
    assert shares[0] == 1
    assert shares[5] == pytest.approx(0.5)
    assert 0 < shares[-1] < 0.03
    assert {rate(SETTINGS, step) for step in range(12)} == {1.0}


def test_precision_is_resolved_once() -> None:
    assert resolve_precision("float32", torch.device("cpu")) == "float32"
    assert resolve_precision("auto", torch.device("cpu")) in ("float32", "bfloat16")
    # A format of GPUs alone.
    assert resolve_precision("tf32", torch.device("cuda")) == "tf32"
    assert resolve_precision("tf32", torch.device("cpu")) == "float32"
