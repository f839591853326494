"""Tasks that others do: a bounded number under way, lost ones again. Knows nothing of Ray."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from generation.cluster.tasks import Done, Failed, Lost, Outcome
from house.errors import UserError

_log = logging.getLogger(__name__)


@dataclass
class Task:
    """One thing to do.

    Attributes
    ----------
    name : str
        For people.
    work : callable
        One of `generation.cluster.tasks`.
    arguments : tuple
        For it, after the bench.
    kind : str
        What it needs: "record", "make", or "merge", which needs no GPU.
    losses : int
        How often it was lost.
    """

    name: str
    work: Callable[..., Done]
    arguments: tuple[Any, ...]
    kind: str
    losses: int = 0


class Engine(Protocol):
    """Who has tasks done.

    Attributes
    ----------
    unfit : int
        Processes that told of a failure and end when they are given their next task.
    """

    unfit: int

    def submit(self, task: Task) -> Hashable:
        """Hand a task in; the handle stands for it."""
        ...

    def room(self) -> int:
        """Give the number of tasks that may be under way, waiting ones included."""
        ...

    def wait(self, handles: Sequence[Any]) -> Sequence[Any]:
        """Wait until some are finished, and give all that are."""
        ...

    def collect(self, handle: Any) -> Outcome:
        """Give a finished task's outcome."""
        ...


def flow(
    engine: Engine,
    following: Callable[[], Task | None],
    retries: int,
    say: Callable[[str], None],
) -> Iterator[tuple[Task, Any]]:
    """Have tasks done.

    However many there are, only as many as the engine has room for exist at a time.

    Parameters
    ----------
    engine : Engine
    following : callable
        Gives the next task, or None where there is none now; asked again after each result.
    retries : int
        How often a task may be lost and done again.
    say : callable
        Told of lost tasks.

    Yields
    ------
    task, value
        As they are finished.

    Raises
    ------
    UserError
        If a task fails, or is lost too often.
    """
    under_way: dict[Any, Task] = {}
    again: deque[Task] = deque()
    while True:
        while len(under_way) < engine.room():
            task = again.popleft() if again else following()
            if task is None:
                break
            under_way[engine.submit(task)] = task
        if not under_way:
            return
        finished = [
            (under_way.pop(handle), engine.collect(handle))
            for handle in engine.wait(list(under_way))
        ]
        # What a process told of is known before its end is.
        engine.unfit += sum(isinstance(out, Lost) and out.unfit for _, out in finished)
        for task, outcome in finished:
            if isinstance(outcome, Failed):
                raise UserError(outcome.problem, where=outcome.where, remedy=outcome.remedy)
            if isinstance(outcome, Lost):
                if outcome.details:
                    _log.debug("%s: %s", task.name, outcome.details)
                if outcome.died and engine.unfit:
                    # The end of a process that failed before: its failure was counted then, for
                    # the task that it came from.
                    engine.unfit -= 1
                    again.append(task)
                    continue
                again.append(_lose(task, outcome.reason, retries, say))
                continue
            for text in outcome.said:
                say(text)
            yield task, outcome.value


def _lose(task: Task, reason: str, retries: int, say: Callable[[str], None]) -> Task:
    task.losses += 1
    if task.losses > retries:
        raise UserError(
            f"{task.name}: lost {task.losses} times, at last because {reason}",
            remedy="What was finished is kept. Give a task more memory with --task-memory, or "
            "look into Ray's logs, and give the command again.",
        )
    say(f"note: {task.name} is done again, because {reason}")
    return task
