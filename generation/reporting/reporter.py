"""Whom the work tells how it goes on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol


class Reporter(Protocol):
    """Who is told how the work goes on; see `generation.reporting.terminal`."""

    def plan(self, stages: Sequence[tuple[str, int, float]]) -> None:
        """Announce every stage: name, number of parts, expected cost of a part."""
        ...

    def stage(self, name: str, total: int, done: int = 0) -> Callable[[int], None]:
        """Begin a stage of `total` parts; the returned function is told of finished ones.

        `done` parts were finished by an earlier call.
        """
        ...

    def say(self, text: str) -> None:
        """Give one line of news."""
        ...
