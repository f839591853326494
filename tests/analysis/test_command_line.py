"""The command line as a person meets it: help, defaults, one sentence for bad input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.analysis.builders import write_release, write_sessions

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {k: v for k, v in os.environ.items() if k != "BOROWSKI2021_DATA"}
    return subprocess.run(
        [sys.executable, "-m", "analysis", *map(str, arguments)],
        cwd=ROOT,
        env=kept | {"COLUMNS": "200", "NO_COLOR": "1"} | environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def test_help_says_what_there_is() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert "import-published" in done.stdout
    for command, options in (
        ("report", ("--out", "--kind", "--seed", "--bootstrap", "--quiet")),
        ("import-published", ("--out", "--force", "--quiet")),
    ):
        text = run(command, "--help").stdout
        assert all(option in text for option in options)
        assert "For instance" in text


def test_import_then_report(tmp_path: Path) -> None:
    source = write_release(tmp_path / "released")
    done = run("import-published", "--out", tmp_path / "data", BOROWSKI2021_DATA=str(source))
    assert done.returncode == 0, done.stderr
    assert "Experiment I: imported 2 participants, 18 trials and 6 ratings." in done.stdout
    done = run("report", tmp_path / "data", "--out", tmp_path / "out", "--bootstrap", "20",
               "--seed", "3")  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "I: accuracy synthetic" in done.stdout
    assert str(tmp_path / "out" / "report.html") in done.stdout
    numbers = json.loads((tmp_path / "out" / "numbers.json").read_text())
    assert (numbers["seed"], numbers["bootstrap"]) == (3, 20)


def test_quiet_is_quiet(tmp_path: Path) -> None:
    root = write_sessions(tmp_path / "data", 2)
    done = run("report", root, "--out", tmp_path / "out", "--quiet", "--bootstrap", "0")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (tmp_path / "out" / "report.html").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["report", "{}/nowhere"], "no such data folder"),
        (["report", "{}"], "there are no sessions"),
        (["report", "{}", "--kind", "dogs"], "dogs"),
        (["report", "{}", "--seed", "-1"], "--seed"),
        (["import-published"], "BOROWSKI2021_DATA"),
        (["import-published", "{}"], "released trial table"),
        (["reprot"], "reprot"),
    ],
)
def test_bad_input_is_one_message_and_status_2(
    tmp_path: Path, arguments: list[str], words: str
) -> None:
    done = run(*[a.format(tmp_path) for a in arguments])
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
