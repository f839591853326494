"""Whole builds, each with synthetic images of another kind."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from generation.building.order import Built, build
from generation.inspection.remeasure import remeasure
from generation.networks.accuracy import Accuracy, check_network
from generation.networks.network import Network
from generation.recipe import load_recipe
from stimuli import SIGNS, StimulusBank, verify_bank
from tests.generation.building.test_order import Silent

RECIPE = """
name = "kind"
seed = 5
[synthesis]
canvas = 64
crop = 8
images_per_sign = 2
precision = "float32"
curve_every = 3
{synthesis}
[natural]
photographs = "{photographs}"
resize = 64
batches = 2
positions = 3
[[units]]
unit = "fire2:1x1:30"
[[units]]
unit = "fire3:3x3:70"
"""
SMALL = "[synthesis.transforms]\njitter_before = 4\njitter_after = 2"
UNITS = ("fire2:1x1:30", "fire3:3x3:70")


@pytest.fixture(scope="module")
def accuracy(network: Network) -> Accuracy:
    return check_network(network)


@pytest.fixture(autouse=True)
def _check_once(monkeypatch: pytest.MonkeyPatch, accuracy: Accuracy) -> None:
    monkeypatch.setattr("generation.building.order.check_network", lambda network: accuracy)


def make(folder: Path, photographs: Path, synthesis: str) -> tuple[Built, Silent]:
    """Build a bank, sound in every respect, and check that all progress was told of."""
    number = len(list(folder.glob("*.toml")))
    recipe = folder / f"{number}.toml"
    recipe.write_text(
        RECIPE.format(synthesis=synthesis, photographs=photographs.as_posix()), encoding="utf-8"
    )
    reporter = Silent()
    built = build(*load_recipe(str(recipe)), folder / f"{number}.h5", reporter)
    assert verify_bank(built.path).problems == []
    assert remeasure(built.path, 2) == (16, [])
    done, total = reporter.done["synthetic images"]
    assert done == total
    return built, reporter


def images(built: Built) -> np.ndarray:
    with StimulusBank(built.path) as bank:
        found = [bank.images(bank.synthetic(unit, sign)) for unit in UNITS for sign in SIGNS]
    return np.stack([np.stack(pictures) for pictures in found]).astype(float)


def test_other_parametrizations_objectives_and_presets(tmp_path: Path, pool_folder: Path) -> None:
    plain = f"steps = 4\n{SMALL}"
    kinds = {
        "plain": plain,
        "again": f"learning_rate = 0.05\n{plain}",
        "pixels": f'preset = "pixels"\n{plain}',
        "lucid": 'preset = "lucid"\nsteps = 4',
        "maco": 'preset = "maco"\nsteps = 3\n[synthesis.crops]\ncount = 2\ninput_size = 64',
        "neuron": f'objective = "neuron"\n{plain}',
        "regularised": f"total_variation = 0.01\nl2 = 0.1\n{plain}",
    }
    made = {kind: images(make(tmp_path, pool_folder, text)[0]) for kind, text in kinds.items()}
    np.testing.assert_array_equal(made["plain"], made.pop("again"))
    for one in made:
        for other in made:
            if one != other:
                assert (made[one] != made[other]).mean() > 0.1, (one, other)


def test_directions_decide_the_images(tmp_path: Path, pool_folder: Path) -> None:
    def directed(first: str, second: str) -> np.ndarray:
        table = f'"{UNITS[0]}" = {first}\n"{UNITS[1]}" = {second}'
        text = (
            f'objective = "direction"\nsteps = 4\ndiversity = 0.0\n{SMALL}\n'
            f"[synthesis.directions]\n{table}"
        )
        return images(make(tmp_path, pool_folder, text)[0])

    own = directed('{"30" = 1.0}', '{"70" = 1.0}')
    turned = directed('{"30" = -1.0}', '{"70" = 1.0, "3" = -2.0}')
    channel = images(make(tmp_path, pool_folder, f"steps = 4\ndiversity = 0.0\n{SMALL}")[0])
    # The direction of one channel is that channel, up to the order of sums.
    assert np.quantile(np.abs(own - channel), 0.99) <= 1
    assert (own[:2] != turned[:2]).mean() > 0.1
    assert (own[2:] != turned[2:]).mean() > 0.1


def test_a_bank_tells_when_a_gradient_became_flat(tmp_path: Path, pool_folder: Path) -> None:
    flat = "[synthesis.flatness]\nminimum = 3\nwindow = 2\nratio = 1e9\nsmoothing = 0.0"
    built, _ = make(tmp_path, pool_folder, f"steps = 12\n{SMALL}\n{flat}")
    shorter, _ = make(tmp_path, pool_folder, f"steps = 4\n{SMALL}")
    np.testing.assert_array_equal(images(built), images(shorter))
    for path, updates in ((built.path, 4), (shorter.path, 4)):
        with StimulusBank(path) as bank:
            for unit in UNITS:
                for sign in SIGNS:
                    assert bank.optimisation(unit, sign)["updates"] == updates


def test_a_bank_tells_what_a_search_found(tmp_path: Path, pool_folder: Path) -> None:
    search = "[synthesis.search]\nfirst = 0.5\nfactor = 4.0\nlast = 8.0\nrounds = 2"
    built, reporter = make(
        tmp_path, pool_folder, f"steps = 25\nlearning_rate = 0.2\n{SMALL}\n{search}"
    )
    beats, means = [], []
    with StimulusBank(built.path) as bank:
        for unit in UNITS:
            extremes = [bank.activations(unit, sign, "natural")[0] for sign in SIGNS]
            for sign, direction, extreme in zip(SIGNS, (-1, 1), extremes, strict=True):
                weight = float(bank.optimisation(unit, sign)["diversity"])
                lead = direction * (bank.activations(unit, sign) - extreme)
                beats.append(bool((lead > 0).all()))
                means.append(bool(lead.mean() > 0))
                told = f"weight {weight:g} of diversity" if beats[-1] else "does not beat the most"
                assert any(text.startswith(f"{unit}, {sign}: {told}") for text in reporter.said)
                if not beats[-1]:
                    assert weight == 0
        shares = bank.provenance
    assert built.all_beating == shares["share_all_beating_photographs"] == np.mean(beats)
    assert built.beating == shares["share_beating_photographs"] == np.mean(means)
    assert any(beats)


def test_the_terms_of_the_objective_are_in_the_bank(tmp_path: Path, pool_folder: Path) -> None:
    built, _ = make(
        tmp_path, pool_folder, f'steps = 6\ndiversity = 3.0\ndiversity_unit = "activation"\n{SMALL}'
    )
    with StimulusBank(built.path) as bank:
        assert bank.curve_steps.tolist() == [0, 3, 5]
        for unit in UNITS:
            for sign, direction in zip(SIGNS, (-1, 1), strict=True):
                found = bank.optimisation(unit, sign)
                assert (found["diversity"], found["updates"]) == (3, 6)
                assert (found["similarity_curve"] > 0.1).all()
                expected = direction * bank.curve(unit, sign) - 3 * found["similarity_curve"]
                np.testing.assert_allclose(found["objective_curve"], expected, rtol=1e-4, atol=1e-3)
