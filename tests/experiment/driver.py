"""A participant made of XTEST key presses and a pixel for an eye."""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from Xlib import XK, X, display
from Xlib.ext import xtest

ROOT = Path(__file__).resolve().parents[2]
KEYSYMS = {"space": "space", "escape": "Escape"}


@contextmanager
def virtual_screen(width: int, height: int) -> Iterator[str]:
    """Start Xvfb for another process; give its DISPLAY."""
    program = shutil.which("Xvfb")
    assert program is not None, "the tests of windows need Xvfb (Debian package xvfb)"
    reading, writing = os.pipe()
    server = subprocess.Popen(
        [
            program,
            "-displayfd",
            str(writing),
            "-screen",
            "0",
            f"{width}x{height}x24",
            "-nolisten",
            "tcp",
            "-noreset",
        ],
        pass_fds=[writing],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(writing)
    with os.fdopen(reading) as pipe:
        number = pipe.readline().strip()
    try:
        yield f":{number}"
    finally:
        server.terminate()
        server.wait(20)


@dataclass
class Pressed:
    """A key press as it was made; times from `time.time()`."""

    key: str
    time: float
    seen_onset: float | None = None


@dataclass
class Driver:
    """Starts the program, follows its journal, looks at one pixel, presses keys.

    `plan_answer` gives key and delay (s) for each trial number.
    """

    screen: str
    size: tuple[int, int]
    home: Path
    answers: dict[int, Pressed] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.x = display.Display(self.screen)
        self.root = self.x.screen().root

    def close(self) -> None:
        """Close the connection, before the server ends."""
        self.x.close()

    # -- the program -----------------------------------------------------------------------

    def environment(self) -> dict[str, str]:
        """Give the program's environment: a home of its own, this display."""
        return {
            **os.environ,
            "HOME": str(self.home),
            "DISPLAY": self.screen,
            "PSYCHOPYNOPACKAGES": "1",
            "PYTHONPATH": str(ROOT),
        }

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start `python -m experiment` with these arguments."""
        return subprocess.Popen(
            [sys.executable, "-m", "experiment", *arguments],
            cwd=self.home,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    # -- hands -----------------------------------------------------------------------------

    def down(self, key: str) -> float:
        """Press a key and give the time."""
        xtest.fake_input(self.x, X.KeyPress, self._code(key))
        moment = time.time()
        self.x.sync()
        return moment

    def up(self, key: str) -> None:
        """Release a key."""
        xtest.fake_input(self.x, X.KeyRelease, self._code(key))
        self.x.sync()

    def press(self, key: str, hold: float = 0.06) -> float:
        """Press a key for a while; give the time it went down."""
        moment = self.down(key)
        time.sleep(hold)
        self.up(key)
        return moment

    def point(self, x: int, y: int) -> None:
        """Move the pointer to a pixel of the screen, origin in the upper left."""
        xtest.fake_input(self.x, X.MotionNotify, x=x, y=y)
        self.x.sync()

    def button(self, down: bool) -> float:
        """Press or release the left button where the pointer is; give the time."""
        xtest.fake_input(self.x, X.ButtonPress if down else X.ButtonRelease, 1)
        moment = time.time()
        self.x.sync()
        return moment

    def click(self, x: int, y: int, hold: float = 0.05) -> float:
        """Click a pixel; give the time the button went down."""
        self.point(x, y)
        time.sleep(0.03)
        moment = self.button(True)
        time.sleep(hold)
        self.button(False)
        return moment

    def pointer(self) -> tuple[int, int]:
        """Say where the pointer is."""
        found = self.root.query_pointer()
        return int(found.root_x), int(found.root_y)

    def _code(self, key: str) -> int:
        return int(self.x.keysym_to_keycode(XK.string_to_keysym(KEYSYMS.get(key, key))))

    # -- eye -------------------------------------------------------------------------------

    def pixel(self, x: int, y: int) -> tuple[int, int, int]:
        """Give the colour of a pixel of the screen, origin in the upper left."""
        data = self.root.get_image(x, y, 1, 1, X.ZPixmap, 0xFFFFFF).data
        return data[2], data[1], data[0]

    def wait_for_picture(self, place: tuple[int, int], background: tuple[int, int, int]) -> float:
        """Wait until a pixel is no longer background; give the time that was first seen."""
        end = time.time() + 20
        while time.time() < end:
            before = time.time()
            if self.pixel(*place) != background:
                return (before + time.time()) / 2
        raise TimeoutError("no picture appeared")

    def wait_for_blank(self, place: tuple[int, int], background: tuple[int, int, int]) -> None:
        """Wait until a pixel is background."""
        end = time.time() + 20
        while time.time() < end:
            if self.pixel(*place) == background:
                return
        raise TimeoutError("the screen did not become blank")


def events(journal: Path) -> list[dict[str, Any]]:
    """Read the whole lines of a journal that is being written."""
    if not journal.exists():
        return []
    text = journal.read_text(encoding="utf-8")
    return [json.loads(line) for line in text.split("\n")[:-1] if line.endswith("}")]


def drive(
    driver: Driver,
    program: subprocess.Popen[str],
    journal: Path,
    trial: Callable[[int], None],
    *,
    stop: Callable[[list[dict[str, Any]]], bool] = lambda found: False,
    keys: Sequence[str] = "uiojkl",
    live_test: Callable[[], None] | None = None,
    limit: float = 150.0,
) -> None:
    """Go through a session: pages by the space bar, trials by `trial(number)`.

    `live_test` does what the page with the live test wants, instead of pressing `keys`.
    """
    end = time.time() + limit
    seen = 0
    while program.poll() is None:
        if time.time() > end:
            program.kill()
            raise TimeoutError(f"stuck after {events(journal)[-2:]}\n{program.communicate()[0]}")
        found = events(journal)
        if stop(found):
            return
        if not found:
            time.sleep(0.05)
            continue
        last = found[-1]
        if last["event"] == "trial_begin" and len(found) > seen:
            seen = len(found)
            trial(int(last["trial"]))
        elif last["event"] in {"preflight", "screen", "block_start", "block_end", "session_end"}:
            if last.get("name") == "instructions" or _resumed(found):
                if live_test is not None:
                    live_test()
                else:
                    for key in keys:
                        driver.press(key, 0.02)
            driver.press("space", 0.02)
            time.sleep(0.12)
        else:
            time.sleep(0.01)


def _resumed(found: list[dict[str, Any]]) -> bool:
    return [e["event"] for e in found[-2:]] == ["session_resume", "preflight"]


def some_answers(count: int, seed: int, keys: str = "uiojkl") -> list[tuple[str, float]]:
    """Draw keys and delays (s), with every key among them."""
    rng = random.Random(seed)
    drawn = [keys[i % len(keys)] for i in range(count)]
    rng.shuffle(drawn)
    return [(key, rng.uniform(0.15, 0.6)) for key in drawn]
