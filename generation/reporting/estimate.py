"""How long a job of several stages will take: measured where begun, guessed where not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass
class _Stage:
    parts: int
    cost: float
    done: int = 0
    worked: int = 0
    seconds: float = 0.0
    since: float | None = None


class Estimate:
    """Time left of a whole job.

    A stage that has begun is extrapolated by its own pace; one that has not by its expected
    cost and the pace of all work so far. Parts that an earlier call finished count as done, but
    not as work.

    Parameters
    ----------
    plan : sequence of (str, int, float)
        Every stage in order: name, number of parts, and expected cost of a part in any unit.
    """

    def __init__(self, plan: Sequence[tuple[str, int, float]]) -> None:
        self._stages = {name: _Stage(parts, cost) for name, parts, cost in plan}

    def begin(self, name: str, total: int, done: int, now: float) -> None:
        """Begin a stage, `done` of whose `total` parts are finished; `now` in seconds."""
        stage = self._stages.setdefault(name, _Stage(total, 0.0))
        stage.parts, stage.done, stage.since = total, done, now

    def advance(self, name: str, parts: int, now: float) -> None:
        """Count finished parts of a stage."""
        stage = self._stages[name]
        stage.done += parts
        stage.worked += parts
        if stage.since is not None:
            stage.seconds += now - stage.since
        stage.since = now

    def seconds_left(self) -> float | None:
        """Give the expected seconds of all that is left, None while nothing was measured."""
        spent = sum(stage.seconds for stage in self._stages.values() if stage.cost)
        work = sum(stage.worked * stage.cost for stage in self._stages.values())
        if not work:
            return None
        left = 0.0
        for stage in self._stages.values():
            pace = stage.seconds / stage.worked if stage.worked else stage.cost * spent / work
            left += max(stage.parts - stage.done, 0) * pace
        return left

    def share(self) -> float:
        """Give the finished share of the whole job, 0 to 1, by expected cost."""
        total = sum(stage.parts * stage.cost for stage in self._stages.values())
        done = sum(min(stage.done, stage.parts) * stage.cost for stage in self._stages.values())
        return done / total if total else 0.0


def in_words(seconds: float) -> str:
    """Say a duration as a person would: ``about 3 min``."""
    if seconds < 90:
        return f"about {max(10 * round(seconds / 10), 10)} s"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min"
    if seconds < 172800:
        return f"about {seconds / 3600:.1f} h"
    return f"about {seconds / 86400:.1f} days"
