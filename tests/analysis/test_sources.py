"""A data folder and its exports are the same to the analysis; what is neither is refused."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.flow import flow
from analysis.load import load
from analysis.outputs import write_report
from analysis.sources import open_source
from house.errors import UserError
from participants import DataFolder, Journal
from participants.export import export_bids, export_psych_ds
from participants.session_list import PLACES
from tests.analysis.builders import write_sessions
from tests.analysis.test_exclusion import answers, record
from tests.participants.test_export import errors, validate

FORMS = ("bids", "psych-ds")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sessions of plans with rules: two excluded, one unfinished, one without an answer."""
    root = tmp_path_factory.mktemp("source") / "data"
    random = np.random.default_rng(8)
    for participant in range(1, 6):
        wrong = {f"t{n}": {"correct": False} for n in random.choice(16, 4, replace=False)}
        record(root, participant, answers(**wrong, t7={"rt": 0.1 + 1e-17 + participant / 7}))
    record(root, 6, answers(t16={"correct": False}, t17={"correct": False}))
    record(root, 7, answers())
    last = DataFolder(root).find(7, 1)
    last.journal_path.unlink()
    with Journal(last.journal_path) as journal:
        for number in (1, 2, 3):
            journal.append("trial_end", fsync=False, trial=number, choice="upper",
                           correct=number == 2, confidence=1, rt=1.25, key="u")  # fmt: skip
    last.update_info(completed=None, expertise="lay", notes=["The lights failed."])
    last.write_trial_table()
    record(root, 8, answers())
    empty = DataFolder(root).find(8, 1)
    empty.journal_path.unlink()
    empty.table_path.unlink()
    Journal(empty.journal_path).close()
    empty.update_info(completed=None)
    DataFolder(root).describe(name="lab study", kind="sessions", sources=[])
    return root


@pytest.fixture(scope="module")
def exports(folder: Path) -> Path:
    export_bids(DataFolder(folder), folder.parent / "bids")
    export_psych_ds(DataFolder(folder), folder.parent / "psych-ds")
    return folder.parent


@pytest.fixture
def copy(exports: Path, tmp_path: Path) -> Callable[[str], Path]:
    def made(form: str) -> Path:
        return Path(shutil.copytree(exports / form, tmp_path / form))

    return made


def numbers(root: Path, out: Path) -> dict[str, object]:
    write_report(load(root), out, bootstrap=20)
    found: dict[str, object] = json.loads((out / "numbers.json").read_text())
    for key in ("created", "sources", "git_commit"):
        found.pop(key)
    return found


@pytest.mark.parametrize("form", FORMS)
def test_the_report_of_an_export_is_that_of_the_folder(
    folder: Path, exports: Path, tmp_path: Path, form: str
) -> None:
    assert numbers(folder, tmp_path / "own") == numbers(exports / form, tmp_path / "export")
    for name in ("estimates.csv", "tests.csv", "estimates_without_exclusion.csv"):
        own, other = ((tmp_path / place / name).read_bytes() for place in ("own", "export"))
        assert own == other, name
    # What could be lost on the way is there.
    found = numbers(exports / form, tmp_path / "export")
    assert found["dataset"] == "lab study"
    assert found["exclusions"]["ours"]["participants"] == 2  # type: ignore[index]
    assert found["notes"] == ["The lights failed."]
    assert any("participant 7 session 1 (3 of 20 trials)" in s for s in found["statements"])  # type: ignore[attr-defined]
    assert any("participant 8 session 1 (0 of 20 trials)" in s for s in found["statements"])  # type: ignore[attr-defined]


@pytest.mark.parametrize("form", FORMS)
def test_tables_agree_cell_by_cell(folder: Path, exports: Path, form: str) -> None:
    own, other = load(folder), load(exports / form)
    pd.testing.assert_frame_equal(own.trials, other.trials)
    pd.testing.assert_frame_equal(own.sessions, other.sessions)
    assert own.rules == other.rules
    assert own.rules


def test_two_sessions_and_published_data(tmp_path: Path) -> None:
    root = write_sessions(tmp_path / "data", 3, kind="published")
    write_sessions(root, 3, kind="published", session=2, seed=2, info_changes={"session": 2})
    for form, export in zip(FORMS, (export_bids, export_psych_ds), strict=True):
        export(DataFolder(root), tmp_path / form)
        pd.testing.assert_frame_equal(load(root).trials, load(tmp_path / form).trials)
        assert set(load(tmp_path / form).sessions["kind"]) == {"published"}
    assert errors(validate(tmp_path / "bids")) == []


def test_the_report_says_what_it_was_made_from(exports: Path) -> None:
    from analysis.analyse import analyse

    dataset = load(exports / "bids")
    assert "BIDS export" in flow(dataset, analyse(dataset, bootstrap=0))[0]


@pytest.mark.parametrize("form", FORMS)
def test_without_the_list_it_says_what_is_not_known(copy: Callable[[str], Path], form: str) -> None:
    root = copy(form)
    shutil.rmtree(root / PLACES[form])
    dataset = load(root)
    assert not dataset.rules
    assert "rules of exclusion" in dataset.statements[0]
    assert "Nobody is excluded" in dataset.statements[0]
    assert ("taken as people" in dataset.statements[0]) == (form == "psych-ds")
    assert set(dataset.trials["experiment"]) == {"ours"}
    # The sidecars of BIDS still tell who came to the end.
    assert dataset.sessions["finished"].all() == (form == "psych-ds")


def tables_of(root: Path) -> list[Path]:
    return sorted([*root.glob("sub-*/**/*_beh.tsv"), *root.glob("data/*_data.csv")])


def rewrite(path: Path, change: Callable[[str], str]) -> None:
    path.write_text(change(path.read_text(encoding="utf-8")), encoding="utf-8")


def cut(root: Path) -> None:
    tables_of(root)[0].unlink()


def rename(root: Path) -> None:
    rewrite(tables_of(root)[0], lambda text: text.replace("correct_position", "target", 1))


def encode(root: Path) -> None:
    table = tables_of(root)[1]
    table.write_bytes(table.read_text(encoding="utf-8").encode("utf-16"))


def semicolons(root: Path) -> None:
    rewrite(tables_of(root)[0], lambda text: text.replace("\t", ";").replace(",", ";"))


def empty(root: Path) -> None:
    tables_of(root)[0].write_text("")


def headings_only(root: Path) -> None:
    rewrite(tables_of(root)[0], lambda text: text.split("\n")[0] + "\n")


def swapped(root: Path) -> None:
    one, other = tables_of(root)[:2]
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)


def stray(root: Path) -> None:
    table = tables_of(root)[0]
    text = table.read_text(encoding="utf-8")
    mark = "\t" if table.suffix == ".tsv" else ","
    other = table.with_name(table.name.replace("001", "042", 1))
    other.write_text(text.replace(f"\n1{mark}1{mark}", f"\n42{mark}1{mark}"))


def twice(root: Path) -> None:
    table = tables_of(root)[0]
    shutil.copy(table, table.with_name(table.name.replace("task-ours", "task-again")))


def listing(root: Path, change: Callable[[dict[str, object]], object]) -> None:
    (path,) = root.glob("*/record/sessions.json")
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (cut, "table of participant 1, session 1 is missing"),
        (rename, "columns are missing: correct_position"),
        (encode, "not UTF-8"),
        (semicolons, "columns are missing: participant"),
        (empty, "is empty"),
        (headings_only, "no rows"),
        (swapped, "do not agree"),
        (stray, "does not know participant 42"),
        (twice, "has two tables"),
        (lambda r: [t.unlink() for t in tables_of(r)], "holds no table"),
        (lambda r: listing(r, lambda c: c.pop("sessions")), "key `sessions` is missing"),
        (lambda r: listing(r, lambda c: c.update(schema_version=9)), "has version 9"),
        (
            lambda r: listing(r, lambda c: c["sessions"][0].pop("info")),
            r"sessions\.json: the key `sessions\.0\.info` is missing",
        ),
        (lambda r: [p.unlink() for p in r.glob("*/record/protocols/*")], "cannot be read"),
        (lambda r: next(r.glob("*/record/sessions.json")).write_text("["), "is damaged"),
        (lambda r: (r / "dataset_description.json").write_bytes(b"\xff{"), "is damaged"),
        (lambda r: (r / "dataset_description.json").write_text("[]"), "neither a BIDS nor"),
    ],
)
def test_damage_is_named_in_a_sentence(
    copy: Callable[[str], Path], form: str, damage: Callable[[Path], object], message: str
) -> None:
    root = copy(form)
    damage(root)
    with pytest.raises(UserError, match=message):
        load(root)


def test_a_table_that_somebody_shortened_is_said(copy: Callable[[str], Path]) -> None:
    root = copy("bids")
    rewrite(tables_of(root)[0], lambda text: text[: text.rstrip("\n").rindex("\n") + 1])
    (said,) = [s for s in load(root).statements if "somebody changed it" in s]
    assert "participant 1, session 1 has 19 rows, and 20 trials were answered" in said


def test_a_folder_of_exports_asks_for_one(exports: Path, tmp_path: Path) -> None:
    place = tmp_path / "out"
    shutil.copytree(exports / "bids", place / "bids")
    with pytest.raises(UserError, match="holds exports") as caught:
        open_source(place)
    assert str(place / "bids") in str(caught.value.remedy)


def test_somebody_elses_bids_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sub-01" / "beh").mkdir(parents=True)
    (tmp_path / "dataset_description.json").write_text('{"Name": "x", "BIDSVersion": "1.10.0"}')
    (tmp_path / "sub-01" / "beh" / "sub-01_task-stroop_beh.tsv").write_text("onset\tword\n1\tred\n")
    with pytest.raises(UserError, match="columns are missing"):
        load(tmp_path)
