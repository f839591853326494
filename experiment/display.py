"""The window: the only file that opens one. Draws elements, keeps the time, logs frames."""

from __future__ import annotations

import itertools
import os
import sys
import time
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from PIL import Image

from experiment.elements import Element
from experiment.frames import FrameLog, frame_log, refresh_rate
from experiment.painter import Painter
from experiment.photodiode import Patch
from experiment.pointer import Pointer
from experiment.protocol import Protocol
from experiment.stage import Elements
from house.errors import UserError

_MEASURED_FRAMES = 90
_WARM_UP_FRAMES = 20


def require_display() -> None:
    """Make sure that a window can be opened.

    Without a display, importing PsychoPy's windows fails and psychtoolbox crashes the process,
    so this comes before either.

    Raises
    ------
    UserError
        If there is none.
    """
    if sys.platform.startswith("linux") and not os.environ.get("DISPLAY"):
        wayland = bool(os.environ.get("WAYLAND_DISPLAY"))
        raise UserError(
            "there is no X11 display to open a window on",
            where="DISPLAY",
            remedy=(
                "Log in to an X11 (Xorg) session instead of a Wayland one."
                if wayland
                else "Run this at a machine with a screen, or under `xvfb-run -a` to try it out; "
                "a simulated participant needs no window: --observer sdt --no-window."
            ),
        )


class Display:
    """A PsychoPy window with 20 picture slots made once and a log of its frames.

    Times are seconds on `psychopy.logging.defaultClock`, on which PsychoPy stamps flips and
    psychtoolbox's keys alike.

    Parameters
    ----------
    protocol : Protocol
        Canvas, colours, expected refresh rate.
    size : tuple of int, optional
        Size of the window in pixels; the whole screen by default.
    fullscreen : bool
        Whether it covers the screen.
    photodiode : str, optional
        Corner (`triggers.CORNERS`) with a patch for a photodiode: white from the onset of a trial
        to its end, black otherwise.
    screenshots : Path, optional
        Folder for one picture of each kind of screen. Taking them delays frames.

    Raises
    ------
    UserError
        If there is no display or the window cannot be opened.
    """

    def __init__(
        self,
        protocol: Protocol,
        *,
        size: tuple[int, int] | None = None,
        fullscreen: bool = True,
        photodiode: str | None = None,
        screenshots: Path | None = None,
    ) -> None:
        require_display()
        # Keeps PsychoPy from adding its own package folder to everybody's path.
        os.environ.setdefault("PSYCHOPYNOPACKAGES", "1")
        try:
            from psychopy import logging, visual
            from pyglet.gl import glFinish
        except Exception as error:  # PsychoPy raises many kinds when graphics are missing
            raise UserError(
                f"PsychoPy cannot be loaded ({error})",
                where="window",
                remedy="Install this room: pip install -e '.[experiment]', and on Debian "
                "libglu1-mesa and libfontconfig1.",
            ) from error
        logging.console.setLevel(logging.CRITICAL)
        self._clock, self._finish = logging.defaultClock, glFinish
        self._protocol, self._screenshots = protocol, screenshots
        if size is None:
            size = _screen_size()
        try:
            self.window = visual.Window(
                size=size,
                fullscr=fullscreen,
                color=protocol.colours.background,
                colorSpace="hex",
                units="pix",
                allowGUI=not fullscreen,
                checkTiming=False,
                waitBlanking=True,
                multiSample=False,
                autoLog=False,
                title=protocol.title,
            )
        except Exception as error:  # pyglet raises its own kinds
            raise UserError(
                f"the window cannot be opened ({error})",
                where="window",
                remedy="Check that the display works (`xdpyinfo`) and has OpenGL.",
            ) from error
        self.window.mouseVisible = protocol.response.by_mouse
        self.size = (int(self.window.size[0]), int(self.window.size[1]))
        self.screen_size = _screen_size()
        self.framebuffer_size = _framebuffer_size(self.window)
        self._painter = Painter(self.window, visual.ImageStim, self.size, protocol.layout)
        self.scale = self._painter.scale
        self.pointer: Pointer | None = None
        if protocol.response.by_mouse:
            self.pointer = Pointer(self.window.winHandle, self.now, self._painter.to_canvas)
        self._elements: list[Element] = []
        self._patch = Patch(photodiode, self.size) if photodiode else None
        self._signal: Callable[[], None] | None = None
        self._flips: list[float] = []
        self._shot: str | None = None
        self._shots: set[str] = set()
        self.last_flip = 0.0
        # What drawing and flipping takes, where flips do not wait: the last frame, and the
        # elements that were warmed up for the next onset.
        self._cost = self._warm_cost = 0.0
        self.refresh_rate, self.synchronised = self._measure()
        self._period = 1.0 / (self.refresh_rate or protocol.screen.refresh_rate)

    # -- the stage -----------------------------------------------------------------------

    def now(self) -> float:
        """Give the time."""
        return float(self._clock.getTime())

    def wall_clock(self, time: float) -> datetime:
        """Say what date and time it was (UTC) at a time of the window's clock."""
        return datetime.now(timezone.utc) - timedelta(seconds=self.now() - time)

    def load(self, images: Mapping[int, Image.Image]) -> None:
        """Upload images into slots and draw them once unseen, so that the onset is cheap."""
        for slot, image in images.items():
            self._painter.load(slot, image)

    def warm(self, elements: Elements) -> None:
        """Make texts, draw everything unseen and wipe it; learn what drawing takes where needed."""
        for element in elements():
            self._painter.draw(element)
        self._finish()
        if not self.synchronised:
            # Only where flips do not wait is the cost needed, and the first time is not typical.
            start = self.now()
            for element in elements():
                self._painter.draw(element)
            self._finish()
            self._warm_cost = self.now() - start
        self.window.clearBuffer()

    def present(
        self, elements: Elements, name: str, at_onset: Callable[[float], None] | None = None
    ) -> float:
        """Draw, flip, give the flip's time; `at_onset` is called with it right after the flip."""
        self.amend(elements, name)
        if self._patch is not None:
            self._patch.lit = self._signal is not None
        if self._signal is not None:
            self.window.callOnFlip(self._signal)
            self._signal = None
        if at_onset is not None:
            self.window.timeOnFlip(self, "last_flip")
            self.window.callOnFlip(lambda: at_onset(self.last_flip))
        self._flips = []
        self._cost, self._warm_cost = self._warm_cost, 0.0
        return self.frame()

    def signal(self, at_flip: Callable[[], None]) -> None:
        """Have recorders told of the next onset: the patch, and a call right after its flip."""
        self._signal = at_flip

    def amend(self, elements: Elements, name: str) -> None:
        """Show other elements from the next frame on, without a new onset."""
        self._elements = elements()
        self._shot = name

    def centre_pointer(self) -> None:
        """Put the mouse in the middle, where it answers."""
        if self.pointer is not None:
            self.pointer.centre()

    def frame(self, skip_to: float | None = None) -> float:
        """Show one more frame and give its time."""
        start = self.now()
        for element in self._elements:
            self._painter.draw(element)
        if self._patch is not None:
            self._painter.draw_patch(self._patch)
        self._save_screenshot()
        waited = self._wait_for_blank()
        flipped = float(self.window.flip())
        self._cost = flipped - start - waited
        self.last_flip = flipped
        self._flips.append(flipped)
        return flipped

    def hold(self, until: float) -> None:
        """Keep the same elements until the flip that would fall nearest to `until`."""
        while self.now() + self._period / 2 < until - self._period:
            self.frame()
        # The next call of `present` flips; on a synchronised screen that takes until the
        # next blank, elsewhere the rest is waited for here.
        if not self.synchronised:
            self._sleep_until(until - max(self._cost, self._warm_cost))

    def frames(self) -> FrameLog:
        """Give the frames since the last call of `present`."""
        intervals = tuple(b - a for a, b in itertools.pairwise(self._flips))
        return frame_log(intervals, 1.0 / self.refresh_rate if self.refresh_rate else None)

    def describe(self) -> dict[str, Any]:
        """Say what the screen is, for the session's record."""
        return {
            "window": True,
            "size_px": list(self.size),
            "screen_px": list(self.screen_size),
            "width_cm": self._protocol.monitor.width_cm or None,
            "distance_cm": self._protocol.monitor.distance_cm or None,
            "fullscreen": bool(self.window._isFullScr),
            "scale": round(self.scale, 4),
            "refresh_rate_hz": self.refresh_rate,
            "synchronised": self.synchronised,
            "photodiode": self._patch.describe() if self._patch else None,
            "backend": str(self.window.winType),
            "graphics": _graphics(),
        }

    def close(self) -> None:
        """Close the window."""
        self.window.close()

    # -- screenshots ---------------------------------------------------------------------

    def _save_screenshot(self) -> None:
        if self._screenshots is None or self._shot is None or self._shot in self._shots:
            return
        self._shots.add(self._shot)
        self._screenshots.mkdir(parents=True, exist_ok=True)
        # The front buffer is black on software OpenGL; the back one holds the frame to come.
        frame = self.window._getFrame(buffer="back")
        path = self._screenshots / f"{len(self._shots):02d}-{self._shot}.png"
        frame.convert("RGB").save(path)

    # -- time ----------------------------------------------------------------------------

    def _wait_for_blank(self) -> float:
        """Where flips do not wait for the screen, keep to the expected rate by the clock."""
        if self.synchronised or not self._flips:
            return 0.0
        return self._sleep_until(self._flips[-1] + self._period - self._cost)

    def _sleep_until(self, moment: float) -> float:
        """Sleep until a time of the clock; give the seconds slept."""
        rest = moment - self.now()
        if rest <= 0:
            return 0.0
        time.sleep(rest)
        return rest

    def _measure(self) -> tuple[float | None, bool]:
        """Measure the refresh rate; (None, False) where flips do not wait for the screen."""
        self._period, self.synchronised = 0.0, True
        times = []
        for _ in range(_WARM_UP_FRAMES + _MEASURED_FRAMES):
            times.append(float(self.window.flip()))
        times = times[_WARM_UP_FRAMES:]
        return refresh_rate([b - a for a, b in itertools.pairwise(times)])


def _screen_size() -> tuple[int, int]:
    import pyglet

    screen = pyglet.canvas.get_display().get_default_screen()
    return int(screen.width), int(screen.height)


def _framebuffer_size(window: Any) -> tuple[int, int]:
    width, height = window.winHandle.get_framebuffer_size()
    return int(width), int(height)


def _graphics() -> str:
    from pyglet import gl

    parts = [gl.gl_info.get_renderer(), gl.gl_info.get_version()]
    return " · ".join(str(part) for part in parts)
