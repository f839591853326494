from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from generation.building.order import Built, build
from generation.building.progress_files import WorkFolder, key_of
from generation.inspection.remeasure import remeasure
from generation.networks.accuracy import Accuracy, check_network
from generation.networks.network import Network
from generation.recipe import load_recipe
from generation.synthesis.optimize import Optimized
from house.errors import UserError
from stimuli import SIGNS, BankWriter, StimulusBank, verify_bank
from tests.generation.conftest import RECIPE, ROOT


class Silent:
    """A reporter that remembers."""

    def __init__(self) -> None:
        self.said: list[str] = []
        self.done: dict[str, tuple[int, int]] = {}

    def plan(self, stages: Sequence[tuple[str, int, float]]) -> None:
        self.planned = [name for name, _, _ in stages]

    def stage(self, name: str, total: int, done: int = 0) -> Callable[[int], None]:
        assert name in self.planned
        self.done[name] = (done, total)

        def advance(count: int) -> None:
            self.done[name] = (self.done[name][0] + count, total)

        return advance

    def say(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture(scope="module")
def accuracy(network: Network) -> Accuracy:
    return check_network(network)


@pytest.fixture(autouse=True)
def _check_once(monkeypatch: pytest.MonkeyPatch, accuracy: Accuracy) -> None:
    """Check the network once for this file instead of at every build; the CLI tests check it."""
    monkeypatch.setattr("generation.building.order.check_network", lambda network: accuracy)


def make(recipe_file: Path, out: Path, **more: bool) -> tuple[Built, Silent]:
    reporter = Silent()
    return build(*load_recipe(str(recipe_file)), out, reporter, **more), reporter


def test_a_build_makes_a_sound_bank_twice_the_same(recipe_file: Path, tmp_path: Path) -> None:
    first, reporter = make(recipe_file, tmp_path / "a" / "one.h5")
    second, _ = make(recipe_file, tmp_path / "two.h5")
    assert first.fresh
    assert first.content_sha256 == second.content_sha256
    assert verify_bank(first.path).problems == []
    assert remeasure(first.path, 3) == (24, [])
    assert {name: done for name, (done, _) in reporter.done.items()} == {
        name: total for name, (_, total) in reporter.done.items()
    }
    assert sorted(p.name for p in first.path.parent.iterdir()) == ["one.h5"]
    with StimulusBank(first.path) as bank:
        assert [unit.role for unit in bank.units] == ["main", "main", "practice"]
        assert bank.provenance["weights_sha256"] == load_recipe("demo")[1].weights_sha256
        assert bank.recipe == recipe_file.read_text(encoding="utf-8")
        for unit in bank.units:
            assert not set(bank.exemplars(unit.unit_id, "min")) & set(
                bank.exemplars(unit.unit_id, "max")
            )
            for sign in SIGNS:
                extreme = set(bank.exemplars(unit.unit_id, sign)[: bank.n_batches])
                batches = [bank.batch(unit.unit_id, sign, b) for b in range(bank.n_batches)]
                assert {batch[0] for batch in batches} == extreme
                assert len({image for batch in batches for image in batch}) == 6


def test_an_up_to_date_bank_is_left_alone_and_another_one_is_not_replaced(
    recipe_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "bank.h5"
    made, _ = make(recipe_file, out)
    stamp = out.stat().st_mtime_ns
    again, reporter = make(recipe_file, out)
    assert (again.fresh, again.content_sha256) == (False, made.content_sha256)
    assert out.stat().st_mtime_ns == stamp
    assert reporter.done == {}
    text = recipe_file.read_text(encoding="utf-8")
    recipe_file.write_text(text.replace("seed = 5", "seed = 6"), encoding="utf-8")
    with pytest.raises(UserError, match="--force"):
        make(recipe_file, out)
    assert out.stat().st_mtime_ns == stamp
    replaced, _ = make(recipe_file, out, replace=True)
    assert replaced.content_sha256 != made.content_sha256


def test_a_damaged_bank_is_not_taken_for_up_to_date(recipe_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "bank.h5"
    made, _ = make(recipe_file, out)
    whole = out.read_bytes()
    with StimulusBank(out) as bank:
        pixels = bank.image(bank.synthetic(bank.units[0].unit_id, "max")[0]).tobytes()[:64]
    out.write_bytes(whole.replace(pixels, b"\x07" * 64, 1))
    with pytest.raises(UserError, match="--force"):
        make(recipe_file, out)
    again, _ = make(recipe_file, out, replace=True)
    assert again.content_sha256 == made.content_sha256


def start(recipe: Path, out: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "generation", "build", str(recipe), "--out", str(out)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def interrupt_after_first_unit(recipe: Path, out: Path) -> None:
    process = start(recipe, out)
    work = out.with_name(out.name + ".work")
    deadline = time.monotonic() + 90
    while not list(work.glob("fire2*.npz")):
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)
    # Into the middle of the next unit.
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=30)
    assert process.returncode == 130, output
    assert "Interrupted" in output
    assert "Traceback" not in output
    assert not out.exists()


def test_interrupted_in_the_middle_it_goes_on_to_the_same_bank(
    tmp_path: Path, pool_folder: Path
) -> None:
    recipe = tmp_path / "tiny.toml"
    text = RECIPE.format(steps=120, photographs=pool_folder.as_posix())
    recipe.write_text(text, encoding="utf-8")
    uninterrupted, _ = make(recipe, tmp_path / "whole.h5")
    out = tmp_path / "killed.h5"
    interrupt_after_first_unit(recipe, out)
    work = out.with_name(out.name + ".work")
    finished = {path.name: path.stat().st_mtime_ns for path in work.glob("fire*.npz")}
    assert 1 <= len(finished) < 3
    resumed, reporter = make(recipe, out)
    assert f"{len(finished)} of 3 units were finished earlier" in reporter.said
    assert resumed.content_sha256 == uninterrupted.content_sha256
    assert not work.exists()
    with StimulusBank(out) as one, StimulusBank(uninterrupted.path) as other:
        for unit in one.units:
            for sign in SIGNS:
                np.testing.assert_array_equal(
                    one.activations(unit.unit_id, sign), other.activations(unit.unit_id, sign)
                )


class Cancelled(Exception):  # noqa: N818
    """Stands for a build that ends after two units."""


class Cancelling(Silent):
    def stage(self, name: str, total: int, done: int = 0) -> Callable[[int], None]:
        advance = super().stage(name, total, done)

        def step(count: int) -> None:
            advance(count)
            # Six steps a unit: in the middle of the third.
            if name == "synthetic images" and self.done[name][0] >= 14:
                raise Cancelled

        return step


def test_what_another_version_left_is_told_of_and_not_used(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, reporter = make(recipe_file, tmp_path / "whole.h5")
    assert not any("another version" in text for text in reporter.said)
    out, work = tmp_path / "bank.h5", tmp_path / "bank.h5.work"
    with monkeypatch.context() as patch:
        patch.setattr("generation.building.job.ALGORITHM", 1)
        with pytest.raises(Cancelled):
            build(*load_recipe(str(recipe_file)), out, Cancelling())
        assert len(list(work.glob("fire*.npz"))) == 2
    made, reporter = make(recipe_file, out)
    assert [text for text in reporter.said if "another version" in text] == [
        "note: what bank.h5.work holds of photographs was recorded for another recipe, of other "
        "photographs or by another version of this program; they are recorded anew",
        "note: 2 finished units in bank.h5.work are of another recipe, other photographs or "
        "another version of this program; they are not used",
    ]
    assert not any("finished earlier" in text for text in reporter.said)
    assert reporter.done["synthetic images"] == (3 * 6, 3 * 6)
    assert made.content_sha256 == whole.content_sha256
    assert len(list(work.glob("fire*.npz"))) == 2
    # A finished bank of it is not replaced unasked.
    monkeypatch.setattr("generation.building.job.ALGORITHM", 1)
    with pytest.raises(UserError, match=r"other software.*--force"):
        make(recipe_file, out)


def test_units_of_a_layer_in_one_pass(recipe_file: Path, tmp_path: Path) -> None:
    alone, _ = make(recipe_file, tmp_path / "alone.h5")
    text = recipe_file.read_text(encoding="utf-8")
    recipe_file.write_text(text.replace("[synthesis]", "[synthesis]\nunits_per_pass = 2"))
    together, reporter = make(recipe_file, tmp_path / "together.h5")
    assert reporter.done["synthetic images"] == (3 * 6, 3 * 6)
    with StimulusBank(alone.path) as one, StimulusBank(together.path) as other:
        for unit in one.units:
            for sign in SIGNS:
                for image in one.synthetic(unit.unit_id, sign):
                    difference = np.abs(one.image(image).astype(int) - other.image(image))
                    assert np.quantile(difference, 0.99) <= 1


@pytest.mark.parametrize(
    "setting", ['assignment = "released"', "query_percentile = 80.0", "positions = 2"]
)
def test_other_ways_to_deal_give_sound_banks(
    recipe_file: Path, tmp_path: Path, setting: str
) -> None:
    text = recipe_file.read_text(encoding="utf-8").replace("batches = 2", f"batches = 4\n{setting}")
    if setting.startswith("positions"):
        text = text.replace("\npositions = 3", "")
    recipe_file.write_text(text.replace("steps = 6", "steps = 1"), encoding="utf-8")
    made, _ = make(recipe_file, tmp_path / "bank.h5")
    assert verify_bank(made.path).problems == []
    assert remeasure(made.path, 1)[1] == []
    with StimulusBank(made.path) as bank:
        for unit in bank.units:
            for sign in SIGNS:
                ranked = bank.exemplars(unit.unit_id, sign)
                queries = [ranked.index(bank.batch(unit.unit_id, sign, b)[0]) for b in range(4)]
                if setting.startswith("query"):
                    assert sorted(queries) == [8, 9, 10, 11]
                elif setting.startswith("positions"):
                    assert (bank.batch_size, sorted(queries)) == (2, [0, 1, 2, 3])
                else:
                    batches = {i for b in range(4) for i in bank.batch(unit.unit_id, sign, b)}
                    # Steps of three through bins of four reach ten of twelve.
                    assert len(batches) == 10


def test_remeasuring_notices_wrong_activations(recipe_file: Path, tmp_path: Path) -> None:
    made, _ = make(recipe_file, tmp_path / "bank.h5")
    wrong = tmp_path / "wrong.h5"
    with StimulusBank(made.path) as bank:
        units = bank.units
        writer = BankWriter(
            wrong,
            units=units,
            name="wrong",
            image_size=bank.image_size,
            images_per_sign=bank.images_per_sign,
            curve_steps=bank.curve_steps,
            recipe=bank.recipe,
            provenance=bank.provenance,
        )
        file = bank.file
        with writer:
            for u, unit in enumerate(units):
                for s, sign in enumerate(SIGNS):
                    writer.write_synthetic(
                        u,
                        s,
                        np.stack(bank.images(bank.synthetic(unit.unit_id, sign))),
                        bank.activations(unit.unit_id, sign) + (5 if u == 0 else 0),
                        bank.curve(unit.unit_id, sign),
                    )
            natural = [file[f"natural/{n}"] for n in ("name", "sha256", "label", "licence")]
            name, sha256, label, licence = (list(column.asstr()[:]) for column in natural)
            writer.write_natural(
                file["natural/images"][:],
                name=name,
                sha256=sha256,
                label=label,
                licence=licence,
                author=list(file["natural/author"].asstr()[:]),
            )
            writer.write_exemplars(
                file["natural/exemplars"][:],
                file["natural/exemplar_activations"][:],
                file["natural/batches"][:],
                file["natural/batch_ranks"][:],
            )
    measured, problems = remeasure(wrong, 3)
    assert measured == 24
    assert len(problems) == 4
    assert all(units[0].unit_id in problem for problem in problems)


def test_images_damaged_in_the_work_folder_are_made_again_at_the_next_call(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected, _ = make(recipe_file, tmp_path / "whole.h5")
    out = tmp_path / "bank.h5"
    save = WorkFolder.save

    def save_and_spoil(self: WorkFolder, unit_id: str, key: str, signs: list[Optimized]) -> None:
        save(self, unit_id, key, signs)
        if unit_id.startswith("fire4"):
            (path,) = self.path.glob("fire4*.npz")
            data = bytearray(path.read_bytes())
            data[2000:2010] = bytes(255 - byte for byte in data[2000:2010])
            path.write_bytes(bytes(data))

    with monkeypatch.context() as patch:
        patch.setattr(WorkFolder, "save", save_and_spoil)
        with pytest.raises(UserError, match="fire4:3x3:200 cannot be read any more"):
            make(recipe_file, out)
    again, reporter = make(recipe_file, out)
    assert "2 of 3 units were finished earlier" in reporter.said
    assert again.content_sha256 == expected.content_sha256


def test_a_damaged_or_foreign_unit_file_is_made_again(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path / "bank.h5", build="f" * 64)
    key = key_of({"unit": "a", "weight": 0.1})
    assert key != key_of({"unit": "a", "weight": np.nextafter(0.1, 1)})
    signs = [
        Optimized(np.full((2, 4, 4, 3), s, np.uint8), np.float32([s, s]), np.float32([1, 2, 3]))
        for s in (0, 1)
    ]
    assert work.load("fire2:1x1:3", key) is None
    work.save("fire2:1x1:3", key, signs)
    loaded = work.load("fire2:1x1:3", key)
    assert loaded is not None
    np.testing.assert_array_equal(loaded[1].images, signs[1].images)
    np.testing.assert_array_equal(loaded[0].curve, signs[0].curve)
    assert work.load("fire2:1x1:3", key[:16] + "0" * 48) is None
    (path,) = work.path.iterdir()
    path.write_bytes(path.read_bytes()[:-40])
    assert work.load("fire2:1x1:3", key) is None
    work.claim([key])
    assert work.remove() == 0
    assert not list(work.path.iterdir())
