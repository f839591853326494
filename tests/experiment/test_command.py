"""The command line: help for newcomers, sentences for bad input."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.experiment.driver import ROOT


def experiment(
    *arguments: str, home: Path, paths: tuple[Path, ...] = (), **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run the program without a display in a home of its own."""
    kept = {k: v for k, v in os.environ.items() if k not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    return subprocess.run(
        [sys.executable, "-m", "experiment", *arguments],
        env={
            **kept,
            "HOME": str(home),
            "PYTHONPATH": os.pathsep.join([*map(str, paths), str(ROOT)]),
            "COLUMNS": "200",
            "PSYCHOPYNOPACKAGES": "1",
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def refused(done: subprocess.CompletedProcess[str]) -> str:
    """Check that input was refused as it should be; give the message on one line."""
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    return re.sub(r"\s+", " ", done.stderr)


@pytest.mark.parametrize(
    "command", [(), ("run",), ("simulate",), ("demo",), ("export",), ("timing-test",)]
)
def test_help_names_every_option_with_a_sentence(command: tuple[str, ...], tmp_path: Path) -> None:
    done = experiment(*command, "--help", home=tmp_path)
    assert done.returncode == 0
    options = re.findall(r"(--[a-z-]+)", done.stdout)
    assert options
    if command == ("run",):
        assert {
            "--protocol",
            "--bank",
            "--data",
            "--participant",
            "--observer",
            "--resume",
            "--new-session",
            "--rehearsal",
            "--no-window",
            "--size",
            "--seed",
        } <= set(options)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--participant", "Anna"], '"Anna" is no participant number'),
        (["--participant", "0"], "whole number from 1"),
        (["--bank", "none.h5", "--observer", "sdt", "--no-window"], "none.h5"),
        (["--protocol", "dmeo"], 'Did you mean "demo"?'),
        (["--observer", "std", "--no-window"], 'Did you mean "sdt"?'),
        (["--no-window"], "a person needs a window"),
        (["--size", "big"], '"big" is no size'),
        (["--experimenter", "Anna Smith"], "no code of an experimenter"),
        (["--photodiode", "top"], "bottom-left"),
        (["--trigger", "parallel", "--observer", "sdt", "--no-window"], "serial:PORT"),
        (["--observer", "replay", "--no-window"], "--answers FOLDER"),
        (["--pace", "2"], "people answer at their own pace"),
        ([], "there is no X11 display"),
        (["--observer", "sdt"], "there is no X11 display"),
        (["--observer", "sdt", "--no-window", "--resume"], "no unfinished session"),
    ],
)
def test_bad_input(arguments: list[str], said: str, bank_path: Path, tmp_path: Path) -> None:
    bank = [] if "--bank" in arguments else ["--bank", str(bank_path)]
    data = ["--data", str(tmp_path / "data")]
    message = refused(experiment("run", *bank, *data, *arguments, home=tmp_path))
    assert said in message
    assert not (tmp_path / "data").exists()


def test_no_display_under_wayland_says_to_use_xorg(bank_path: Path, tmp_path: Path) -> None:
    done = experiment(
        "run",
        "--bank",
        str(bank_path),
        "--data",
        str(tmp_path / "d"),
        home=tmp_path,
        WAYLAND_DISPLAY="wayland-0",
    )
    assert "X11 (Xorg) session" in refused(done)


def test_a_data_folder_that_cannot_be(bank_path: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    message = refused(
        experiment(
            "run",
            "--bank",
            str(bank_path),
            "--data",
            str(tmp_path / "file" / "data"),
            "--observer",
            "sdt",
            "--no-window",
            home=tmp_path,
        )
    )
    assert "--data" in message


def test_run_and_simulate_end_with_where_the_data_are(bank_path: Path, tmp_path: Path) -> None:
    place = ["--bank", str(bank_path), "--data", str(tmp_path / "data")]
    done = experiment("run", *place, "--observer", "ideal", "--no-window", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Participant 1, session 1: 19 trials" in done.stdout
    assert str(tmp_path / "data" / "sub-001" / "ses-01" / "trials.tsv") in done.stdout
    done = experiment("simulate", *place, "--participants", "2", "--quiet", home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "participants 2 to 3" in done.stdout


def test_demo_without_display_and_xvfb_needs_no_window(bank_path: Path, tmp_path: Path) -> None:
    # A PATH without Xvfb; the interpreter is called by its full name.
    done = experiment(
        "demo",
        "--bank",
        str(bank_path),
        "--data",
        str(tmp_path / "data"),
        home=tmp_path,
        PATH=str(tmp_path),
    )
    assert done.returncode == 0, done.stderr
    assert "neither a display nor Xvfb" in done.stderr
    assert "19 trials" in done.stdout


def test_recorded_data_can_be_exported_and_replayed(bank_path: Path, tmp_path: Path) -> None:
    data = str(tmp_path / "data")
    place = ["--bank", str(bank_path), "--quiet"]
    done = experiment("simulate", *place, "--data", data, "--participants", "2", home=tmp_path)
    assert done.returncode == 0, done.stderr
    out = tmp_path / "out"
    done = experiment("export", data, "--out", str(out), home=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "Exported 2 sessions, 38 trials." in done.stdout
    assert len(list((out / "bids").rglob("*_beh.tsv"))) == 2
    assert len(list((out / "psych-ds" / "data").iterdir())) == 2
    assert "overwritten" in refused(experiment("export", data, "--out", str(out), home=tmp_path))
    again = str(tmp_path / "again")
    done = experiment(
        *("simulate", *place, "--data", again, "--participants", "1"),
        *("--observer", "replay", "--answers", data),
        home=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    assert "(replay, seed 0)" in done.stdout
