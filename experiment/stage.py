"""Where screens are shown: the interface of a stage, and one without a window."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, Protocol

from PIL import Image

from experiment.elements import Element
from experiment.frames import FrameLog

Elements = Callable[[], list[Element]]


class Stage(Protocol):
    """Shows elements, keeps the time, logs frames. Times are seconds on the stage's clock."""

    def now(self) -> float:
        """Give the time."""

    def wall_clock(self, time: float) -> datetime:
        """Say what date and time it was (UTC) at a time of the stage's clock."""

    def load(self, images: Mapping[int, Image.Image]) -> None:
        """Put images into picture slots."""

    def warm(self, elements: Elements) -> None:
        """Make whatever these elements need, so that presenting them takes no longer."""

    def present(
        self, elements: Elements, name: str, at_onset: Callable[[float], None] | None = None
    ) -> float:
        """Draw, flip, give the flip's time; `at_onset` is called with it right after the flip."""

    def signal(self, at_flip: Callable[[], None]) -> None:
        """Have recorders told of the next onset: `at_flip` is called first right after its flip."""

    def amend(self, elements: Elements, name: str) -> None:
        """Show other elements from the next frame on, without a new onset."""

    def centre_pointer(self) -> None:
        """Put the mouse in the middle, where it answers."""

    def frame(self, skip_to: float | None = None) -> float:
        """Show one more frame of the same elements and give its time.

        Where nobody looks, time jumps to `skip_to` instead.
        """

    def hold(self, until: float) -> None:
        """Keep the same elements until the flip that would fall nearest to `until`."""

    def frames(self) -> FrameLog:
        """Give the frames since the last call of `present`."""

    def describe(self) -> dict[str, Any]:
        """Say what the stage is, for the session's record."""

    def close(self) -> None:
        """Leave the stage."""


@dataclass
class VirtualStage:
    """A stage without a window: its clock jumps, so thousands of trials take a second."""

    time: float = 0.0
    images_loaded: int = field(default=0, init=False)
    _signal: Callable[[], None] | None = field(default=None, init=False)

    def now(self) -> float:
        """Give the time, in seconds since the session began."""
        return self.time

    def wall_clock(self, time: float) -> datetime:
        """Give the real date and time, which simulated time does not change."""
        return datetime.now(timezone.utc)

    def load(self, images: Mapping[int, Image.Image]) -> None:
        """Count the images; there is nowhere to put them."""
        self.images_loaded += len(images)

    def warm(self, elements: Elements) -> None:
        """Do nothing: there is nothing to make."""

    def present(
        self, elements: Elements, name: str, at_onset: Callable[[float], None] | None = None
    ) -> float:
        """Give the time at which the elements would appear."""
        if self._signal is not None:
            self._signal()
            self._signal = None
        if at_onset is not None:
            at_onset(self.time)
        return self.time

    def signal(self, at_flip: Callable[[], None]) -> None:
        """Have recorders told of the next onset."""
        self._signal = at_flip

    def amend(self, elements: Elements, name: str) -> None:
        """Do nothing: nobody looks."""

    def centre_pointer(self) -> None:
        """Do nothing: there is no mouse."""

    def frame(self, skip_to: float | None = None) -> float:
        """Jump to `skip_to`.

        Raises
        ------
        RuntimeError
            Without it: nothing would ever happen.
        """
        if skip_to is None:
            raise RuntimeError("nothing will happen on a stage without a window")
        self.time = max(self.time, skip_to)
        return self.time

    def hold(self, until: float) -> None:
        """Jump to `until`."""
        self.time = max(self.time, until)

    def frames(self) -> FrameLog:
        """Give an empty log."""
        return FrameLog()

    def describe(self) -> dict[str, Any]:
        """Say that there is no window."""
        return {"window": False}

    def close(self) -> None:
        """Do nothing."""
