"""What a build leaves beside its bank, and what it clears away."""

from __future__ import annotations

from pathlib import Path

import h5py
import pytest

from generation.building.order import build
from generation.building.progress_files import WorkFolder
from generation.recipe import load_recipe
from house.errors import UserError
from stimuli import StimulusBank, verify_bank
from tests.generation.building.test_order import (
    Cancelled,
    Cancelling,
    Silent,
    _check_once,
    accuracy,
    make,
)

__all__ = ["_check_once", "accuracy"]


class Killed(Exception):  # noqa: N818
    """Stands for a killed process."""


def other_recipe(recipe: Path, **keys: str) -> Path:
    text = recipe.read_text(encoding="utf-8")
    for key, value in keys.items():
        line = next(line for line in text.splitlines() if line.startswith(f"{key} = "))
        text = text.replace(line, f"{key} = {value}")
    path = recipe.with_name("other.toml")
    path.write_text(text, encoding="utf-8")
    return path


def cancel(recipe: Path, out: Path) -> dict[str, bytes]:
    """Begin a build and end it in the third unit; give the files of its finished work."""
    with pytest.raises(Cancelled):
        build(*load_recipe(str(recipe)), out, Cancelling())
    return files_of(out)


def files_of(out: Path) -> dict[str, bytes]:
    work = out.with_name(out.name + ".work")
    return {path.name: path.read_bytes() for path in work.iterdir() if path.suffix != ".json"}


def test_a_second_recipe_leaves_the_finished_work_of_the_first_alone(
    recipe_file: Path, tmp_path: Path
) -> None:
    expected, _ = make(recipe_file, tmp_path / "whole.h5")
    out = tmp_path / "bank.h5"
    finished = cancel(recipe_file, out)
    assert len([name for name in finished if name.startswith("fire")]) == 2
    made, reporter = make(other_recipe(recipe_file, steps="3"), out)
    assert verify_bank(made.path).problems == []
    assert files_of(out) == finished
    # Two units, the recording and its files' checksums.
    (told,) = [text for text in reporter.said if "are kept" in text]
    assert told.startswith("note: 4 files of other builds are kept in ")
    out.unlink()
    resumed, reporter = make(recipe_file, out)
    assert "2 of 3 units were finished earlier" in reporter.said
    assert reporter.done["photographs"] == (30, 30)
    assert resumed.content_sha256 == expected.content_sha256
    assert not out.with_name("bank.h5.work").exists()


def test_units_that_two_builds_share_are_kept_for_the_other(
    recipe_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "bank.h5"
    finished = cancel(recipe_file, out)
    fewer = recipe_file.read_text(encoding="utf-8").replace("seed = 5", "seed = 5\nlimit = 2")
    small = recipe_file.with_name("small.toml")
    small.write_text(fewer, encoding="utf-8")
    _, reporter = make(small, out)
    assert "2 of 2 units were finished earlier" in reporter.said
    assert files_of(out) == finished


def test_what_was_left_after_the_bank_was_whole_is_cleared_away_by_the_next_call(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "bank.h5"
    work = out.with_name("bank.h5.work")

    def kill(self: WorkFolder) -> int:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(WorkFolder, "remove", kill)
        with pytest.raises(Killed):
            make(recipe_file, out)
    assert len(files_of(out)) == 7
    foreign = work / "fire2_1x1_30-0123456789abcdef.npz"
    foreign.write_bytes(b"of another build")
    made, reporter = make(recipe_file, out)
    assert not made.fresh
    assert sorted(files_of(out)) == [foreign.name, "lock", "note"]
    assert any("1 files of other builds are kept" in text for text in reporter.said)
    foreign.unlink()
    make(recipe_file, out)
    assert not work.exists()


def test_a_build_that_does_not_begin_leaves_no_folder(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(network: object) -> None:
        raise UserError("it recognises nothing")

    monkeypatch.setattr("generation.building.order.check_network", refuse)
    with pytest.raises(UserError, match="recognises nothing"):
        make(recipe_file, tmp_path / "banks" / "bank.h5")
    assert list((tmp_path / "banks").iterdir()) == []


def test_going_on_with_other_threads_is_told(
    recipe_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "bank.h5"
    cancel(recipe_file, out)
    with pytest.raises(Cancelled):
        build(*load_recipe(str(recipe_file)), out, again := Cancelling())
    assert not any("threads" in text for text in again.said)
    monkeypatch.setattr("torch.get_num_threads", lambda: 64)
    _, reporter = make(recipe_file, out)
    (told,) = [text for text in reporter.said if "threads" in text]
    assert told.startswith("note: earlier calls computed with 1 threads, this one does with 64")


@pytest.mark.parametrize("replace", [False, True])
def test_a_folder_in_the_place_of_the_bank_is_told_before_any_work(
    recipe_file: Path, tmp_path: Path, replace: bool
) -> None:
    folder = tmp_path / "results"
    folder.mkdir()
    reporter = Silent()
    with pytest.raises(UserError, match=r"this is a folder.*results/bank\.h5"):
        build(*load_recipe(str(recipe_file)), folder, reporter, replace=replace)
    assert reporter.done == {}
    assert list(folder.iterdir()) == []
    assert not tmp_path.joinpath("results.work").exists()


@pytest.mark.parametrize("content", ["thesis", "hdf5"])
def test_force_replaces_nothing_but_banks(recipe_file: Path, tmp_path: Path, content: str) -> None:
    out = tmp_path / "thesis.h5"
    if content == "hdf5":
        h5py.File(out, "w").create_dataset("results", data=[1, 2, 3])
    else:
        out.write_text("ten years of work")
    before = out.read_bytes()
    reporter = Silent()
    with pytest.raises(UserError, match="no stimulus bank; --force replaces nothing but banks"):
        build(*load_recipe(str(recipe_file)), out, reporter, replace=True)
    assert reporter.done == {}
    assert out.read_bytes() == before


def test_a_damaged_bank_of_this_very_recipe_is_called_damaged(
    recipe_file: Path, tmp_path: Path
) -> None:
    out = tmp_path / "bank.h5"
    made, _ = make(recipe_file, out)
    with StimulusBank(out) as bank:
        pixels = bank.image(bank.synthetic(bank.units[0].unit_id, "max")[0]).tobytes()[:64]
    out.write_bytes(out.read_bytes().replace(pixels, b"\x07" * 64, 1))
    with pytest.raises(UserError, match=r"the bank that is there is damaged.*--force"):
        make(recipe_file, out)
    out.write_bytes(out.read_bytes()[:5000])
    with pytest.raises(UserError):
        make(recipe_file, out)
    again, _ = make(recipe_file, out, replace=True)
    assert again.content_sha256 == made.content_sha256
