"""Where presses come from: the keyboard, with its traps defended against, or an observer."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import Any
from typing import Protocol as Interface

from experiment.keyboard import choose_backend, start_keyboard, stop_keyboard
from experiment.observers import Observer
from experiment.screens.base import Press, Screen


class RawPress(Interface):
    """What PsychoPy gives for a key: its name and when it went down."""

    name: str
    tDown: float  # noqa: N815  (PsychoPy's name)


class Backend(Interface):
    """The part of PsychoPy's keyboard that is used."""

    def getKeys(self, *, waitRelease: bool, clear: bool) -> Iterable[RawPress]:  # noqa: N802
        """Give presses: those released already, or those still held."""


class Pointing(Interface):
    """The part of the mouse that is used."""

    def take(self) -> list[Press]:
        """Give what it did since the last call."""


class PressCollector:
    """Takes presses from PsychoPy so that none is lost, doubled or taken for another trial.

    PsychoPy's `getKeys` gives either keys that have been released or keys that are still held,
    never both, so both are asked for, and a key that is given twice (held, then released) is
    known by its name and the time it went down.

    Parameters
    ----------
    backend : Backend
        PsychoPy's keyboard.
    pointer : Pointing, optional
        The mouse, where it answers; its presses are judged by the same rules.
    """

    def __init__(self, backend: Backend, pointer: Pointing | None = None) -> None:
        self._backend, self._pointer = backend, pointer
        self._known: set[tuple[str, float]] = set()
        self._onset = float("-inf")
        self._early: list[Press] = []
        self._waiting: list[Press] = []

    def _collect(self) -> list[Press]:
        """Take new presses from keyboard and mouse, in order of time."""
        fresh: list[Press] = self._pointer.take() if self._pointer is not None else []
        for released in (True, False):
            for raw in self._backend.getKeys(waitRelease=released, clear=True):
                identity = (raw.name, float(raw.tDown))
                if identity not in self._known:
                    self._known.add(identity)
                    fresh.append(Press(raw.name, float(raw.tDown)))
        return sorted(fresh, key=lambda press: press.time)

    def open(self, onset: float) -> None:
        """Take presses from `onset` on; what came before is kept apart as rejected.

        Called right after the flip of the onset. Presses are taken out and judged by when they
        went down rather than thrown away unseen, so the record says how many there were, and
        one that falls between the flip and this call still counts.
        """
        self._onset = onset
        fresh = [*self._waiting, *self._collect()]
        self._early = [press for press in fresh if press.time < onset]
        self._waiting = [press for press in fresh if press.time >= onset]

    def poll(self) -> list[Press]:
        """Give the presses since the last call, in order of time.

        A key that was held during the onset appears only when it is released, with a time
        before the onset: it joins the rejected ones.
        """
        fresh = [*self._waiting, *self._collect()]
        self._waiting = []
        self._early += [press for press in fresh if press.time < self._onset]
        return [press for press in fresh if press.time >= self._onset]

    def rejected(self) -> list[Press]:
        """Give the presses since the screen before that came too early for this one."""
        return list(self._early)

    def peek(self, key: str) -> bool:
        """Say whether a key was pressed since the last call of `poll`, leaving it for later."""
        self._waiting += self._collect()
        return any(press.key == key for press in self._waiting)


class KeyboardResponses(PressCollector):
    """The keyboard: time stamps of its keys do not depend on when we look.

    Parameters
    ----------
    wanted : {"auto", "psychtoolbox", "iohub"}
        See `keyboard.choose_backend`.
    pointer : Pointing, optional
        The mouse, where it answers.

    Raises
    ------
    UserError
        If there is no keyboard that works; see `keyboard.start_keyboard`.
    """

    def __init__(self, wanted: str = "auto", pointer: Pointing | None = None) -> None:
        self._device = start_keyboard(choose_backend(wanted))
        super().__init__(self._device, pointer)

    def expect(self, screen: Screen, onset: float) -> None:
        """Do nothing: people see the screen."""

    def upcoming(self) -> float | None:
        """Nobody knows when a person will press."""
        return None

    def describe(self) -> dict[str, Any]:
        """Give backend and devices, for the session's record."""
        return {
            "backend": str(self._device.getBackend()),
            "devices": sorted(int(i) for i in self._device._buffers),
            "mouse": self._pointer is not None,
        }

    def close(self) -> None:
        """Stop listening."""
        stop_keyboard(self._device)


class ObserverResponses:
    """Presses of a simulated participant, each at its time.

    Parameters
    ----------
    observer : Observer
        Who answers.
    now : callable
        The stage's clock.
    pace : float
        How many times faster than a person.
    """

    def __init__(self, observer: Observer, now: Callable[[], float], pace: float = 1.0) -> None:
        self._observer, self._now, self._pace = observer, now, pace
        self._due: deque[Press] = deque()

    def open(self, onset: float) -> None:
        """Forget what was not pressed yet."""
        self._due.clear()

    def expect(self, screen: Screen, onset: float) -> None:
        """Let the screen say how the observer answers it."""
        self._due.extend(screen.simulate(self._observer, onset, self._pace))

    def poll(self) -> list[Press]:
        """Give the presses that are due."""
        now = self._now()
        due: list[Press] = []
        while self._due and self._due[0].time <= now:
            due.append(self._due.popleft())
        return due

    def upcoming(self) -> float | None:
        """Give the time of the next press."""
        return self._due[0].time if self._due else None

    def rejected(self) -> list[Press]:
        """An observer never presses before the onset."""
        return []

    def peek(self, key: str) -> bool:
        """An observer never pauses."""
        return False

    def describe(self) -> dict[str, Any]:
        """Say that there is no keyboard."""
        return {"backend": "observer", "pace": self._pace}

    def close(self) -> None:
        """Do nothing."""
