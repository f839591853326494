"""The keyboard's traps, each with its defence. Real keys are pressed in test_window.py."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from experiment.keyboard import choose_backend, keyboard_problem
from experiment.responses import PressCollector
from house.errors import UserError


@dataclass
class Key:
    """A key as PsychoPy gives it."""

    name: str
    tDown: float  # noqa: N815
    released: bool = False


@dataclass
class PsychoPyLike:
    """Gives keys by PsychoPy's rule: released ones or held ones, never both.

    A key that was given while held is given again, as the same object, after its release
    (`KeyboardDevice.getKeys` and `dispatchMessages` of PsychoPy 2026.2.5).
    """

    buffer: list[Key] = field(default_factory=list)

    def down(self, name: str, moment: float) -> Key:
        key = Key(name, moment)
        self.buffer.append(key)
        return key

    def up(self, key: Key) -> None:
        key.released = True
        if key not in self.buffer:
            self.buffer.append(key)

    def getKeys(self, *, waitRelease: bool, clear: bool) -> list[Key]:  # noqa: N802
        assert clear
        wanted = [key for key in self.buffer if key.released == waitRelease]
        self.buffer = [key for key in self.buffer if key.released != waitRelease]
        return wanted


def collected(collector: PressCollector) -> list[tuple[str, float]]:
    return [(press.key, press.time) for press in collector.poll()]


def test_a_press_that_ended_before_the_poll_is_not_lost() -> None:
    keyboard = PsychoPyLike()
    collector = PressCollector(keyboard)
    collector.open(0.0)
    keyboard.up(keyboard.down("u", 0.5))
    assert collected(collector) == [("u", 0.5)]


def test_a_held_key_counts_at_once_and_only_once() -> None:
    keyboard = PsychoPyLike()
    collector = PressCollector(keyboard)
    collector.open(0.0)
    key = keyboard.down("u", 0.5)
    assert collected(collector) == [("u", 0.5)]
    keyboard.up(key)
    assert collected(collector) == []
    keyboard.up(keyboard.down("u", 0.9))
    assert collected(collector) == [("u", 0.9)]


def test_order_is_by_time_whichever_list_a_key_came_in() -> None:
    keyboard = PsychoPyLike()
    collector = PressCollector(keyboard)
    collector.open(0.0)
    keyboard.down("u", 0.5)
    keyboard.up(keyboard.down("j", 0.6))
    assert collected(collector) == [("u", 0.5), ("j", 0.6)]


def test_presses_before_the_onset_are_rejected_and_kept() -> None:
    keyboard = PsychoPyLike()
    collector = PressCollector(keyboard)
    keyboard.up(keyboard.down("u", 0.9))
    keyboard.up(keyboard.down("j", 1.001))
    collector.open(1.0)
    assert [(p.key, p.time) for p in collector.rejected()] == [("u", 0.9)]
    # One between the flip and the moment the program looked counts.
    assert collected(collector) == [("j", 1.001)]


def test_a_key_held_across_the_onset_is_rejected_when_it_is_released() -> None:
    keyboard = PsychoPyLike()
    collector = PressCollector(keyboard)
    collector.open(0.0)
    key = keyboard.down("u", 0.9)
    # The buffers are emptied at the onset as `clearEvents` does; the release still arrives.
    keyboard.buffer.clear()
    collector.open(1.0)
    keyboard.up(key)
    assert collected(collector) == []
    assert [(p.key, p.time) for p in collector.rejected()] == [("u", 0.9)]


def test_each_screen_has_its_own_rejected_presses() -> None:
    keyboard = PsychoPyLike()
    collector = PressCollector(keyboard)
    keyboard.up(keyboard.down("u", 0.9))
    collector.open(1.0)
    collector.open(2.0)
    assert collector.rejected() == []


def test_peeking_leaves_the_press_for_later() -> None:
    keyboard = PsychoPyLike()
    collector = PressCollector(keyboard)
    collector.open(0.0)
    keyboard.up(keyboard.down("escape", 0.5))
    assert not collector.peek("q")
    assert collector.peek("escape")
    assert collected(collector) == [("escape", 0.5)]
    assert not collector.peek("escape")


@pytest.mark.parametrize(
    ("wanted", "have", "backend", "buffers", "said"),
    [
        ("ptb", False, None, 0, "psychtoolbox cannot be loaded"),
        ("ptb", True, "event", 0, 'took the keyboard backend "event"'),
        ("ptb", True, "iohub", 1, 'took the keyboard backend "iohub"'),
        ("ptb", True, "ptb", 0, "sees no keyboard"),
        ("iohub", True, "event", 0, 'took the keyboard backend "event"'),
    ],
)
def test_a_keyboard_that_would_stay_silent(
    wanted: str, have: bool, backend: str | None, buffers: int, said: str
) -> None:
    problem = keyboard_problem(wanted, have, backend, buffers)
    assert problem is not None
    assert said in str(problem)
    assert problem.remedy


def test_a_keyboard_that_works() -> None:
    assert keyboard_problem("ptb", True, "ptb", 1) is None
    assert keyboard_problem("iohub", False, "iohub", 0) is None


@pytest.mark.parametrize(
    ("wanted", "safe", "expected"),
    [
        ("auto", True, "ptb"),
        ("auto", False, "iohub"),
        ("psychtoolbox", True, "ptb"),
        ("iohub", True, "iohub"),
        ("iohub", False, "iohub"),
    ],
)
def test_the_backend_is_one_that_does_not_crash(wanted: str, safe: bool, expected: str) -> None:
    assert choose_backend(wanted, safe) == expected


def test_a_backend_that_would_crash_or_does_not_exist() -> None:
    with pytest.raises(UserError, match=r"Give the permission .* or take --keyboard iohub"):
        choose_backend("psychtoolbox", False)
    with pytest.raises(UserError, match="There are: auto, psychtoolbox, iohub"):
        choose_backend("usb")
