"""The timing test: flips of a patch, presses of a key, a photodiode's recording, a report."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from experiment.display import Display, require_display
from experiment.elements import Element, Text
from experiment.opening import describe_machine, now_utc
from experiment.preflight import check_graphics, check_refresh, check_wayland
from experiment.protocol import Protocol, load_protocol
from experiment.responses import KeyboardResponses
from experiment.screens import Responses
from experiment.stage import Stage
from experiment.timing_analysis import (
    LightResult,
    judge_flips,
    judge_light,
    judge_presses,
    read_recording,
)
from experiment.timing_report import write_report
from experiment.triggers import Triggers, open_triggers
from house.errors import UserError
from house.files import atomic_write_json, atomic_write_text, read_json

FORMAT = "exemplary-timing"
PATIENCE = 30.0
"""Seconds without a press after which presses are given up."""


@dataclass(frozen=True)
class TimingOptions:
    """What the command line says about a timing test.

    Attributes
    ----------
    protocol : str
        Whose colours and refresh rate are taken.
    out : Path
        Folder of the report.
    flips, hold : int
        Number of frames, and after how many the patch changes.
    presses : int
        How many are asked for; 0 for none.
    """

    protocol: str
    out: Path
    flips: int = 1200
    hold: int = 12
    presses: int = 20
    photodiode: str = "bottom-left"
    triggers: tuple[str, ...] = ()
    keyboard: str = "auto"
    fullscreen: bool = True
    size: tuple[int, int] | None = None


def run_timing_test(options: TimingOptions) -> dict[str, Any]:
    """Run the test and write ``timing.json``, ``flips.csv``, ``presses.csv``, ``report.html``.

    Returns
    -------
    dict
        What ``timing.json`` holds.

    Raises
    ------
    UserError
        If there is no display or no keyboard, or the folder holds a test already.
    """
    if (options.out / "timing.json").exists():
        raise UserError(
            "there is a timing test already, and nothing is ever overwritten",
            where=str(options.out),
            remedy="Choose another folder with --out.",
        )
    protocol, _ = load_protocol(options.protocol)
    require_display()
    with ExitStack() as stack:
        triggers = open_triggers(options.triggers, "exemplary-timing")
        stack.callback(triggers.close)
        display = Display(
            protocol,
            size=options.size,
            fullscreen=options.fullscreen,
            photodiode=options.photodiode,
        )
        stack.callback(display.close)
        responses = None
        if options.presses:
            responses = KeyboardResponses(options.keyboard)
            stack.callback(responses.close)
        clock = time.time() - display.now()
        flips, onsets = show_flips(
            display, options.flips, options.hold, triggers, _words(protocol, _FLIPS)
        )
        presses: list[tuple[float, float, float]] = []
        if responses is not None:
            words = _words(protocol, _PRESSES.format(n=options.presses))
            presses = take_presses(display, responses, options.presses, words)
        checks = [
            check_wayland(os.environ),
            check_refresh(display.refresh_rate, protocol),
            check_graphics(str(display.describe()["graphics"])),
        ]
        result: dict[str, Any] = {
            "format": FORMAT,
            "schema_version": 1,
            "made": now_utc(),
            **describe_machine(),
            "screen": display.describe(),
            "keyboard": responses.describe() if responses else {},
            "triggers": triggers.describe(),
            "checks": [check.record() for check in checks],
            # Add to times of this test for seconds since 1970.
            "clock_offset": clock,
            "hold": options.hold,
            "flip_times": [round(t, 7) for t in flips],
            "onset_times": [round(t, 7) for t in onsets],
            "press_times": [[round(t, 7) for t in press] for press in presses],
        }
    result |= {
        "flips": asdict(judge_flips(flips)),
        "presses": asdict(judge_presses(presses)) if presses else None,
        "light": None,
    }
    _write(options.out, result)
    return result


def add_recording(out: Path, recording: Path, *, same_clock: bool) -> LightResult:
    """Judge a photodiode's recording of a test that was run before, and renew its report.

    Parameters
    ----------
    out : Path
        Folder of the test.
    recording : Path
        See `timing_analysis.read_recording`.
    same_clock : bool
        See `timing_analysis.judge_light`.

    Raises
    ------
    UserError
        If there is no such test, or the recording does not fit it.
    """
    path = out / "timing.json"
    result = read_json(path, "the timing test")
    if not isinstance(result, dict) or result.get("format") != FORMAT:
        raise UserError("this is no timing test", where=str(path))
    light = judge_light(read_recording(recording), result["onset_times"], same_clock=same_clock)
    result["light"] = asdict(light)
    _write(out, result)
    return light


def show_flips(
    stage: Stage, count: int, hold: int, triggers: Triggers, page: list[Element]
) -> tuple[list[float], list[float]]:
    """Show frames while the patch turns white and black in turn.

    Returns
    -------
    flips, onsets : list of float
        Times of all flips, and of those that turned the patch white.
    """
    flips: list[float] = []
    onsets: list[float] = []
    for i in range(count):
        if i % (2 * hold) == 0:
            code = 1 + len(onsets) % 200
            stage.signal(lambda code=code: triggers.fire(code, f"white/{code}"))  # type: ignore[misc]
            flips.append(stage.present(lambda: page, "timing"))
            onsets.append(flips[-1])
        elif i % hold == 0:
            flips.append(stage.present(lambda: page, "timing"))
        else:
            flips.append(stage.frame())
    return flips, onsets


def take_presses(
    stage: Stage, responses: Responses, count: int, page: list[Element]
) -> list[tuple[float, float, float]]:
    """Ask for presses; give time stamp, time of the look that found it, of the look before."""
    found: list[tuple[float, float, float]] = []
    before = last = stage.present(lambda: page, "presses", responses.open)
    while len(found) < count:
        stage.frame()
        look = stage.now()
        for press in responses.poll():
            found.append((press.time, look, before))
            last = look
        before = look
        if look - last > PATIENCE:
            break
    return found[:count]


_FLIPS = "Timing test\nThe patch in the corner turns white and black."
_PRESSES = "Now press the space bar {n} times,\nat moments of your own."


def _words(protocol: Protocol, text: str) -> list[Element]:
    colours = protocol.colours
    return [Text(text, 0, 0, 34, colours.text, colours.background)]


def _write(out: Path, result: dict[str, Any]) -> None:
    out.mkdir(parents=True, exist_ok=True)
    flips = result["flip_times"]
    onsets = set(result["onset_times"])
    lines = ["flip,time,turned_white"]
    lines += [f"{i},{t!r},{int(t in onsets)}" for i, t in enumerate(flips)]
    atomic_write_text(out / "flips.csv", "\n".join(lines) + "\n")
    lines = ["press,time,found,looked_before"]
    lines += [f"{i},{s!r},{f!r},{b!r}" for i, (s, f, b) in enumerate(result["press_times"])]
    atomic_write_text(out / "presses.csv", "\n".join(lines) + "\n")
    write_report(out / "report.html", result)
    # Last: it says that the test is there.
    atomic_write_json(out / "timing.json", result)
