"""The mouse's events: what counts, where, and beside the keyboard's. Real ones: window tests."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiment.pointer import Pointer
from experiment.responses import PressCollector
from tests.experiment.test_responses import PsychoPyLike


class PygletLike:
    """Takes handlers and a position."""

    def __init__(self) -> None:
        self.handlers: dict[str, Callable[..., None]] = {}
        self.position = (0, 0)

    def push_handlers(self, **handlers: Callable[..., None]) -> None:
        self.handlers = handlers

    def get_size(self) -> tuple[int, int]:
        return 1280, 800

    def set_mouse_position(self, x: int, y: int) -> None:
        self.position = x, y


def made(now: list[float]) -> tuple[PygletLike, Pointer]:
    handle = PygletLike()
    place: Any = lambda x, y: (x - 640.0, y - 400.0)  # noqa: E731
    return handle, Pointer(handle, lambda: now[0], place)


def test_only_the_left_button_going_down_is_a_click() -> None:
    now = [1.0]
    handle, pointer = made(now)
    press, drag = handle.handlers["on_mouse_press"], handle.handlers["on_mouse_drag"]
    press(640, 500, 4, 0)  # the right button
    press(640, 500, 1, 0)
    now[0] = 1.5
    drag(650, 500, 10, 0, 4, 0)
    drag(660, 500, 10, 0, 1, 0)
    found = [(p.key, p.time, p.x, p.y) for p in pointer.take()]
    assert found == [("click", 1.0, 0.0, 100.0), ("drag", 1.5, 20.0, 100.0)]
    assert pointer.take() == []
    # There is no event for a button that is held: it has to be released first.
    assert set(handle.handlers) == {"on_mouse_press", "on_mouse_drag"}


def test_the_pointer_goes_to_the_middle() -> None:
    handle, pointer = made([0.0])
    pointer.centre()
    assert handle.position == (640, 400)


def test_clicks_and_keys_are_judged_alike() -> None:
    now = [0.9]
    handle, pointer = made(now)
    keyboard = PsychoPyLike()
    collector = PressCollector(keyboard, pointer)
    click = handle.handlers["on_mouse_press"]
    click(1, 1, 1, 0)
    keyboard.down("u", 0.95)
    collector.open(1.0)
    assert [press.name for press in collector.rejected()] == ["mouse", "u"]
    now[0] = 1.4
    click(640, 400, 1, 0)
    keyboard.down("i", 1.2)
    assert [(press.key, press.time) for press in collector.poll()] == [("i", 1.2), ("click", 1.4)]
