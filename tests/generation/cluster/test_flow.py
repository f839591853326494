from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.cluster.flow import Task, flow
from generation.cluster.tasks import Done, Failed, Lost, Outcome
from house.errors import UserError


class Bench:
    """An engine without a cluster: finishes tasks in any order and loses some of them."""

    def __init__(self, room: int, random: Random, losses: dict[str, int]) -> None:
        self._room, self._random, self.losses = room, random, losses
        self.under_way: dict[int, Task] = {}
        self.submitted: Counter[str] = Counter()
        self.most = 0
        self.unfit = 0

    def submit(self, task: Task) -> int:
        handle = sum(self.submitted.values())
        self.under_way[handle] = task
        self.submitted[task.name] += 1
        self.most = max(self.most, len(self.under_way))
        return handle

    def room(self) -> int:
        return self._room

    def wait(self, handles: Sequence[int]) -> Sequence[int]:
        assert set(handles) == set(self.under_way)
        return self._random.sample(list(handles), self._random.randint(1, len(handles)))

    def collect(self, handle: int) -> Outcome:
        task = self.under_way.pop(handle)
        if self.losses.get(task.name, 0):
            self.losses[task.name] -= 1
            return Lost("its worker died")
        return task.work(*task.arguments)


def double(number: int) -> Done:
    return Done(2 * number, (f"{number} done",))


def tasks(count: int) -> deque[Task]:
    return deque(Task(str(number), double, (number,), "make") for number in range(count))


@given(
    st.integers(0, 40),
    st.integers(1, 7),
    st.dictionaries(st.integers(0, 39).map(str), st.integers(1, 3)),
    st.randoms(use_true_random=False),
)
def test_every_task_is_done_once_however_many_are_lost_and_few_exist_at_a_time(
    count: int, room: int, losses: dict[str, int], random: Random
) -> None:
    engine = Bench(room, random, dict(losses))
    waiting, said = tasks(count), []
    results = list(flow(engine, lambda: waiting.popleft() if waiting else None, 3, said.append))
    assert sorted(value for _, value in results) == [2 * number for number in range(count)]
    assert engine.most <= room
    for name, times in engine.submitted.items():
        assert times == 1 + losses.get(name, 0)
    assert sum("done again, because its worker died" in text for text in said) == sum(
        times for name, times in losses.items() if int(name) < count
    )


def test_tasks_that_arise_from_results_are_done_too() -> None:
    engine = Bench(2, Random(0), {})
    waiting = tasks(3)
    for task, value in flow(engine, lambda: waiting.popleft() if waiting else None, 0, print):
        if value < 20:
            waiting.append(Task(task.name, double, (value + 10,), "make"))
    assert sum(engine.submitted.values()) == 6


def test_a_task_that_is_lost_too_often_or_fails_ends_the_work_with_a_sentence() -> None:
    waiting = tasks(2)
    engine = Bench(1, Random(0), {"1": 3})
    with pytest.raises(UserError, match="1: lost 3 times, at last because its worker died"):
        list(flow(engine, lambda: waiting.popleft() if waiting else None, 2, print))
    failing = deque([Task("x", lambda: Failed("no room", "here", "Make some."), (), "make")])  # type: ignore[arg-type,return-value]
    with pytest.raises(UserError, match=r"here: no room\. Make some\."):
        list(flow(Bench(1, Random(0), {}), lambda: failing.popleft(), 2, print))


class Workers:
    """An engine of processes that fail, and end when they are given the task after that."""

    def __init__(self, count: int, random: Random, failures: dict[str, int], deaths: int) -> None:
        self._fit = [True] * count
        self._random, self._failures, self._deaths = random, failures, deaths
        self._waiting: deque[tuple[int, Task]] = deque()
        self._done: dict[int, Outcome] = {}
        self._given = 0
        self.unfit = 0

    def submit(self, task: Task) -> int:
        self._given += 1
        self._waiting.append((self._given, task))
        return self._given

    def room(self) -> int:
        return 2 * len(self._fit)

    def wait(self, handles: Sequence[int]) -> Sequence[int]:
        # Some processes do a task, one or more, before anybody looks.
        for _ in range(self._random.randint(1, 4)):
            if self._waiting:
                handle, task = self._waiting.popleft()
                self._done[handle] = self._do(self._random.randrange(len(self._fit)), task)
        # In the order of handing in, not in that of finishing.
        return [handle for handle in handles if handle in self._done]

    def _do(self, process: int, task: Task) -> Outcome:
        if not self._fit[process]:
            self._fit[process] = True
            return Lost("its worker died", died=True)
        if self._failures.get(task.name, 0):
            self._failures[task.name] -= 1
            self._fit[process] = False
            return Lost("ValueError: x", unfit=True)
        if self._deaths and self._random.randrange(10) < 3:
            self._deaths -= 1
            return Lost("its worker died", died=True)
        return task.work(*task.arguments)

    def collect(self, handle: int) -> Outcome:
        return self._done.pop(handle)


@given(st.integers(1, 4), st.integers(0, 3), st.randoms(use_true_random=False))
def test_a_failure_is_counted_once_and_for_its_own_task(
    processes: int, failing: int, random: Random
) -> None:
    # As often as may be: one more, of this task or of another, would end the work.
    failures = {str(number): 3 for number in range(failing)}
    engine = Workers(processes, random, dict(failures), 0)
    waiting, said = tasks(12), []
    seen = {}
    for task, value in flow(engine, lambda: waiting.popleft() if waiting else None, 3, said.append):
        seen[task.name] = (task.losses, value)
    assert seen == {str(n): (failures.get(str(n), 0), 2 * n) for n in range(12)}
    again = [text for text in said if "done again" in text]
    assert len(again) == 3 * failing
    assert all(text.endswith("because ValueError: x") for text in again)


@given(st.integers(1, 4), st.randoms(use_true_random=False))
def test_the_last_reason_told_is_that_of_the_failure(processes: int, random: Random) -> None:
    engine = Workers(processes, random, {"3": 4}, 0)
    waiting = tasks(12)
    with pytest.raises(UserError, match="3: lost 4 times, at last because ValueError: x"):
        list(flow(engine, lambda: waiting.popleft() if waiting else None, 3, lambda text: None))


@given(st.integers(1, 4), st.integers(0, 5), st.randoms(use_true_random=False))
def test_ends_that_nobody_foresaw_are_counted(processes: int, deaths: int, random: Random) -> None:
    engine = Workers(processes, random, {"1": 1}, deaths)
    waiting, said = tasks(12), []
    list(flow(engine, lambda: waiting.popleft() if waiting else None, 9, said.append))
    counted = sum("because its worker died" in text for text in said)
    # One end is the failed process' own, if it was given a task afterwards; told of either way.
    happened = deaths - engine._deaths
    assert happened - 1 <= counted <= happened
