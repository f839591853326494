"""The timing test: judged on synthetic recordings with known lags, and run in a real window."""

from __future__ import annotations

import csv
import json
import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from experiment.photodiode import Patch
from experiment.stage import VirtualStage
from experiment.timing_analysis import (
    Recording,
    judge_flips,
    judge_light,
    judge_presses,
    read_recording,
    rises,
)
from experiment.timing_report import write_report
from experiment.timing_test import add_recording, show_flips
from experiment.triggers import Triggers
from house.errors import UserError
from tests.experiment.driver import Driver
from tests.experiment.test_command import experiment, refused
from tests.experiment.test_triggers import needs_pty, serial_port

LAG, SD = 0.0083, 0.0004
RATE = 60.0
HOLD = 12


def flips(count: int = 1200, start: float = 5.0) -> tuple[list[float], list[float]]:
    times = [start + i / RATE for i in range(count)]
    return times, times[:: 2 * HOLD]


def recorded(
    onsets: list[float],
    *,
    offset: float = 0.0,
    drift: float = 0.0,
    trigger: bool = False,
    lag: float = LAG,
    sd: float = SD,
) -> tuple[Recording, np.ndarray]:
    """Make what a recorder of 4 kHz would see, on a clock of its own; give the true lags too."""
    rng = np.random.default_rng(3)
    lags = lag + sd * rng.standard_normal(len(onsets))
    end = onsets[-1] + 1.0
    true = np.arange(onsets[0] - 1.0, end, 1 / 4000)
    light = np.zeros_like(true)
    line = np.zeros_like(true)
    for onset, late in zip(onsets, lags, strict=True):
        # A straight rise of 2 ms whose middle is the onset of light; off after HOLD frames.
        light += np.clip((true - onset - late) / 0.002 + 0.5, 0, 1)
        light -= np.clip((true - onset - late - HOLD / RATE) / 0.002 + 0.5, 0, 1)
        line += (true >= onset) & (true < onset + 0.01)
    light = 0.2 + 1.7 * light + 0.02 * rng.standard_normal(light.size)
    clock = offset + true * (1 + drift)
    return Recording(clock, light, line * 5.0 if trigger else None), lags


def test_lag_against_a_trigger_needs_no_common_clock() -> None:
    _, onsets = flips()
    recording, lags = recorded(onsets, offset=1000.0, drift=3e-5, trigger=True)
    light = judge_light(recording, onsets, same_clock=False)
    assert light.reference == "trigger"
    assert light.missed == 0
    assert light.lag.n == len(onsets) == 50
    assert light.lag.mean == pytest.approx(lags.mean(), abs=2e-4)
    assert light.lag.sd == pytest.approx(lags.std(ddof=1), abs=1e-4)


def test_lag_against_flips_on_the_same_clock() -> None:
    _, onsets = flips()
    recording, lags = recorded(onsets)
    light = judge_light(recording, onsets, same_clock=True)
    assert light.lag.mean == pytest.approx(lags.mean(), abs=1e-4)
    assert light.lag.sd == pytest.approx(lags.std(ddof=1), abs=1e-4)
    assert np.asarray(light.lags) == pytest.approx(lags, abs=3e-4)


def test_another_clock_gives_the_sd_alone() -> None:
    _, onsets = flips()
    recording, lags = recorded(onsets, offset=-77.0, drift=5e-5)
    light = judge_light(recording, onsets, same_clock=False)
    assert light.lag.mean is None
    assert light.lag.sd == pytest.approx(lags.std(ddof=1), abs=1e-4)
    assert light.drift_ppm == pytest.approx(50, abs=25)
    with pytest.raises(UserError, match=r"50 rises of light, 51 were shown"):
        judge_light(recording, [*onsets, onsets[-1] + 0.4], same_clock=False)


def test_onsets_without_light_are_missed_not_mismatched() -> None:
    _, onsets = flips()
    recording, lags = recorded([t for i, t in enumerate(onsets) if i not in {7, 20}])
    light = judge_light(recording, onsets, same_clock=True)
    assert light.missed == 2
    assert light.lag.n == 48
    assert light.lag.mean == pytest.approx(lags.mean(), abs=1e-4)


def test_a_dark_recording_is_a_sentence() -> None:
    time_axis = np.linspace(0, 10, 1000)
    dark = Recording(time_axis, np.zeros(1000), None)
    with pytest.raises(UserError, match="no rise of light"):
        judge_light(dark, [1.0], same_clock=True)
    assert rises(time_axis, np.full(1000, 3.0)).size == 0
    for seed in range(20):
        noise = np.random.default_rng(seed).standard_normal(1000)
        assert rises(time_axis, noise).size == 0


def test_noise_on_the_edge_makes_no_second_rise() -> None:
    time_axis = np.arange(8.0)
    assert rises(time_axis, np.array([0, 0, 0.52, 0.45, 0.55, 1, 1, 1.0])).size == 1
    assert rises(time_axis, np.array([0, 0, 0, 1, 1, 0, 0, 1.0])).tolist() == [2.5, 6.5]


def test_flips_with_two_dropped_frames() -> None:
    times, _ = flips(300)
    late = [
        t + (1 / RATE if i > 100 else 0) + (2 / RATE if i > 200 else 0) for i, t in enumerate(times)
    ]
    result = judge_flips(late)
    assert result.rate == pytest.approx(60)
    assert result.dropped == 2
    assert result.intervals.largest == pytest.approx(3 / RATE)


def test_a_rate_that_cannot_be_measured_does_not_become_sixty() -> None:
    rng = np.random.default_rng(0)
    result = judge_flips(np.cumsum(rng.uniform(0.001, 0.02, 500)).tolist())
    assert result.rate is None
    assert result.dropped is None


def test_stamps_made_by_looking_are_told_from_true_ones() -> None:
    rng = np.random.default_rng(1)
    looks = np.arange(1, 200) / RATE
    true = [(t - rng.uniform(0, 1 / RATE), t, t - 1 / RATE) for t in looks]
    made = [(t - 0.001, t, t - 1 / RATE) for t in looks]
    apart, fake = judge_presses(true).apart, judge_presses(made).apart
    assert apart is not None
    assert fake is not None
    assert apart == pytest.approx(1, abs=0.15)
    assert fake < 0.01


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("time,volts\n1,2\n", "columns time, volts"),
        ("time,light\n1,2\n2,x\n", "line 3"),
        ("time,light\n1,2\n1,2\n2,3\n", "do not increase"),
        ("time,light\n", "do not increase"),
        ("", "columns none"),
    ],
)
def test_bad_recordings(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "light.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=said):
        read_recording(path)


def test_the_patch_turns_white_every_other_time() -> None:
    stage = VirtualStage()
    stage.frame = lambda skip_to=None: VirtualStage.hold(stage, stage.time + 1 / RATE) or stage.time  # type: ignore[method-assign,func-returns-value]
    heard: list[int] = []

    class Ear(Triggers):
        def fire(self, code: int, label: str) -> None:
            heard.append(code)

    times, onsets = show_flips(stage, 120, 12, Ear(), [])
    assert len(times) == 120
    assert onsets == times[::24]
    assert heard == [1, 2, 3, 4, 5]


def finished_test(folder: Path) -> tuple[list[float], list[float]]:
    """Write a timing test as the program does."""
    times, onsets = flips()
    result = {
        "format": "exemplary-timing",
        "made": "2026-01-01T10:00:00+00:00",
        "machine": {"system": "Linux"},
        "screen": {"graphics": "a <card>", "size_px": [1920, 1080]},
        "keyboard": {"backend": "ptb"},
        "triggers": [],
        "checks": [],
        "flip_times": times,
        "onset_times": onsets,
        "press_times": [],
        "flips": {
            "intervals": {"n": 1199, "mean": 1 / 60, "sd": 0.0, "least": 1 / 60, "largest": 1 / 60},
            "rate": 60.0,
            "dropped": 0,
        },
        "presses": None,
        "light": None,
    }
    folder.mkdir()
    (folder / "timing.json").write_text(json.dumps(result))
    write_report(folder / "report.html", result)
    return times, onsets


def test_a_recording_is_added_by_the_command(tmp_path: Path) -> None:
    out = tmp_path / "timing"
    _, onsets = finished_test(out)
    assert "a &lt;card&gt;" in (out / "report.html").read_text()
    recording, lags = recorded(onsets, trigger=True)
    assert recording.trigger is not None
    path = tmp_path / "light.csv"
    columns = np.column_stack([recording.time, recording.light, recording.trigger])
    np.savetxt(path, columns, delimiter=",", header="time,light,trigger", comments="", fmt="%.6f")
    done = experiment("timing-test", "--out", str(out), "--recording", str(path), home=tmp_path)
    assert done.returncode == 0, done.stderr
    found = re.search(r"Onset lag ([\d.]+) ms, SD ([\d.]+) ms", done.stdout)
    assert found is not None, done.stdout
    assert float(found.group(1)) == pytest.approx(1000 * lags.mean(), abs=0.2)
    assert float(found.group(2)) == pytest.approx(1000 * lags.std(ddof=1), abs=0.1)
    report = (out / "report.html").read_text()
    assert "Onset lag" in report
    assert report.count("data:image/png;base64,") == 2
    assert add_recording(out, path, same_clock=False).lag.n == 50
    said = refused(
        experiment("timing-test", "--out", str(tmp_path), "--recording", str(path), home=tmp_path)
    )
    assert "the timing test is missing" in said
    said = refused(experiment("timing-test", "--out", str(out), home=tmp_path))
    assert "nothing is ever overwritten" in said


@needs_pty
@pytest.mark.window
@pytest.mark.timeout(240)
def test_the_test_in_a_real_window(driver: Driver, tmp_path: Path) -> None:
    reader, port = serial_port()
    out = tmp_path / "timing"
    program = driver.start(
        *("timing-test", "--out", str(out), "--windowed", "--size", "1280x720"),
        *("--flips", "240", "--presses", "8", "--trigger", f"serial:{port}"),
    )
    patch = Patch("bottom-left", driver.size)
    eye = patch.side // 2, driver.size[1] - patch.side // 2
    seen: set[tuple[int, int, int]] = set()
    pressed: list[tuple[float, float]] = []
    end = time.time() + 120
    while program.poll() is None and time.time() < end:
        seen.add(driver.pixel(*eye))
        # Presses during the flips are early and must not count.
        if len(seen & {(0, 0, 0), (255, 255, 255)}) == 2:
            before = driver.down("space")
            pressed.append((before, time.time()))
            time.sleep(0.06)
            driver.up("space")
        time.sleep(0.02)
    output = program.communicate(timeout=30)[0]
    assert program.returncode == 0, output
    assert {(0, 0, 0), (255, 255, 255)} <= seen
    result = json.loads((out / "timing.json").read_text())
    assert os.read(reader, 4096) == bytes(range(1, 11))
    assert len(result["onset_times"]) == 10
    # Flips do not wait for a virtual screen. On a busy machine drawing by itself may take as long
    # as a screen would, and cannot be told from one.
    waits = result["flips"]["rate"] is not None
    assert waits == (result["flips"]["dropped"] is not None)
    assert waits != ("refresh rate cannot be measured" in output)
    assert result["keyboard"]["backend"] in {"ptb", "iohub"}
    stamps = [stamp + result["clock_offset"] for stamp, _, _ in result["press_times"]]
    assert len(stamps) == 8
    for stamp in stamps:
        # Each stamp lies between a request and the server's answer to it.
        assert any(a - 0.005 <= stamp <= b + 0.005 for a, b in pressed), (stamp, pressed)
    if not waits:
        assert "refresh rate" in str([c for c in result["checks"] if c.get("problem")])
    with (out / "flips.csv").open() as file:
        assert sum(int(row["turned_white"]) for row in csv.DictReader(file)) == 10
    report = (out / "report.html").read_text()
    assert waits != ("n/a: flips do not wait for the screen" in report)
    assert report.count("data:image/png;base64,") == 2


@needs_pty
@pytest.mark.window
@pytest.mark.timeout(240)
def test_a_session_with_patch_and_triggers(
    driver: Driver, variant: Callable[..., Path], bank_path: Path, tmp_path: Path
) -> None:
    reader, port = serial_port()
    shots = tmp_path / "shots"
    program = driver.start(
        *("run", "--bank", str(bank_path), "--data", str(tmp_path / "data"), "--observer", "sdt"),
        *("--windowed", "--size", "1280x720", "--pace", "30", "--screenshots", str(shots)),
        *("--photodiode", "top-right", "--trigger", f"serial:{port}", "--experimenter", "E2"),
    )
    output = program.communicate(timeout=200)[0]
    assert program.returncode == 0, output
    side = Patch("top-right", driver.size).side
    found = {}
    for path in sorted(shots.iterdir()):
        with Image.open(path) as picture:
            corner = picture.crop((picture.width - side, 0, picture.width, side))
            found[path.stem.split("-", 1)[1]] = corner.getcolors()
    area = side * side
    assert {name: colours for name, colours in found.items() if name.startswith("trial-")} == {
        f"trial-{c}": [(area, (255, 255, 255))] for c in ("none", "natural", "synthetic")
    }
    dark = [name for name, colours in found.items() if colours == [(area, (0, 0, 0))]]
    assert {"blank", "instructions", "feedback-choice"} <= set(dark)
    journal = tmp_path / "data" / "sub-001" / "ses-01"
    info = json.loads((journal / "session.json").read_text())
    assert info["screen"]["photodiode"] == {"corner": "top-right", "side_px": side}
    assert info["experimenter"] == "E2"
    # An observer's session is a rehearsal: what is wrong with this screen was let pass, in writing.
    assert "let pass: no graphics card draws the screen, the processor does" in info["notes"]
    assert any("refresh rate cannot be measured" in note for note in info["notes"])
    assert info["triggers"][0]["port"] == port
    table = (journal / "trials.tsv").read_text().splitlines()
    assert len(os.read(reader, 4096)) == len(table) - 1


def test_a_recording_that_is_not_there_or_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot be read \(No such file or directory\)"):
        read_recording(tmp_path / "light.csv")
    (tmp_path / "light.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UserError, match="it is no UTF-8 text"):
        read_recording(tmp_path / "light.csv")
