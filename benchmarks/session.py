"""What a session costs: images, gaps, presses, the journal, and simulated participants.

    python benchmarks/session.py                    all, 200 s on a quiet machine
    python benchmarks/session.py simulate journal   some of it

Windows open on a virtual screen (Xvfb) of their own, so images are drawn by the processor and no
flip waits for a screen: numbers of a machine with a graphics card are better. Presses are made by
XTEST. Prints the section of benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parent.parent
# Python looks beside a script first, and this file is called like others that it measures.
sys.path[0] = str(ROOT)

PARTS = ("simulate", "journal", "images", "gap", "presses")
GAP = 0.5

Rows = list[tuple[str, str]]


def main() -> None:
    """Measure what was asked for and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", help=f"of {', '.join(PARTS)}; all when left out")
    parser.add_argument("--bank", type=Path, default=ROOT / "stimuli" / "banks" / "demo.h5")
    parser.add_argument("--protocol", default="demo", help="for simulated participants")
    parser.add_argument("--participants", type=int, default=60)
    parser.add_argument("--presses", type=int, default=1000)
    parser.add_argument("--keyboard", default="auto")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        CHILDREN[given.child](given)
        return
    measures = {
        "simulate": simulating,
        "journal": journal,
        "images": images,
        "gap": gaps,
        "presses": presses,
    }
    rows: Rows = []
    for part in given.parts or PARTS:
        before = os.getloadavg()[0]
        rows += measures[part](given)
        print(f"{part}: load {before:.1f} to {os.getloadavg()[0]:.1f}", file=sys.stderr)
    print(described())
    print("\n| measure | result |\n|---|---|")
    for name, value in rows:
        print(f"| {name} | {value} |")


def described() -> str:
    """Say what this ran on."""
    from house.provenance import machine, software_versions

    here = machine()
    versions = software_versions(["psychopy", "psychtoolbox", "h5py", "numpy"])
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    return (
        f"{here['processor']}, {here['cores']} cores, {platform.system()}; {named}; "
        f"load over 1, 5 and 15 minutes when it ended: {load}."
    )


def ms(seconds: list[float]) -> str:
    """Median and 99th percentile in milliseconds."""
    return f"{1000 * np.median(seconds):.2f} ms, {1000 * np.percentile(seconds, 99):.2f} ms"


def simulating(given: argparse.Namespace) -> Rows:
    """Trials a second without a window, journal and table included."""
    from experiment.preflight import check_bank
    from experiment.simulation import simulate

    with tempfile.TemporaryDirectory() as folder:
        simulate(given.protocol, given.bank, Path(folder) / "warm", 1, "sdt")
        wall, cpu = time.perf_counter(), time.process_time()
        check_bank(given.bank)
        checked, checked_cpu = time.perf_counter() - wall, time.process_time() - cpu
        wall, cpu = time.perf_counter(), time.process_time()
        place = Path(folder) / "data"
        made = simulate(given.protocol, given.bank, place, given.participants, "sdt")
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        trials = sum(len(session.state().completed) for session in made)
    return [
        (
            f"`simulate`, {given.participants} participants, {trials} trials of `{given.protocol}`",
            f"{trials / (wall - checked):.0f} trials/s; {trials / wall:.0f} with the check of the "
            f"bank ({checked:.2f} s, once)",
        ),
        (
            "the same in seconds of the processor, bank check left out",
            f"{trials / (cpu - checked_cpu):.0f} trials/s",
        ),
    ]


def journal(given: argparse.Namespace) -> Rows:
    """Time to append the end of a trial to the journal, fsync included."""
    from experiment.simulation import simulate
    from house.places import sessions_directory
    from participants import Journal, read_journal

    # On the disk that sessions lie on: a folder for temporary files may be in memory.
    sessions_directory().mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=sessions_directory()) as folder:
        made = simulate(given.protocol, given.bank, Path(folder), 1, "sdt")[0]
        ends = [e.data for e in read_journal(made.journal_path) if e.event == "trial_end"]
        for end in ends:
            # As in a window at 60 Hz: three seconds of frames.
            end["frame_intervals"] = [16.67] * 180
        took: dict[bool, list[float]] = {True: [], False: []}
        for fsync, times in took.items():
            with Journal(Path(folder) / f"{fsync}.jsonl") as log:
                for i in range(300):
                    start = time.perf_counter()
                    log.append("trial_end", fsync=fsync, **ends[i % len(ends)])
                    times.append(time.perf_counter() - start)
    return [
        ("journal, one `trial_end`, on the disk: median, 99th percentile", ms(took[True])),
        ("the same without fsync", ms(took[False])),
    ]


def images(given: argparse.Namespace) -> Rows:
    """Time to decode and upload 20 images, nothing prepared in advance."""
    took = json.loads(on_a_screen(given, "images"))
    return [
        (
            f"20 images of {took['side']} px, decoded: median, 99th percentile "
            f"({len(took['decode'])} trials)",
            ms(took["decode"]),
        ),
        ("uploaded and drawn unseen", ms(took["upload"])),
        ("both", ms([a + b for a, b in zip(took["decode"], took["upload"], strict=True)])),
    ]


def images_child(given: argparse.Namespace) -> None:
    """Decode and upload in a window of 1920 x 1080."""
    from experiment.design import make_plan
    from experiment.display import Display
    from experiment.preparation import Preparation
    from experiment.protocol import load_protocol
    from experiment.screens import TrialScreen
    from experiment.texts import load_texts
    from stimuli import StimulusBank

    protocol, text = load_protocol("demo")
    display = Display(protocol, size=(1920, 1080), fullscreen=False)
    side = round(protocol.layout.image * display.scale)
    decode: list[float] = []
    upload: list[float] = []
    with StimulusBank(given.bank) as bank, Preparation(bank, side) as preparation:
        for participant in range(1, 11):
            for trial in make_plan(protocol, text, bank, participant, 1, 0).trials():
                if not trial.references_max:
                    continue
                screen = TrialScreen(protocol, load_texts("en"), trial, 0.5)
                start = time.perf_counter()
                pictures = preparation.take(trial)
                decoded = time.perf_counter()
                display.load(pictures)
                display.warm(screen.elements)
                decode.append(decoded - start)
                upload.append(time.perf_counter() - decoded)
                display.present(screen.elements, "trial")
    display.close()
    print(json.dumps({"side": side, "decode": decode, "upload": upload}))


def gaps(given: argparse.Namespace) -> Rows:
    """Run a session in a window at the full gap, and see how long gaps really are."""
    from experiment.protocol import PROTOCOLS
    from participants import DataFolder

    text = (PROTOCOLS / "demo.toml").read_text(encoding="utf-8")
    for old, new in (
        ("feedback_choice = 0.5", "feedback_choice = 0.1"),
        ("feedback_correct = 1.5", "feedback_correct = 0.2"),
    ):
        assert old in text, old
        text = text.replace(old, new)
    with tempfile.TemporaryDirectory() as folder:
        protocol, data = Path(folder) / "brief.toml", Path(folder) / "data"
        protocol.write_text(text, encoding="utf-8")
        on_a_screen(
            given,
            None,
            *("run", "--protocol", str(protocol), "--bank", str(given.bank), "--data", str(data)),
            *("--observer", "ideal", "--windowed", "--size", "1920x1080"),
        )
        rows = DataFolder(data).sessions()[0].rows()
    shown = [row for row in rows if row["references_max"]]
    hidden = [row["preparation_time"] < GAP for row in shown]
    return [
        (
            "preparation left to do in the gap (images decoded before): median, 99th percentile",
            ms([row["preparation_time"] for row in shown]),
        ),
        (
            f"preparation hidden in the gap of {GAP} s",
            f"{sum(hidden)} of {len(hidden)} trials",
        ),
        (
            "onset later than the gap asks for: median, 99th percentile",
            ms([row["gap_overrun"] for row in rows]),
        ),
    ]


def presses(given: argparse.Namespace) -> Rows:
    """Press a key many times, briefly, while the program looks four times a second."""
    from Xlib import XK, X, display
    from Xlib.ext import xtest

    from experiment.virtual_display import virtual_display

    with virtual_display((1280, 720)) as screen:
        assert screen is not None, "Xvfb is needed"
        program = subprocess.Popen(
            child_command(given, "presses"),
            env=environment(screen),
            stdout=subprocess.PIPE,
            stdin=subprocess.PIPE,
            text=True,
        )
        assert program.stdout is not None
        # ioHub prints lines of its own.
        backend = said(program.stdout, "ready")
        hands = display.Display(screen)
        code = hands.keysym_to_keycode(XK.string_to_keysym("u"))
        made: list[tuple[float, float]] = []
        for _ in range(given.presses):
            before = time.time()
            xtest.fake_input(hands, X.KeyPress, code)
            hands.sync()
            made.append((before, time.time()))
            time.sleep(0.06)
            xtest.fake_input(hands, X.KeyRelease, code)
            hands.sync()
            time.sleep(0.03)
        time.sleep(1.0)
        found = json.loads(
            said(program.communicate("stop\n", timeout=60)[0].splitlines(), "stamps")
        )
        hands.close()
    if len(found) != len(made):
        return [(f"presses of 60 ms found ({backend})", f"{len(found)} of {len(made)}")]
    errors = [stamp - before for stamp, (before, _) in zip(found, made, strict=True)]
    asked = [after - before for before, after in made]
    outside = sum(
        not before - 0.0005 <= stamp <= after + 0.0005
        for stamp, (before, after) in zip(found, made, strict=True)
    )
    return [
        (
            f"presses of 60 ms found ({backend}, a look every 250 ms)",
            f"{len(found)} of {len(made)}",
        ),
        ("time stamp after the request of the press: median, 99th percentile", ms(errors)),
        ("duration of the request itself", ms(asked)),
        ("stamps more than 0.5 ms outside the request", f"{outside} of {len(made)}"),
    ]


def said(lines: Iterable[str], word: str) -> str:
    """Give what follows the word that begins a line."""
    for line in lines:
        beginning, _, rest = line.partition(" ")
        if beginning == word:
            return rest.strip()
    raise SystemExit(f'the program ended without saying "{word}"')


def presses_child(given: argparse.Namespace) -> None:
    """Collect presses until told to stop; print their times."""
    import select

    from experiment.responses import KeyboardResponses

    keyboard = KeyboardResponses(given.keyboard)
    from psychopy import logging

    offset = time.time() - logging.defaultClock.getTime()
    keyboard.open(logging.defaultClock.getTime())
    print("ready", keyboard.describe()["backend"], flush=True)
    stamps: list[float] = []
    while not select.select([sys.stdin], [], [], 0.25)[0]:
        stamps += [press.time + offset for press in keyboard.poll()]
    stamps += [press.time + offset for press in keyboard.poll()]
    print("stamps", json.dumps(stamps), flush=True)
    keyboard.close()


CHILDREN: dict[str, Any] = {"images": images_child, "presses": presses_child}


def child_command(given: argparse.Namespace, child: str) -> list[str]:
    """Give the command of a process that opens a window."""
    return [
        *(sys.executable, __file__, "--child", child, "--bank", str(given.bank)),
        *("--keyboard", given.keyboard),
    ]


def environment(screen: str) -> dict[str, str]:
    """Give the environment of a program on a screen."""
    return {**os.environ, "DISPLAY": screen, "PYTHONPATH": str(ROOT), "PSYCHOPYNOPACKAGES": "1"}


def on_a_screen(given: argparse.Namespace, child: str | None, *arguments: str) -> str:
    """Run a child, or the program itself, on a virtual screen; give the last line it printed."""
    from experiment.virtual_display import virtual_display

    command = (
        child_command(given, child) if child else [sys.executable, "-m", "experiment", *arguments]
    )
    with virtual_display() as screen:
        assert screen is not None, "Xvfb is needed"
        done = subprocess.run(
            command, env=environment(screen), stdout=subprocess.PIPE, text=True, check=True
        )
    return done.stdout.strip().splitlines()[-1]


if __name__ == "__main__":
    main()
