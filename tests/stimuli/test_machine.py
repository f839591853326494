"""A machine's answers beside a bank's content: read back, checked, and never at its cost."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import pytest

from house.errors import UserError
from stimuli import MachinePrediction, StimulusBank, add_machine, verify_bank
from stimuli.machine_summary import summarise
from tests.stimuli.conftest import BATCHES, small_units, write_small_bank

IDS = tuple(unit.unit_id for unit in small_units())


def prediction(name: str = "lab", seed: int = 0, **changes: object) -> MachinePrediction:
    rng = np.random.default_rng(seed)
    shape = (len(IDS), BATCHES, 2, 4)
    values: dict[str, object] = {
        "name": name,
        "unit_ids": IDS,
        "decision": rng.normal(size=shape).astype(np.float32),
        "shuffled": rng.random(shape, dtype=np.float32),
        "facts": {"similarity": "by the tests", "seed": seed},
        "dealt": rng.random(shape, dtype=np.float32),
    }
    return MachinePrediction(**{**values, **changes})  # type: ignore[arg-type]


def test_what_was_added_is_read_and_the_content_stays_the_same(bank_path: Path) -> None:
    with StimulusBank(bank_path) as bank:
        content = bank.content_sha256
        assert bank.machine_names == ()
        with pytest.raises(UserError, match=r"no predictions.*generation predict"):
            bank.machine()
    bank_path.chmod(0o640)
    made = prediction()
    made.decision[:, :, 1, 2:] = np.nan
    add_machine(bank_path, made)
    assert bank_path.stat().st_mode & 0o777 == 0o640
    found = verify_bank(bank_path)
    assert found.problems == []
    assert found.content_sha256 == content
    with StimulusBank(bank_path) as bank:
        assert bank.content_sha256 == bank.compute_content_sha256() == content
        read = bank.machine()
        assert bank.machine_names == ("lab",)
    np.testing.assert_array_equal(read.decision, made.decision)
    np.testing.assert_array_equal(read.shuffled, made.shuffled)
    np.testing.assert_array_equal(read.dealt, made.dealt)
    assert read.facts == made.facts
    assert read.of(IDS[1], 1, "synthetic", "Min+Max 1") == pytest.approx(made.decision[1, 1, 1, 1])
    finite = made.decision[np.isfinite(made.decision)]
    assert read.scale == pytest.approx(np.sqrt((finite**2).mean()), rel=1e-6)
    with pytest.raises(KeyError):
        read.of("fire2:1x1:8", 0, "natural", "Max 1")


def test_a_second_one_needs_another_name_or_force(bank_path: Path) -> None:
    add_machine(bank_path, prediction())
    with pytest.raises(UserError, match=r"already.*--force"):
        add_machine(bank_path, prediction(seed=1))
    add_machine(bank_path, prediction(seed=1), replace=True)
    add_machine(bank_path, prediction("other", seed=2))
    with StimulusBank(bank_path) as bank:
        assert bank.machine_names == ("lab", "other")
        assert bank.machine("lab").facts["seed"] == 1
        with pytest.raises(UserError, match="several predictions: lab, other"):
            bank.machine()
        with pytest.raises(UserError, match='Did you mean "other"'):
            bank.machine("othr")
    assert verify_bank(bank_path).ok


def test_a_link_to_a_bank_stays_one(bank_path: Path, tmp_path: Path) -> None:
    link = tmp_path / "link.h5"
    link.symlink_to(bank_path)
    add_machine(link, prediction())
    assert link.is_symlink()
    with StimulusBank(bank_path) as bank:
        assert bank.machine_names == ("lab",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda g: g["decision"].__setitem__((0, 0, 0, 0), 9.0), "decision, does not match"),
        (lambda g: replaced(g, "decision", np.zeros((2, BATCHES, 2, 3), np.float32)), "shape"),
        (lambda g: replaced(g, "shuffled", np.zeros((2, BATCHES, 2, 4))), "type float64"),
        (lambda g: replaced(g, "shuffled", np.full((2, BATCHES, 2, 4), 2, np.float32)), "share"),
        (lambda g: replaced(g, "decision", gappy()), "gaps"),
        (lambda g: replaced(g, "dealt", np.full((2, BATCHES, 2, 4), -1, np.float32)), "dealt hol"),
        (lambda g: g["dealt"].__setitem__((0, 0, 0, 0), 0.75), "dealt, does not match"),
        (lambda g: g.__delitem__("shuffled"), "lacks shuffled"),
        (lambda g: g.attrs.__setitem__("schemes", ["Max 1"]), "names other schemes"),
    ],
)
def test_verify_finds_what_is_wrong(bank_path: Path, change: object, message: str) -> None:
    add_machine(bank_path, prediction())
    assert verify_bank(bank_path).ok
    with h5py.File(bank_path, "r+") as file:
        change(file["machine/lab"])  # type: ignore[operator]
    problems = verify_bank(bank_path).problems
    assert any("lab" in problem and message in problem for problem in problems), problems


def test_a_prediction_of_a_program_that_did_not_deal_is_read(bank_path: Path) -> None:
    made = prediction()
    add_machine(bank_path, made)
    with h5py.File(bank_path, "r+") as file:
        del file["machine/lab/dealt"]
    assert verify_bank(bank_path).problems == []
    with StimulusBank(bank_path) as bank:
        read = bank.machine()
    assert read.dealt is None
    np.testing.assert_array_equal(read.shuffled, made.shuffled)
    assert [str(line.dealt) for line in summarise(read)] == ["–"] * 8


def replaced(group: h5py.Group, key: str, values: np.ndarray) -> None:
    del group[key]
    group[key] = values


def gappy() -> np.ndarray:
    values = prediction().decision.copy()
    values[0, 0, 0, 0] = np.nan
    return values


def test_what_belongs_to_another_bank_is_refused(bank_path: Path) -> None:
    before = bank_path.read_bytes()
    with pytest.raises(ValueError, match="other units"):
        add_machine(bank_path, prediction(unit_ids=IDS[::-1]))
    with pytest.raises(UserError, match="cannot name"):
        prediction("a/b")
    with pytest.raises(ValueError, match="shape"):
        prediction(decision=np.zeros((2, 2), np.float32))
    assert bank_path.read_bytes() == before


def test_answers_about_other_images_of_the_same_units_are_refused_and_found(
    bank_path: Path, tmp_path: Path
) -> None:
    with StimulusBank(bank_path) as bank:
        content = bank.content_sha256
    about = prediction(facts={"content_sha256": content})
    other = tmp_path / "other.h5"
    write_small_bank(other, seed=3)
    before = other.read_bytes()
    with pytest.raises(UserError, match=r"other\.h5: this bank is not the one.*generation predict"):
        add_machine(other, about)
    assert other.read_bytes() == before
    add_machine(bank_path, about)
    # Without facts, too, a prediction stays with its bank.
    add_machine(bank_path, prediction("plain", facts={}))
    assert verify_bank(bank_path).ok
    with h5py.File(bank_path) as file, h5py.File(other, "r+") as copy:
        file.copy("machine", copy)
    told = "is about another bank's images: make it again"
    assert verify_bank(other).problems == [f"the prediction {n} {told}" for n in ("lab", "plain")]
    # As earlier files have it: in the facts alone.
    with h5py.File(other, "r+") as copy:
        del copy["machine/plain"]
        del copy["machine/lab"].attrs["content_sha256"]
    assert verify_bank(other).problems == [f"the prediction lab {told}"]
    for damaged in ("{", "3"):
        with h5py.File(other, "r+") as copy:
            copy["machine/lab"].attrs["facts"] = damaged
        (problem,) = verify_bank(other).problems
        assert "does not say how it was made" in problem


_KILLED = """
import os, signal, sys
from pathlib import Path
import stimuli.machine_writer as writer
import shutil
from tests.stimuli.test_machine import prediction

moment = sys.argv[2]
def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)
if moment == "copied":
    writer.reserve = die
elif moment == "written":
    real = writer.put_machine
    def put(file, made):
        real(file, made)
        file.flush()
        die()
    writer.put_machine = put
else:
    Path.replace = die
writer.add_machine(Path(sys.argv[1]), prediction())
"""


@pytest.mark.parametrize("moment", ["copied", "written", "before the rename"])
def test_killed_at_any_moment_the_bank_is_as_it_was(bank_path: Path, moment: str) -> None:
    before = bank_path.read_bytes()
    done = subprocess.run([sys.executable, "-c", _KILLED, bank_path, moment], check=False)
    assert done.returncode == -signal.SIGKILL
    assert bank_path.read_bytes() == before
    add_machine(bank_path, prediction())
    assert verify_bank(bank_path).ok


def test_a_bank_that_changes_meanwhile_is_not_overwritten(
    bank_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_small_bank(tmp_path / "newer.h5", seed=3)
    newer = (tmp_path / "newer.h5").read_bytes()
    copy = shutil.copyfile

    def meanwhile(source: Path, target: Path) -> None:
        copy(source, target)
        (tmp_path / "newer.h5").replace(bank_path)

    monkeypatch.setattr(shutil, "copyfile", meanwhile)
    with pytest.raises(UserError, match="changed while"):
        add_machine(bank_path, prediction())
    assert bank_path.read_bytes() == newer
    assert [p.name for p in tmp_path.iterdir()] == ["small.h5"]
