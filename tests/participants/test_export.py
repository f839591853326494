"""Exports: what a validator of BIDS says, and that the numbers are those of the record."""

from __future__ import annotations

import csv
import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from house.errors import UserError
from participants import TRIAL_COLUMNS, DataFolder, SessionInfo, write_published_session
from participants.export import export_bids, export_psych_ds
from participants.table import read_table
from tests.participants.conftest import answer, small_info, small_plan

VALIDATOR = Path(sys.executable).with_name("bids-validator-deno")


def record(root: Path, participant: int, session: int = 1, answered: int = 4) -> None:
    plan = small_plan(participant, session)
    info = small_info(plan).model_copy(
        update={
            "protocol": "borowski2021_experiment1",
            "software": {"psychopy": "2026.2.5"},
            "machine": {"system": "Linux"},
            "screen": {"window": True, "size_px": [1920, 1080], "refresh_rate_hz": 59.95},
            "expertise": "lay" if participant == 2 else None,
        }
    )
    folder = DataFolder(root).create(plan, info)
    with folder.journal() as journal:
        for number in range(1, answered + 1):
            journal.append("trial_begin", trial=number)
            journal.append("trial_end", **answer(number))
    if answered == 4:
        folder.update_info(completed="2026-01-01T11:00:00+00:00")


def validate(folder: Path) -> list[dict[str, Any]]:
    """Run the validator, which needs no network; give what it finds."""
    done = subprocess.run(
        [str(VALIDATOR), "--format", "json", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    issues = json.loads(done.stdout)["issues"]["issues"]
    assert (done.returncode == 0) == (not errors(issues)), done.stderr
    found: list[dict[str, Any]] = issues
    return found


def errors(issues: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [issue for issue in issues if issue["severity"] == "error"]


@pytest.fixture
def data(tmp_path: Path) -> DataFolder:
    root = tmp_path / "data"
    record(root, 1)
    record(root, 2, answered=2)
    record(root, 12)
    return DataFolder(root)


def test_bids_passes_the_validator(data: DataFolder, tmp_path: Path) -> None:
    out = tmp_path / "bids"
    exported = export_bids(data, out)
    assert (exported.sessions, exported.trials) == (3, 10)
    assert errors(validate(out)) == []
    assert sorted(p.relative_to(out).as_posix() for p in out.rglob("*_beh.tsv")) == [
        f"sub-{n:03d}/beh/sub-{n:03d}_task-borowski2021experiment1_beh.tsv" for n in (1, 2, 12)
    ]
    # The validator is no formality: it finds what is broken.
    table = next(out.rglob("*_beh.tsv"))
    table.rename(table.with_name(table.name.replace("_task-", "_tsk-")))
    assert errors(validate(out))


def test_bids_with_two_sessions_passes_too(data: DataFolder, tmp_path: Path) -> None:
    record(data.root, 1, session=2)
    record(data.root, 3, answered=0)
    out = tmp_path / "bids"
    export_bids(data, out)
    assert errors(validate(out)) == []
    assert {p.parent.parent.name for p in out.rglob("*_beh.tsv")} == {"ses-01", "ses-02"}
    assert not (out / "sub-003").exists()


def test_bids_holds_the_record(data: DataFolder, tmp_path: Path) -> None:
    out = tmp_path / "bids"
    export_bids(data, out)
    table = out / "sub-012" / "beh" / "sub-012_task-borowski2021experiment1_beh.tsv"
    assert read_table(table) == data.find(12, 1).rows()
    sidecar = json.loads(table.with_suffix(".json").read_text())
    assert set(TRIAL_COLUMNS) <= set(sidecar)
    assert sidecar["StimulusPresentation"] == {
        "OperatingSystem": "Linux",
        "SoftwareName": "PsychoPy",
        "SoftwareRRID": "SCR_006571",
        "SoftwareVersion": "2026.2.5",
        "ScreenRefreshRate": 59.95,
        "ScreenResolution": [1920, 1080],
    }
    assert sidecar["SessionMetadata"]["bank_sha256"] == "1" * 64
    with (out / "participants.tsv").open(newline="") as file:
        people = list(csv.DictReader(file, delimiter="\t"))
    assert [(p["participant_id"], p["trials"], p["completed"], p["expertise"]) for p in people] == [
        ("sub-001", "4", "true", "n/a"),
        ("sub-002", "2", "false", "lay"),
        ("sub-012", "4", "true", "n/a"),
    ]
    described = json.loads((out / "participants.json").read_text())
    assert set(described) == set(people[0])


def test_psych_ds_holds_the_record(data: DataFolder, tmp_path: Path) -> None:
    out = tmp_path / "psych-ds"
    assert export_psych_ds(data, out).trials == 10
    description = json.loads((out / "dataset_description.json").read_text())
    assert description["@context"] == "https://schema.org/"
    assert description["@type"] == "Dataset"
    assert {"name", "description"} <= set(description)
    named = [variable["name"] for variable in description["variableMeasured"]]
    files = sorted((out / "data").iterdir())
    assert len(files) == 3
    for path in files:
        assert re.fullmatch(r"([a-z]+-[A-Za-z0-9]+_)+data\.csv", path.name)
        with path.open(newline="") as file:
            rows = list(csv.reader(file))
        assert rows[0] == named == list(TRIAL_COLUMNS)
        assert "n/a" not in {cell for row in rows for cell in row}
    with files[0].open(newline="") as file:
        first = next(csv.DictReader(file))
    assert float(first["rt"]) == data.find(1, 1).rows()[0]["rt"]
    assert first["references_min"] == "natural/000001 natural/000002"


def test_published_data_can_be_exported(tmp_path: Path) -> None:
    info = SessionInfo(participant=5, session=1, protocol="x", kind="published")
    row = {"participant": 5, "session": 1, "block": 1, "trial": 1, "rt": -0.1}
    write_published_session(tmp_path / "data", info, [row])
    export_bids(DataFolder(tmp_path / "data"), tmp_path / "bids")
    assert errors(validate(tmp_path / "bids")) == []


def test_an_export_overwrites_nothing_and_leaves_nothing_half_done(
    data: DataFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    for export in (export_bids, export_psych_ds):
        with pytest.raises(UserError, match="nothing is ever overwritten"):
            export(data, out)
    with pytest.raises(UserError, match="no session with an answered trial"):
        export_bids(DataFolder(tmp_path / "empty"), tmp_path / "new")

    def full(path: Path, *arguments: object, **more: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError, match=r"No space left.*--out"):
        export_bids(data, tmp_path / "new")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["data", "out"]
