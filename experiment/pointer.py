"""The mouse: where its button went down on the canvas, and when the window heard of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from experiment.screens.base import CLICK, DRAG, Press

_LEFT = 1  # pyglet's bit for the left button


class Pointer:
    """Presses and drags of the left mouse button in a window.

    Only a button that *goes* down counts, so one that is still held from the trial before answers
    nothing; it has to be released first. Windows hear of the mouse when they flip: times are
    those of the first flip after the press, late by up to one frame. Where single milliseconds
    matter, let the keyboard answer.

    Parameters
    ----------
    handle : pyglet window
        Whose events are taken.
    now : callable
        The stage's clock.
    to_canvas : callable
        From pixels of the window, origin lower left, to the canvas.
    """

    def __init__(
        self,
        handle: Any,
        now: Callable[[], float],
        to_canvas: Callable[[float, float], tuple[float, float]],
    ) -> None:
        self._handle, self._now, self._to_canvas = handle, now, to_canvas
        self._presses: list[Press] = []
        handle.push_handlers(on_mouse_press=self._pressed, on_mouse_drag=self._dragged)

    def take(self) -> list[Press]:
        """Give what happened since the last call, in order."""
        found, self._presses = self._presses, []
        return found

    def centre(self) -> None:
        """Put the pointer in the middle of the window."""
        width, height = self._handle.get_size()
        self._handle.set_mouse_position(width // 2, height // 2)

    def _pressed(self, x: int, y: int, button: int, modifiers: int) -> None:
        if button == _LEFT:
            self._presses.append(Press(CLICK, self._now(), *self._to_canvas(x, y)))

    def _dragged(self, x: int, y: int, dx: int, dy: int, buttons: int, modifiers: int) -> None:
        if buttons & _LEFT:
            self._presses.append(Press(DRAG, self._now(), *self._to_canvas(x, y)))
