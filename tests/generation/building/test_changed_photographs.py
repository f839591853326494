"""Photographs changed while a bank is built: no bank mixes old activations and new files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generation.building.order import build
from generation.inspection.remeasure import remeasure
from generation.recipe import load_recipe
from house.errors import UserError
from stimuli import SIGNS, StimulusBank
from tests.generation.building.test_order import (
    Cancelled,
    Cancelling,
    Silent,
    _check_once,
    accuracy,
    make,
)

__all__ = ["_check_once", "accuracy"]


class Meddling(Silent):
    """Calls `meddle` when a stage begins, or after so many of its parts."""

    def __init__(self, stage: str, meddle: Callable[[], None], after: int = 0) -> None:
        super().__init__()
        self._stage, self._meddle, self._after = stage, meddle, after

    def stage(self, name: str, total: int, done: int = 0) -> Callable[[int], None]:
        advance = super().stage(name, total, done)
        if name != self._stage:
            return advance
        if not self._after:
            self._meddle()

        def step(count: int) -> None:
            advance(count)
            if self._after and self.done[name][0] >= self._after:
                self._after = 0
                self._meddle()

        return step


def most_activating(bank: Path) -> str:
    """Name the photograph that activates the first unit most."""
    with StimulusBank(bank) as opened:
        row = opened.file["natural/exemplars"][0, 1, 0]
        return str(opened.file["natural/name"].asstr()[row])


def exchange(victim: Path) -> None:
    """Put other pixels into a file, of the same size in bytes."""
    size = victim.stat().st_size
    Image.new("RGB", (64, 64), (10, 200, 30)).save(victim, "JPEG")
    assert victim.stat().st_size < size
    with victim.open("ab") as file:
        file.write(bytes(size - victim.stat().st_size))


def test_a_photograph_exchanged_before_it_is_written_stops_the_bank(
    recipe_file: Path, pool_folder: Path, tmp_path: Path
) -> None:
    first, _ = make(recipe_file, tmp_path / "first.h5")
    name = most_activating(first.path)
    victim = pool_folder / f"{name}.jpg"
    shutil.copy(victim, tmp_path / "kept.jpg")
    out = tmp_path / "bank.h5"
    reporter = Meddling("writing the bank", lambda: exchange(victim))
    with pytest.raises(UserError, match=f"{name} was changed after it was recorded"):
        build(*load_recipe(str(recipe_file)), out, reporter)
    assert not out.exists()
    # As it is now: recorded anew.
    now, _ = make(recipe_file, out)
    assert now.content_sha256 != first.content_sha256
    assert remeasure(out, 3)[1] == []
    out.unlink()
    # Restored.
    shutil.copy(tmp_path / "kept.jpg", victim)
    assert make(recipe_file, out)[0].content_sha256 == first.content_sha256


def test_large_sets_notice_an_exchange_between_two_calls(
    recipe_file: Path, pool_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Sets that are not read before the build: names and sizes stand for their files.
    monkeypatch.setattr("generation.natural.photographs.READ_TWICE", 0)
    first, _ = make(recipe_file, tmp_path / "first.h5")
    victim = pool_folder / f"{most_activating(first.path)}.jpg"
    out = tmp_path / "bank.h5"
    with pytest.raises(Cancelled):
        build(*load_recipe(str(recipe_file)), out, Cancelling())
    exchange(victim)
    with pytest.raises(UserError, match="was changed after it was recorded") as told:
        make(recipe_file, out)
    assert not out.exists()
    # What the sentence says.
    (named,) = out.with_name("bank.h5.work").glob("recording-*.npz")
    assert f"first delete {named}: all photographs are then recorded anew" in str(told.value)
    named.unlink()
    make(recipe_file, out)
    assert remeasure(out, 3)[1] == []


def test_a_photograph_changed_while_others_are_recorded_stops_the_build(
    recipe_file: Path, pool_folder: Path, tmp_path: Path
) -> None:
    text = recipe_file.read_text(encoding="utf-8")
    recipe_file.write_text(
        text.replace("[natural]", "[natural]\nimages_per_pass = 4"), encoding="utf-8"
    )
    last = sorted(pool_folder.glob("*.jpg"))[-1]
    reporter = Meddling("photographs", lambda: exchange(last), after=4)
    with pytest.raises(UserError, match="changed while they were recorded"):
        build(*load_recipe(str(recipe_file)), tmp_path / "bank.h5", reporter)
    assert "synthetic images" not in reporter.done
    make(recipe_file, tmp_path / "bank.h5")
    assert remeasure(tmp_path / "bank.h5", 3)[1] == []


def test_the_share_that_beats_photographs_is_that_of_the_bank(
    recipe_file: Path, tmp_path: Path
) -> None:
    text = recipe_file.read_text(encoding="utf-8")
    recipe_file.write_text(text.replace("steps = 6", "steps = 40"), encoding="utf-8")
    made, _ = make(recipe_file, tmp_path / "bank.h5")
    beats = []
    with StimulusBank(made.path) as bank:
        for row, unit in enumerate(bank.units):
            for sign, name in enumerate(SIGNS):
                best = bank.file["natural/exemplar_activations"][row, sign, 0]
                mean = np.mean(bank.activations(unit.unit_id, name))
                beats.append(mean > best if name == "max" else mean < best)
        assert bank.provenance["share_beating_photographs"] == round(made.beating, 4)
    assert made.beating == pytest.approx(np.mean(beats))
    # Else the test could not tell it from its opposite.
    assert np.mean(beats) != 0.5


def test_photographs_that_were_enlarged_much_are_told_of(
    recipe_file: Path, pool_folder: Path, tmp_path: Path
) -> None:
    for place, side in ((2, 1), (4, 15), (6, 16)):
        victim = sorted(pool_folder.glob("*.jpg"))[place]
        rng = np.random.default_rng(place)
        pixels = rng.integers(0, 256, (side, side + 2, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(victim, "JPEG")
    # Every unit ranks all 30; 64 pixels are more than 4 times 15.
    text = recipe_file.read_text(encoding="utf-8").replace("batches = 2", "batches = 5")
    recipe_file.write_text(text, encoding="utf-8")
    _, reporter = make(recipe_file, tmp_path / "bank.h5")
    assert [text for text in reporter.said if "enlarged" in text] == [
        "note: 2 of the bank's 30 photographs were enlarged more than 4 times; the smallest has a "
        "side of 1 pixels. natural.shortest_side in the recipe leaves such out"
    ]
    recipe_file.write_text(
        text.replace("batches = 5", "batches = 4\nshortest_side = 16"), encoding="utf-8"
    )
    made, reporter = make(recipe_file, tmp_path / "larger.h5")
    assert not [text for text in reporter.said if "enlarged" in text]
    assert any(text.startswith("2 photographs were left out: their") for text in reporter.said)
    with StimulusBank(made.path) as bank:
        assert bank.provenance["photographs_too_small"] == 2
        assert bank.provenance["photographs_unreadable"] == []
