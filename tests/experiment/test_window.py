"""Real sessions in a real window on a virtual screen, answered by real key presses (XTEST).

The program runs in a process of its own: when a display server ends, whoever is connected to it
ends too. A pixel of the screen, polled by the tests, says independently when images appear.
"""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
from PIL import Image
from Xlib import X

from experiment.keyboard import choose_backend
from experiment.layout import TrialLayout
from experiment.preparation import slots_of
from experiment.protocol import Protocol, load_protocol
from participants import DataFolder, read_table
from stimuli import StimulusBank
from tests.experiment.driver import ROOT, Driver, drive, events, some_answers

pytestmark = [pytest.mark.window, pytest.mark.timeout(240)]

without_crash = pytest.mark.skipif(
    choose_backend() != "ptb", reason="psychtoolbox may crash without real-time permission"
)

BACKGROUND = (0xEF, 0xEF, 0xED)
TOLERANCE = 0.005
Variant = Callable[..., Path]

SHORT = (
    ("main = 0 ", "main = 2 "),
    ("catch_per_block = 2", "catch_per_block = 1"),
    ("feedback_choice = 0.5", "feedback_choice = 0.1"),
    ("feedback_correct = 1.5", "feedback_correct = 0.15"),
)


def place_of(driver: Driver, protocol: Protocol, slot: int) -> tuple[int, int]:
    """Centre of a picture slot in pixels of the screen, origin upper left."""
    scale = min(driver.size[0] / protocol.layout.width, driver.size[1] / protocol.layout.height)
    pictures = TrialLayout(protocol.layout, protocol.design.schemes[0]).pictures("natural")
    picture = next(p for p in pictures if p.slot == slot)
    x = driver.size[0] / 2 + picture.x * scale
    y = driver.size[1] / 2 - picture.y * scale
    return round(x), round(y)


def arguments(protocol: Path, bank: Path, data: Path, *more: str) -> list[str]:
    return [
        "run",
        "--protocol",
        str(protocol),
        "--bank",
        str(bank),
        "--data",
        str(data),
        "--participant",
        "1",
        "--rehearsal",
        *more,
    ]


def onset_of(event: dict[str, Any]) -> float:
    return datetime.fromisoformat(event["wall_clock"]).timestamp()


def test_what_is_pressed_is_what_is_recorded(
    driver: Driver, variant: Variant, bank_path: Path, tmp_path: Path
) -> None:
    path = variant(*SHORT)
    protocol, _ = load_protocol(str(path))
    data = tmp_path / "data"
    journal = data / "sub-001" / "ses-01" / "journal.jsonl"
    eye = place_of(driver, protocol, 18)
    answers = dict(enumerate(some_answers(11, seed=3), start=1))
    pressed: dict[int, tuple[float, float, float]] = {}  # onset seen, before and after the press
    grabbed: dict[int, Image.Image] = {}

    def trial(number: int) -> None:
        key, delay = answers[number]
        if number == 4:  # pressed and released before the onset
            driver.press("u", 0.03)
            driver.press("l", 0.03)
        if number == 6:  # pressed before the onset, released after it
            driver.down("j")
        seen = driver.wait_for_picture(eye, BACKGROUND)
        if number == 6:
            time.sleep(0.1)
            driver.up("j")
        if number in {2, 8}:
            grabbed[number] = grab(driver)
        time.sleep(delay)
        before = driver.down(key)
        after = time.time()
        time.sleep(0.4 if number == 5 else 0.06)
        driver.up(key)
        pressed[number] = (seen, before, after)
        driver.wait_for_blank(eye, BACKGROUND)

    program = driver.start(*arguments(path, bank_path, data))
    drive(driver, program, journal, trial)
    output = program.communicate()[0]
    assert program.returncode == 0, output

    ends = {e["trial"]: e for e in events(journal) if e["event"] == "trial_end"}
    rows = {row["trial"]: row for row in read_table(journal.with_name("trials.tsv"))}
    assert set(ends) == set(rows) == set(range(1, 12))
    late = []
    for number, (seen, before, after) in pressed.items():
        row, key = rows[number], answers[number][0]
        assert row["key"] == key
        assert row["choice"] == ("upper" if key in "uio" else "lower")
        assert row["confidence"] == "uiojkl".index(key) % 3 + 1
        # The press lies between the request and the server's answer; both known to a fraction
        # of a millisecond on a quiet machine, so the interval is the truth on a busy one.
        onset = onset_of(ends[number])
        assert before - onset - TOLERANCE <= row["rt"] <= after - onset + TOLERANCE, number
        assert row["rt"] == pytest.approx(row["response_time"] - row["onset_time"], abs=2e-6)
        late.append(onset - seen)
        assert row["frames_shown"] >= 1
        assert row["frames_dropped"] is None  # no vertical blank here, so it cannot be known
        assert len(ends[number]["frame_intervals"]) == row["frames_shown"] - 1
    # The record's onset is when the picture appeared, as the pixel saw it.
    assert abs(statistics.median(late)) < TOLERANCE
    # A space that was meant for the page before may come late on a busy machine, and counts too.
    early = {n: [key for key, _ in ends[n]["rejected"] if key != "space"] for n in ends}
    assert early == {**{n: [] for n in ends}, 4: ["u", "l"], 6: ["j"]}
    assert all(moment < 0 for n in ends for _, moment in ends[n]["rejected"])
    assert all(rows[n]["presses_before_onset"] == len(ends[n]["rejected"]) for n in ends)
    assert all(row["rt"] > 0.1 for row in rows.values())
    screen = DataFolder(data).find(1, 1).info.screen
    assert screen["refresh_rate_hz"] is None
    plan = DataFolder(data).find(1, 1).plan
    with StimulusBank(bank_path) as bank:
        for number, picture in grabbed.items():
            shown = slots_of(plan.trial(number)) if plan.trial(number).references_max else {}
            for slot, image_id in shown.items():
                x, y = place_of(driver, protocol, slot)
                side = round(224 * min(driver.size[0] / 1920, driver.size[1] / 1080))
                expected = Image.fromarray(bank.image(image_id)).resize(
                    (side, side), Image.Resampling.LANCZOS
                )
                # The middle of each image, pixel for pixel, upright and in its colours.
                found = best_difference(picture, expected, x, y)
                assert found <= 1, (number, slot, found)


def grab(driver: Driver) -> Image.Image:
    """Take a picture of the whole screen."""
    raw = driver.root.get_image(0, 0, *driver.size, X.ZPixmap, 0xFFFFFF).data
    return Image.frombytes("RGB", driver.size, raw, "raw", "BGRX")


def best_difference(screen: Image.Image, expected: Image.Image, x: int, y: int) -> int:
    """Largest difference of a picture at (x, y), give or take a pixel of rounding."""
    side = expected.width
    wanted = np.asarray(expected, dtype=int)
    found = []
    for dx in (-1, 0, 1):
        for dy in (-1, 0, 1):
            left, top = x - side // 2 + dx, y - side // 2 + dy
            cut = np.asarray(screen.crop((left, top, left + side, top + side)), dtype=int)
            found.append(int(np.abs(cut - wanted).max()))
    return min(found)


def test_two_steps_keep_the_choice_apart(
    driver: Driver, variant: Variant, bank_path: Path, tmp_path: Path
) -> None:
    path = variant(
        *SHORT,
        ('mode = "joint" ', 'mode = "two-step" '),
        ('["none", "natural", "synthetic"]', '["synthetic"]'),
    )
    protocol, _ = load_protocol(str(path))
    journal = tmp_path / "data" / "sub-001" / "ses-01" / "journal.jsonl"
    eye = place_of(driver, protocol, 18)
    moments: dict[int, tuple[float, float]] = {}

    def trial(number: int) -> None:
        driver.wait_for_picture(eye, BACKGROUND)
        time.sleep(0.2)
        chosen = driver.press("Up" if number % 2 else "Down")
        time.sleep(0.25)
        moments[number] = (chosen, driver.press(str(1 + number % 3)))
        driver.wait_for_blank(eye, BACKGROUND)

    program = driver.start(*arguments(path, bank_path, tmp_path / "data", "--keyboard", "iohub"))
    drive(driver, program, journal, trial, keys=["Up", "Down", "1", "2", "3"])
    output = program.communicate()[0]
    assert program.returncode == 0, output
    assert DataFolder(tmp_path / "data").find(1, 1).info.keyboard["backend"] == "iohub"
    rows = {row["trial"]: row for row in read_table(journal.with_name("trials.tsv"))}
    assert len(rows) == 4
    for number, (chosen, sure) in moments.items():
        row = rows[number]
        assert row["choice"] == ("upper" if number % 2 else "lower")
        assert row["confidence"] == 1 + number % 3
        assert row["confidence_rt"] - row["rt"] == pytest.approx(sure - chosen, abs=2 * TOLERANCE)


def test_killed_in_a_trial_and_resumed_nothing_is_lost(
    driver: Driver, variant: Variant, bank_path: Path, tmp_path: Path
) -> None:
    path = variant(*SHORT)
    protocol, _ = load_protocol(str(path))
    data = tmp_path / "data"
    journal = data / "sub-001" / "ses-01" / "journal.jsonl"
    eye = place_of(driver, protocol, 18)
    answers = dict(enumerate(some_answers(11, seed=5), start=1))
    interrupted = 5

    def trial(number: int) -> None:
        driver.wait_for_picture(eye, BACKGROUND)
        if number == interrupted and program.poll() is None and not resumed:
            program.send_signal(signal.SIGKILL)
            program.wait()
            return
        time.sleep(0.15)
        driver.press(answers[number][0])
        driver.wait_for_blank(eye, BACKGROUND)

    resumed = False
    program = driver.start(*arguments(path, bank_path, data))
    drive(driver, program, journal, trial)
    assert program.returncode == -signal.SIGKILL
    before = journal.read_bytes()
    kept = DataFolder(data).find(1, 1).state().completed
    assert set(kept) == {1, 2, 3, 4}
    assert not journal.with_name("trials.tsv").exists()

    refused = driver.start(*arguments(path, bank_path, data))
    assert "--resume" in refused.communicate()[0]
    assert refused.returncode == 2
    assert journal.read_bytes() == before

    resumed = True
    program = driver.start(*arguments(path, bank_path, data, "--resume"))
    drive(driver, program, journal, trial)
    assert program.returncode == 0, program.communicate()[0]
    assert journal.read_bytes().startswith(before)
    rows = read_table(journal.with_name("trials.tsv"))
    assert [row["trial"] for row in rows] == list(range(1, 12))
    assert {row["trial"]: row["interrupted"] for row in rows if row["interrupted"]} == {5: 1}
    assert [row["key"] for row in rows] == [answers[n][0] for n in range(1, 12)]
    for row in rows[:4]:
        assert row["rt"] == kept[row["trial"]]["rt"]


def test_escape_pauses_and_leaves(
    driver: Driver, variant: Variant, bank_path: Path, tmp_path: Path
) -> None:
    path = variant(*SHORT)
    protocol, _ = load_protocol(str(path))
    data = tmp_path / "data"
    journal = data / "sub-001" / "ses-01" / "journal.jsonl"
    eye = place_of(driver, protocol, 18)
    shown: list[int] = []

    def trial(number: int) -> None:
        shown.append(number)
        driver.wait_for_picture(eye, BACKGROUND)
        if shown.count(2) == 1 and number == 2:
            # At once: the flip that showed the picture may not have come back yet.
            driver.press("escape")
            driver.wait_for_blank(eye, BACKGROUND)
            press_until(driver, "space", lambda: paused(journal) == 1)
        elif number == 3:
            time.sleep(0.2)
            driver.press("escape")
            driver.wait_for_blank(eye, BACKGROUND)
            # Once on the page of the pause, once more on the question whether to leave.
            press_until(driver, "q", lambda: program.poll() is not None)
        else:
            time.sleep(0.1)
            driver.press("u")
            driver.wait_for_blank(eye, BACKGROUND)

    program = driver.start(*arguments(path, bank_path, data))
    drive(driver, program, journal, trial)
    output = program.communicate()[0]
    assert program.returncode == 3, output
    assert "--participant 1 --resume" in output
    assert shown == [1, 2, 2, 3]
    names = [event["event"] for event in events(journal)]
    assert names[-1] == "abort"
    assert names.count("pause") == 2
    rows = read_table(journal.with_name("trials.tsv"))
    assert [(row["trial"], row["interrupted"]) for row in rows] == [(1, 0), (2, 1)]
    info = DataFolder(data).find(1, 1).info
    assert info.completed is None
    assert info.keyboard["backend"] == choose_backend()


def paused(journal: Path) -> int:
    return sum(event["event"] == "pause" for event in events(journal))


def press_until(driver: Driver, key: str, done: Callable[[], bool]) -> None:
    """Press a key again and again until it had its effect."""
    end = time.time() + 20
    while not done():
        assert time.time() < end
        driver.press(key, 0.03)
        time.sleep(0.3)


def test_a_screen_without_a_rate_is_refused_without_rehearsal(
    driver: Driver, bank_path: Path, tmp_path: Path
) -> None:
    program = driver.start("run", "--bank", str(bank_path), "--data", str(tmp_path / "data"))
    output = program.communicate()[0]
    assert program.returncode == 2
    assert "refresh rate cannot be measured" in " ".join(output.split())
    assert "--rehearsal" in output
    assert not (tmp_path / "data").exists()


@without_crash
def test_a_missing_keyboard_backend_is_refused(
    driver: Driver, bank_path: Path, tmp_path: Path
) -> None:
    shadow = tmp_path / "shadow"
    shadow.mkdir()
    (shadow / "psychtoolbox.py").write_text('raise ImportError("libjack.so.0: cannot open")\n')
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "experiment",
            *arguments(Path("demo"), bank_path, tmp_path / "data"),
        ],
        env={**driver.environment(), "PYTHONPATH": f"{shadow}{os.pathsep}{ROOT}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 2, done.stderr
    assert "psychtoolbox cannot be loaded" in done.stderr
    assert "constraints.txt" in done.stderr
    assert not (tmp_path / "data").exists()


POLLING = """
import sys, time
from experiment.responses import KeyboardResponses
keyboard = KeyboardResponses(sys.argv[2])
from psychopy import logging
offset = time.time() - logging.defaultClock.getTime()
keyboard.open(logging.defaultClock.getTime())
print("ready", flush=True)
# ioHub says that it is ready before it hears: begin once a press arrived with its own time.
while not any(time.time() - p.time - offset < 0.3 for p in keyboard.poll()):
    time.sleep(0.05)
print("heard", flush=True)
time.sleep(1.0)
keyboard.poll()
print("listening", flush=True)
end = time.time() + float(sys.argv[1])
found = []
while time.time() < end:
    time.sleep(0.25)
    found += keyboard.poll()
print(*(f"{p.key}:{p.time + offset:.6f}" for p in found))
keyboard.close()
"""


def read_until(program: subprocess.Popen[str], word: str) -> None:
    """Read what a program prints up to the line with a word."""
    assert program.stdout is not None
    while word not in (line := program.stdout.readline()):
        assert line, f"the keyboard's program ended before it was {word}"


@pytest.mark.parametrize("backend", [pytest.param("psychtoolbox", marks=without_crash), "iohub"])
def test_short_presses_between_polls_are_neither_lost_nor_late(
    driver: Driver, backend: str
) -> None:
    count = 50
    program = subprocess.Popen(
        [sys.executable, "-c", POLLING, str(count * 0.11 + 6), backend],
        env=driver.environment(),
        stdout=subprocess.PIPE,
        text=True,
    )
    read_until(program, "ready")
    heard = threading.Thread(target=read_until, args=(program, "heard"))
    heard.start()
    while heard.is_alive():
        driver.press("q", 0.06)
        time.sleep(0.1)
    read_until(program, "listening")
    made = []
    for i in range(count):
        key = "uiojkl"[i % 6]
        before = driver.down(key)
        made.append((key, before, time.time()))
        time.sleep(0.06)
        driver.up(key)
        time.sleep(0.04)
    found = re.findall(r"(\w+):(\d+\.\d{6})", program.communicate()[0])
    assert [key for key, _ in found] == [key for key, _, _ in made]
    for (_, stamp), (_, before, after) in zip(found, made, strict=True):
        assert before - TOLERANCE <= float(stamp) <= after + TOLERANCE


STARTING = """
import sys, time
from experiment.responses import KeyboardResponses
keyboard = KeyboardResponses(sys.argv[1])
end = time.perf_counter() + 0.5
while time.perf_counter() < end:
    keyboard.poll()
print("alive with", keyboard.describe()["backend"], flush=True)
keyboard.close()
"""


def without_permission(driver: Driver, backend: str) -> subprocess.CompletedProcess[str]:
    """Start the keyboard in a process that may not run in real time."""
    command = [sys.executable, "-c", STARTING, backend]
    setpriv = shutil.which("setpriv")
    if os.geteuid() == 0:
        assert setpriv is not None
        command = [setpriv, "--inh-caps=-sys_nice", "--bounding-set=-sys_nice", *command]
    return subprocess.run(
        command, env=driver.environment(), capture_output=True, text=True, check=False
    )


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="real-time permission of Linux")
def test_the_keyboard_starts_without_real_time_permission(driver: Driver) -> None:
    # Started without the defence about every second process crashes, so six in a row do not.
    for _ in range(6):
        done = without_permission(driver, "psychtoolbox")
        assert done.returncode == 0, done.stderr
        assert "alive with ptb" in done.stdout
        assert "Failed to switch to realtime priority" in done.stdout


def test_a_killed_session_leaves_no_deaf_keyboard(driver: Driver) -> None:
    # ioHub's process outlives the session, holds the port and takes the next one's messages.
    killed = STARTING.replace("keyboard.close()", "import os; os.kill(os.getpid(), 9)")
    with (driver.home / "log").open("wb") as log:
        done = subprocess.run(
            [sys.executable, "-c", killed, "iohub"],
            env=driver.environment(),
            stdout=log,
            stderr=log,
            check=False,
        )
    assert done.returncode == -signal.SIGKILL
    servers = [p for p in psutil.process_iter() if "start_iohub_process.py" in str(p.cmdline())]
    assert servers
    again = without_permission(driver, "iohub")
    assert again.returncode == 0, again.stderr
    assert "alive with iohub" in again.stdout
    psutil.wait_procs(servers, timeout=5)
    assert not [server for server in servers if server.is_running()]


BLANKING = """
import contextlib, os, time
with contextlib.suppress(OSError):
    os.nice(-15)  # a blank that comes late because others compute is no fault of ours
from psychopy.visual.backends.pygletbackend import PygletBackend
plain = PygletBackend.swapBuffers
RATE = 30.0
def swap_at_the_blank(self, *arguments, **named):
    plain(self, *arguments, **named)
    now = time.perf_counter()
    due = (int(now * RATE) + 1) / RATE
    time.sleep(max(0.0, due - now - 0.002))
    while time.perf_counter() < due:
        pass
PygletBackend.swapBuffers = swap_at_the_blank
from experiment.display import Display
from experiment.elements import Box
from experiment.protocol import load_protocol
display = Display(load_protocol("demo")[0], size=(640, 480), fullscreen=False)
print(display.refresh_rate, display.synchronised)
box = lambda: [Box(0, 0, 100, 100, "#000000")]
errors = []
for _ in range(8):
    start = display.present(list, "blank")
    display.hold(start + 0.21)
    errors.append(display.present(box, "box") - start - 0.21)
print(*errors)
stamp = []
onset = display.present(box, "box", stamp.append)
print(onset - stamp[0])
for i in range(6):
    if i == 3:
        time.sleep(0.08)
    display.frame()
log = display.frames()
print(log.shown, log.dropped, log.longest)
"""


def test_frames_against_a_vertical_blank(driver: Driver) -> None:
    """The logic of timing, with flips that wait for a blank at 30 Hz (software drawing)."""
    for _ in range(3):
        done = subprocess.run(
            [sys.executable, "-c", BLANKING],
            env=driver.environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        rate, errors, callback, log = [line.split() for line in done.stdout.splitlines()[-4:]]
        if rate[1] == "True":
            break  # the machine kept its blanks
    assert rate[1] == "True"
    assert float(rate[0]) == pytest.approx(30.0, rel=0.02)
    # A gap of 6.3 frames ends at the nearest flip.
    assert statistics.median(abs(float(e)) for e in errors) < 0.5 / 30 + 0.003
    assert float(callback[0]) == 0.0
    assert int(log[0]) == 7
    assert 1 <= int(log[1]) <= 2
    assert float(log[2]) > 0.08


@pytest.mark.slow
def test_killed_again_and_again_it_ends_like_an_uninterrupted_session(
    driver: Driver, fast: Path, bank_path: Path, tmp_path: Path
) -> None:
    # A simulated participant answers each trial the same whenever it is shown, so the tables
    # can be compared; times differ.
    compared = ("trial", "unit", "condition", "key", "choice", "confidence", "correct")
    simulated = ["--observer", "sdt", "--pace", "20", "--seed", "9"]
    program = driver.start(*arguments(fast, bank_path, tmp_path / "whole", *simulated))
    assert program.wait() == 0, program.communicate()[0]
    whole = DataFolder(tmp_path / "whole").find(1, 1).rows()
    data = tmp_path / "cut"
    rng = random.Random(2)
    kills = 0
    for _ in range(30):
        journal = data / "sub-001" / "ses-01" / "journal.jsonl"
        more = ["--resume"] if journal.exists() else []
        program = driver.start(*arguments(fast, bank_path, data, *simulated, *more))
        try:
            program.wait(timeout=rng.uniform(2.5, 6.0))
            break
        except subprocess.TimeoutExpired:
            program.send_signal(rng.choice([signal.SIGKILL, signal.SIGTERM]))
            program.wait()
            kills += 1
        if journal.exists() and DataFolder(data).find(1, 1).state().finished:
            break
    assert kills >= 2
    assert DataFolder(data).find(1, 1).state().finished
    cut = DataFolder(data).find(1, 1).rows()
    assert [[row[c] for c in compared] for row in cut] == [
        [row[c] for c in compared] for row in whole
    ]


@pytest.mark.slow
def test_the_demo_shows_itself_where_there_is_no_display(bank_path: Path, tmp_path: Path) -> None:
    kept = {k: v for k, v in os.environ.items() if k not in {"DISPLAY", "WAYLAND_DISPLAY"}}
    start = time.time()
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "experiment",
            "demo",
            "--bank",
            str(bank_path),
            "--data",
            str(tmp_path / "data"),
            "--screenshots",
            str(tmp_path / "shots"),
        ],
        env={**kept, "HOME": str(tmp_path), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, done.stderr
    assert time.time() - start < 90
    assert "19 trials" in done.stdout
    assert "virtual screen" in done.stderr
    shots = sorted(path.name.split("-", 1)[1] for path in (tmp_path / "shots").glob("*.png"))
    assert {"instructions.png", "trial-natural.png", "feedback-correct.png", "end.png"} <= set(
        shots
    )
