"""Draws elements into a window, from stimuli that are made once."""

from __future__ import annotations

from typing import Any

from PIL import Image

from experiment.appearance import Layout
from experiment.elements import Box, Element, Picture, Text, shape_text, text_picture
from experiment.layout import SLOTS
from experiment.photodiode import Patch


class Painter:
    """Draws on the canvas of a layout, scaled to a window; edges fall on whole pixels.

    Making a stimulus costs milliseconds, so there are 20 picture slots, one rectangle a colour
    and one picture a text, all kept.

    Parameters
    ----------
    window : psychopy.visual.Window
        Units are pixels.
    stimulus : type
        `psychopy.visual.ImageStim`; PsychoPy is imported only where there is a display.
    size : tuple of int
        Of the window, in pixels.
    layout : Layout
        The canvas.
    """

    def __init__(self, window: Any, stimulus: Any, size: tuple[int, int], layout: Layout) -> None:
        self._window, self._stimulus = window, stimulus
        self._size, self._layout = size, layout
        self.scale = layout.scale(size)
        self._slots = [self._make_slot() for _ in range(SLOTS)]
        self._boxes: dict[str, Any] = {}
        self._texts: dict[Text, Any] = {}

    def load(self, slot: int, image: Image.Image) -> None:
        """Upload an image into a picture slot."""
        self._slots[slot].setImage(image, log=False)

    def _make_slot(self) -> Any:
        side = max(1, round(self._layout.image * self.scale))
        return self._stimulus(
            self._window,
            image=Image.new("RGB", (side, side)),
            units="pix",
            size=(side, side),
            interpolate=True,
            autoLog=False,
        )

    def _place(self, x: float, y: float, width: int, height: int) -> tuple[float, float]:
        """Find a centre such that the edges fall on whole pixels of the window."""
        left = round(x * self.scale - width / 2 + self._size[0] / 2)
        bottom = round(y * self.scale - height / 2 + self._size[1] / 2)
        return left + width / 2 - self._size[0] / 2, bottom + height / 2 - self._size[1] / 2

    def to_canvas(self, x: float, y: float) -> tuple[float, float]:
        """Turn pixels of the window, origin lower left, into places on the canvas."""
        return (x - self._size[0] / 2) / self.scale, (y - self._size[1] / 2) / self.scale

    def draw(self, element: Element) -> None:
        """Draw one element into the back buffer."""
        if isinstance(element, Picture):
            side = max(1, round(element.size * self.scale))
            stimulus = self._slots[element.slot]
            stimulus.setPos(self._place(element.x, element.y, side, side), log=False)
        elif isinstance(element, Text):
            stimulus = self._texts.get(element) or self._make_text(element)
        else:
            stimulus = self._box(element)
        stimulus.draw()

    def _filled(self, fill: str) -> Any:
        stimulus = self._boxes.get(fill)
        if stimulus is None:
            stimulus = self._boxes[fill] = self._stimulus(
                self._window,
                image=Image.new("RGB", (4, 4), fill),
                units="pix",
                interpolate=False,
                autoLog=False,
            )
        return stimulus

    def _box(self, box: Box) -> Any:
        stimulus = self._filled(box.fill)
        width = max(1, round(box.width * self.scale))
        height = max(1, round(box.height * self.scale))
        stimulus.setSize((width, height), log=False)
        stimulus.setPos(self._place(box.x, box.y, width, height), log=False)
        return stimulus

    def draw_patch(self, patch: Patch) -> None:
        """Draw the patch for a photodiode, in pixels of the window."""
        stimulus = self._filled(patch.fill)
        stimulus.setSize((patch.side, patch.side), log=False)
        stimulus.setPos(patch.place, log=False)
        stimulus.draw()

    def _make_text(self, text: Text) -> Any:
        picture = text_picture(text, self.scale)
        shape = shape_text(text, self.scale)
        shift = {"left": 0.5, "centre": 0.0, "right": -0.5}[text.align] * shape.width / self.scale
        stimulus = self._stimulus(
            self._window,
            image=picture,
            units="pix",
            size=picture.size,
            pos=self._place(text.x + shift, text.y, *picture.size),
            interpolate=False,
            autoLog=False,
        )
        self._texts[text] = stimulus
        return stimulus
