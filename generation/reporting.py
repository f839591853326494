"""Progress of a build on the terminal."""

from __future__ import annotations

import logging
from collections.abc import Callable
from types import TracebackType

from rich.markup import escape
from rich.progress import Progress

from house.cli import messages, progress


class TerminalReporter:
    """Bars with an estimate of the time left, and a line for every finished unit.

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

    def stage(self, name: str, total: int) -> Callable[[int], None]:
        """Begin a stage of `total` parts; the returned function is told of finished ones."""
        task = self._progress.add_task(name, total=total)

        def advance(count: int) -> None:
            self._progress.advance(task, count)

        return advance

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
