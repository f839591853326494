"""Progress of a build on the terminal."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from types import TracebackType

from rich.markup import escape
from rich.progress import Progress, TaskID

from generation.reporting.estimate import Estimate, in_words
from house.cli import messages, progress

# In hundredths, which the display counts.
_WHOLE = 100


class TerminalReporter:
    """Bars, an estimate of the time left for the whole job, and a line for every finished unit.

    Parameters
    ----------
    quiet : bool
        Whether to show nothing but errors.
    verbose : bool
        Whether to show what the libraries log, too.
    """

    def __init__(self, *, quiet: bool = False, verbose: bool = False) -> None:
        self._quiet = quiet
        self._progress: Progress = progress(quiet=quiet)
        self._handler = _RichHandler(self.say)
        self._handler.setLevel(logging.DEBUG if verbose else logging.WARNING)
        self._estimate = Estimate([])
        self._whole: TaskID | None = None
        self._told = 0.0

    def __enter__(self) -> TerminalReporter:
        self._progress.start()
        logging.getLogger("generation").addHandler(self._handler)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        logging.getLogger("generation").removeHandler(self._handler)
        self._progress.stop()

    def plan(self, stages: Sequence[tuple[str, int, float]]) -> None:
        """Announce every stage: name, number of parts, expected cost of a part."""
        self._estimate = Estimate(stages)
        self._whole = self._progress.add_task("whole build, percent", total=_WHOLE)

    def stage(self, name: str, total: int, done: int = 0) -> Callable[[int], None]:
        """Begin a stage of `total` parts, `done` of them finished by an earlier call."""
        task = self._progress.add_task(name, total=total, completed=done)
        self._estimate.begin(name, total, done, time.monotonic())
        self._tell()

        def advance(count: int) -> None:
            self._progress.advance(task, count)
            self._estimate.advance(name, count, time.monotonic())
            self._tell()

        return advance

    def _tell(self) -> None:
        # The text changes once a second: a step may take a hundredth of that.
        now = time.monotonic()
        share = self._estimate.share()
        if self._whole is None or (now - self._told < 1 and share < 1):
            return
        self._told = now
        left = self._estimate.seconds_left()
        text = "whole build, percent" if left is None or share >= 1 else f"{in_words(left)} left"
        self._progress.update(self._whole, completed=int(_WHOLE * share), description=text)

    def say(self, text: str) -> None:
        """Give one line of news."""
        if not self._quiet:
            messages.print(escape(text), style="dim")


class _RichHandler(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__()
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        self._say(f"{record.levelname.lower()}: {record.getMessage()}")
