"""Sweeps over networks: a bank each, one that fails stops no other, and one bank of all."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from generation.inspection.remeasure import remeasure
from generation.networks.choice import NetworkChoice
from generation.networks.network import Network, load_network
from generation.recipe import load_recipe
from generation.sweep.settings import Sweep, load_sweep
from generation.synthesis.measuring import measure
from generation.units.recipe_units import select
from house.errors import UserError
from house.tables import validate
from stimuli import BankWriter, StimulusBank, Unit, unit_id
from stimuli.merge import Part, merge_banks
from tests.generation.conftest import ROOT, run_generation, run_terminated

MODULE = """
import torch
from torch import nn

def small():
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.Conv2d(6, 8, 3, stride=2, padding=1),
        nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5),
    )

def missing():
    raise RuntimeError("the disk with the weights is not here")
"""

SWEEP = """
name = "two"
recipe = "{recipe}"
seed = 7
units = 2
practice = 1
[[networks]]
name = "squeezenet1_1"
[[networks]]
name = "networks_of_a_lab:{factory}"
label = "lab"
scale = 2.0
mean = [1.0, 1.0, 1.0]
layers = ["0", "2"]
"""


def write(tmp_path: Path, recipe_file: Path, factory: str) -> Path:
    (tmp_path / "networks_of_a_lab.py").write_text(MODULE, encoding="utf-8")
    path = tmp_path / "two.toml"
    path.write_text(SWEEP.format(recipe=recipe_file.as_posix(), factory=factory), encoding="utf-8")
    return path


def test_sigterm_says_how_to_go_on(recipe_file: Path, tmp_path: Path) -> None:
    sweep = write(tmp_path, recipe_file, "small")
    ended = run_terminated("sweep", sweep, "--out", tmp_path / "b", PYTHONPATH=str(tmp_path))
    assert ended.returncode == 130, ended.stderr
    assert "Give the same command again, and it goes on where it stopped." in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list((tmp_path / "b").glob("*.h5"))


def test_one_that_fails_stops_no_other_and_the_rest_is_kept(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "banks"
    place = {"PYTHONPATH": str(tmp_path)}
    sweep = write(tmp_path, recipe_file, "missing")
    # The network that fails comes first.
    text = sweep.read_text(encoding="utf-8")
    head, first, second = text.partition('[[networks]]\nname = "squeezenet1_1"\n')
    sweep.write_text(head + second + first, encoding="utf-8")
    failed = run_generation("sweep", sweep, "--out", out, **place)
    assert failed.returncode == 1
    assert "Traceback" not in failed.stderr
    flat = " ".join(failed.stderr.split())
    assert "failed: lab: " in flat
    assert "the disk with the weights is not here" in flat
    assert "1 of 2 networks failed. Nothing was merged." in flat
    assert (out / "squeezenet1_1.h5").exists()
    assert not (out / "two.h5").exists()
    before = (out / "squeezenet1_1.h5").stat().st_mtime_ns
    # Mended, only the other one is built.
    sweep.write_text(sweep.read_text(encoding="utf-8").replace("missing", "small"))
    mended = run_generation("sweep", sweep, "--out", out, "--quiet", **place)
    assert mended.returncode == 0, mended.stderr
    assert (out / "squeezenet1_1.h5").stat().st_mtime_ns == before
    assert re.search(r"squeezenet1_1: .*\(there already\)", mended.stdout)
    with StimulusBank(out / "two.h5") as bank:
        units = bank.units
        assert [unit.role for unit in units].count("main") == 4
        assert {unit.layer.partition("@")[2] for unit in units} == {"squeezenet1_1", "lab"}
        assert {u.layer for u in units if "lab" in u.layer and u.role == "main"} == {
            "0@lab", "2@lab",
        }  # fmt: skip
    # Each unit with its own network.
    monkeypatch.syspath_prepend(str(tmp_path))
    assert remeasure(out / "two.h5", 6) == (48, [])
    sys.modules.pop("networks_of_a_lab")


def bank_of(network: Network, path: Path) -> Path:
    """Write a bank of random pictures, with what a network's first layer makes of them."""
    rng = np.random.default_rng(0)
    units = [Unit(unit_id("0", "all", channel), "0", 0, "all", channel) for channel in (1, 4)]
    pictures = rng.integers(0, 256, (20, 32, 32, 3), dtype=np.uint8)
    values = measure(network, pictures, "0")[:, [unit.channel for unit in units]].T
    order = np.argsort(values, axis=1)
    exemplars = np.stack([order[:, :6], order[:, ::-1][:, :6]], axis=1)
    ranks = np.broadcast_to(np.arange(6).reshape(3, 2).T, (2, 2, 2, 3))
    with BankWriter(
        path,
        units=units,
        name=path.stem,
        image_size=32,
        images_per_sign=2,
        curve_steps=[0],
        recipe="",
        provenance={
            "network": network.spec.name,
            "network_choice": network.spec.choice,
            "weights_sha256": network.spec.weights_sha256,
        },
    ) as writer:
        for u in range(2):
            for s in range(2):
                best = exemplars[u, s, :2]
                writer.write_synthetic(u, s, pictures[best], values[u, best], [0.0])
        texts = [str(number) for number in range(20)]
        writer.write_natural(
            pictures, name=texts, sha256=texts, label=texts, licence=texts, author=texts
        )
        writer.write_exemplars(
            exemplars,
            np.take_along_axis(values[:, None].repeat(2, axis=1), exemplars, axis=2),
            np.take_along_axis(exemplars[:, :, None].repeat(2, axis=2), ranks, axis=3),
            ranks,
        )
    return path


TRAINED = """
import torch
from torch import nn

def trained():
    return nn.Sequential(
        nn.Conv2d(3, 6, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )
"""


def test_weights_are_taken_for_the_network_that_was_made_with_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "trained_networks.py").write_text(TRAINED, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    parts, kept = [], {}
    for seed, label in enumerate(("a", "b")):
        torch.manual_seed(seed)
        weights = tmp_path / f"{label}.pth"
        import trained_networks

        torch.save(trained_networks.trained().state_dict(), weights)
        choice = NetworkChoice(
            name="trained_networks:trained", weights=str(weights), layers=("0",), size=32
        )
        parts.append(Part(label, bank_of(load_network(choice), tmp_path / f"{label}.h5")))
        kept[label] = tmp_path / f"{label}-kept.pth"
    out = tmp_path / "both.h5"
    merge_banks(parts, out, name="both")
    said: list[str] = []
    assert remeasure(out, 4, say=said.append) == (32, [])
    # That of one is elsewhere: it is not tried for the other.
    (tmp_path / "a.pth").rename(kept["a"])
    assert remeasure(out, 4, kept["a"], said.append) == (32, [])
    assert said == []
    # Without it, the other one is measured, and this is told.
    assert remeasure(out, 4, say=said.append) == (16, [])
    (note,) = said
    assert re.match("units of a were not measured again: .*not where they were", note)
    (tmp_path / "c.pth").write_bytes(kept["a"].read_bytes() + b"x")
    with pytest.raises(UserError, match=r"no network of this bank.*It has: a, b"):
        remeasure(out, 4, tmp_path / "c.pth")
    # A bank of one network has nothing else to measure.
    with pytest.raises(UserError, match="not where they were"):
        remeasure(parts[0].path, 4)
    told = run_generation("verify", out, PYTHONPATH=str(tmp_path))
    assert told.returncode == 0, told.stderr
    assert "units of a were not measured again" in " ".join(told.stderr.split())
    sys.modules.pop("trained_networks")


@pytest.mark.slow
def test_killed_in_the_second_network_it_goes_on_there(recipe_file: Path, tmp_path: Path) -> None:
    place = {"PYTHONPATH": str(tmp_path)}
    sweep = write(tmp_path, recipe_file, "small")
    text = sweep.read_text(encoding="utf-8")
    # Long enough to be met in the middle.
    recipe_file.write_text(
        recipe_file.read_text(encoding="utf-8").replace("steps = 6", "steps = 60"), encoding="utf-8"
    )
    assert text.index("squeezenet") < text.index("lab")
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert run_generation("sweep", sweep, "--out", whole, "--quiet", **place).returncode == 0
    running = subprocess.Popen(
        [sys.executable, "-m", "generation", "sweep", str(sweep), "--out", str(broken), "--quiet"],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", **place},
    )
    work = broken / "lab.h5.work"
    deadline = time.monotonic() + 300
    while not work.exists() and running.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    running.kill()
    assert running.wait() == -signal.SIGKILL
    first = (broken / "squeezenet1_1.h5").stat().st_mtime_ns
    assert not (broken / "lab.h5").exists()
    done = run_generation("sweep", sweep, "--out", broken, "--quiet", **place)
    assert done.returncode == 0, done.stderr
    assert (broken / "squeezenet1_1.h5").stat().st_mtime_ns == first
    assert not work.exists()
    with StimulusBank(whole / "two.h5") as a, StimulusBank(broken / "two.h5") as b:
        assert a.content_sha256 == b.content_sha256


@pytest.mark.slow
def test_a_cluster_makes_the_same_banks(recipe_file: Path, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    sweep = write(tmp_path, recipe_file, "small")
    found = []
    for name, more in (("here", []), ("cluster", ["--cluster", "local:2"])):
        out = tmp_path / name
        command = [sys.executable, "-m", "generation", "sweep", sweep, "--out", out, *more]
        done = subprocess.run(
            list(map(str, command)),
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            # A cluster is started for each network.
            timeout=500,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        with StimulusBank(out / "two.h5") as bank:
            found.append(bank.content_sha256)
    assert found[0] == found[1]


def test_a_sweeps_recipe_gives_its_units_again(recipe_file: Path, tmp_path: Path) -> None:
    from generation.sweep.banks import recipe_of
    from house.tables import read_toml

    sweep = validate(
        Sweep,
        {"name": "s", "seed": 3, "units": 5, "practice": 2, "networks": [{"name": "embedded"}]},
        "here",
    )
    base = read_toml(recipe_file, "recipe")
    recipe, text = recipe_of(sweep, sweep.networks[0], base, "here")
    assert [unit.role for unit in recipe.units] == ["main"] * 5 + ["practice"] * 2
    assert recipe.synthesis.steps == 6
    path = tmp_path / "again.toml"
    path.write_text(text, encoding="utf-8")
    again, spec, _ = load_recipe(str(path))
    assert again == recipe
    assert {unit.selection for unit in select(again, spec).units} == {"random"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("units = 2", "unit = 2"), 'Did you mean "units"'),
        (('label = "lab"', 'label = "squeezenet1_1"'), "its own label; squeezenet1_1"),
        (('label = "lab"', 'label = "SqueezeNet1_1"'), "SqueezeNet1_1, squeezenet1_1 stands"),
        (('label = "lab"', 'label = "a b"'), "label"),
        # The bank of all would take the place of this network's.
        (('label = "lab"', 'label = "two"'), r"two\.h5 would be the bank of all"),
        # Found out before hours of work, not when the banks are merged.
        (('small"\nlabel = "lab"', '_small"'), r'a label, as "_small" cannot be one: take letters'),
        (("units = 2", "units = 0"), "units"),
    ],
)
def test_a_wrong_sweep_is_told(
    recipe_file: Path, tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    path = write(tmp_path, recipe_file, "small")
    path.write_text(path.read_text(encoding="utf-8").replace(*change), encoding="utf-8")
    with pytest.raises(UserError, match=message):
        load_sweep(path)


@pytest.mark.parametrize("change", [("seed = 7", "merge = false"), ("two", "three")])
def test_a_sweep_without_a_bank_of_all_may_be_called_as_its_network(
    recipe_file: Path, tmp_path: Path, change: tuple[str, str]
) -> None:
    path = write(tmp_path, recipe_file, "small")
    text = path.read_text(encoding="utf-8").replace('label = "lab"', 'label = "two"')
    path.write_text(text.replace(*change, 1), encoding="utf-8")
    assert [network.called for network in load_sweep(path).networks] == ["squeezenet1_1", "two"]


def test_labels_come_from_names() -> None:
    sweep = validate(
        Sweep,
        {"name": "s", "networks": [{"name": "torchvision:resnet50"}, {"name": "googlenet"}]},
        "here",
    )
    assert [network.called for network in sweep.networks] == ["resnet50", "googlenet"]
    assert sweep.units == 84
    assert sweep.networks[0].choice().given() == {"name": "torchvision:resnet50"}
