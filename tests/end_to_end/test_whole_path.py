"""From a trained network to a report through the three command lines, as a person types them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from participants import DataFolder, read_table
from stimuli import StimulusBank

ROOT = Path(__file__).resolve().parents[2]

RECIPE = """
name = "small"
seed = 3
[synthesis]
images_per_sign = 9
canvas = 72
crop = 4
steps = 4
[synthesis.transforms]
jitter_before = 4
jitter_after = 2
[natural]
resize = 72
batches = 4
positions = 10
[[draws]]
layers = ["fire2", "fire9"]
count = 1
[[draws]]
layers = ["fire5"]
role = "practice"
"""
PARTICIPANTS = 4


def python_m(*arguments: str | Path, status: int = 0) -> str:
    done = subprocess.run(
        [sys.executable, "-m", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "COLUMNS": "200", "DISPLAY": ""},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == status, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    return done.stdout + done.stderr


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run of everything; the tests look at what it left."""
    folder = tmp_path_factory.mktemp("whole-path")
    recipe, bank, data = folder / "small.toml", folder / "small.h5", folder / "data"
    recipe.write_text(RECIPE, encoding="utf-8")
    python_m("generation", "build", recipe, "--out", bank)
    python_m("generation", "preview", bank, "--out", folder / "sheets")
    python_m(
        *("experiment", "run", "--protocol", "demo", "--bank", bank, "--data", data),
        *("--participant", "1", "--observer", "ideal", "--no-window"),
    )
    python_m(
        *("experiment", "simulate", "--protocol", "demo", "--bank", bank, "--data", data),
        *("--participants", str(PARTICIPANTS - 1), "--observer", "sdt", "--seed", "2"),
    )
    python_m("analysis", "report", data, "--out", folder / "report")
    return folder


def test_the_bank_verifies_and_every_session_names_its_content(folder):
    said = python_m("generation", "verify", folder / "small.h5")
    content = re.search(r"content sha256: ([0-9a-f]{64})", said)
    assert content is not None
    with StimulusBank(folder / "small.h5") as bank:
        assert bank.content_sha256 == content.group(1)
        units = {unit.unit_id: unit for unit in bank.units}
    sessions = DataFolder(folder / "data").sessions()
    assert len(sessions) == PARTICIPANTS
    for session in sessions:
        assert session.info.bank_sha256 == content.group(1)
        assert session.info.completed is not None
        assert {row["unit"] for row in session.rows()} <= set(units)


def test_every_main_unit_is_answered_once_a_condition_with_images_of_the_bank(folder):
    with StimulusBank(folder / "small.h5") as bank:
        main = sorted(unit.unit_id for unit in bank.units if unit.role == "main")
        for session in DataFolder(folder / "data").sessions():
            rows = [row for row in session.rows() if row["trial_type"] == "main"]
            for condition in ("none", "natural", "synthetic"):
                of_it = [row for row in rows if row["condition"] == condition]
                assert sorted(row["unit"] for row in of_it) == main
            for row in rows:
                upper, lower = row["query_upper"], row["query_lower"]
                strong = upper if row["correct_position"] == "upper" else lower
                assert strong in bank.exemplars(row["unit"], "max")
                assert ({upper, lower} - {strong}).pop() in bank.exemplars(row["unit"], "min")


def test_the_report_counts_what_the_tables_say(folder):
    tables = [read_table(s.table_path) for s in DataFolder(folder / "data").sessions()]
    trials = pd.DataFrame([row for table in tables for row in table])
    main = trials[trials["trial_type"] == "main"]
    estimates = pd.read_csv(folder / "report" / "estimates.csv", keep_default_na=False)
    numbers = json.loads((folder / "report" / "numbers.json").read_text())
    assert numbers
    for condition in ("none", "natural", "synthetic"):
        row = estimates[
            (estimates["measure"] == "accuracy")
            & (estimates["trials"] == "all")
            & (estimates["condition"] == condition)
            & (estimates["factor"] == "")
        ]
        of_it = main[main["condition"] == condition]
        assert float(row["estimate"].item()) == pytest.approx(of_it["correct"].astype(float).mean())
        assert int(row["n_trials"].item()) == len(of_it)
        assert int(row["n_participants"].item()) == PARTICIPANTS
    page = (folder / "report" / "report.html").read_text(encoding="utf-8")
    assert "simulated" in page.lower()
    assert not re.search(r"""(src|href)=["']https?://[^"']+\.(css|js|png|svg)""", page)


def test_contact_sheets_were_drawn(folder):
    names = {path.name for path in (folder / "sheets").iterdir()}
    assert "index.html" in names
    assert any(name.endswith(".png") for name in names)


def test_another_bank_is_refused_for_a_session_begun_with_this_one(folder, tmp_path):
    other = tmp_path / "other.h5"
    recipe = tmp_path / "other.toml"
    recipe.write_text(RECIPE.replace("seed = 3", "seed = 4"), encoding="utf-8")
    python_m("generation", "build", recipe, "--out", other)
    session = DataFolder(folder / "data").find(2, 1)
    journal = session.journal_path.read_bytes().splitlines(keepends=True)
    session.journal_path.write_bytes(b"".join(journal[: len(journal) // 2]))
    session.update_info(completed=None)
    said = python_m(
        *("experiment", "run", "--protocol", "demo", "--bank", other, "--data", folder / "data"),
        *("--participant", "2", "--observer", "sdt", "--no-window", "--resume"),
        status=2,
    )
    assert "bank" in said
    assert "error:" in said
