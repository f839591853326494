"""What a screen is drawn from: texts, boxes and pictures on the design canvas.

Coordinates are pixels of the protocol's canvas, origin in the centre, y upward. Screens only
list elements; the display draws them. So every screen can be checked without a window.
"""

from __future__ import annotations

import importlib.util
import math
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, Union

from PIL import Image, ImageDraw, ImageFont

from house.errors import UserError


@dataclass(frozen=True)
class Box:
    """A filled rectangle, centred on (x, y)."""

    x: float
    y: float
    width: float
    height: float
    fill: str


@dataclass(frozen=True)
class Text:
    """Lines of text. `align` says which part of the lines lies at x; y is their middle.

    `size` is the height of the type in pixels, `width` the width at which lines break (None:
    only at line ends), `on` the colour behind the text.
    """

    text: str
    x: float
    y: float
    size: float
    colour: str
    on: str
    bold: bool = False
    align: Literal["left", "centre", "right"] = "centre"
    width: float | None = None
    spacing: float = 1.45


@dataclass(frozen=True)
class Picture:
    """The image in one of the display's slots, a square of `size` centred on (x, y)."""

    slot: int
    x: float
    y: float
    size: float


Element = Union[Box, Text, Picture]  # noqa: UP007  (an alias at run time on Python 3.10)


@dataclass(frozen=True)
class Extent:
    """The rectangle an element covers."""

    left: float
    bottom: float
    right: float
    top: float

    def holds(self, x: float | None, y: float | None) -> bool:
        """Say whether a point lies in the rectangle."""
        if x is None or y is None:
            return False
        return self.left <= x <= self.right and self.bottom <= y <= self.top

    @property
    def centre(self) -> tuple[float, float]:
        """Give the middle of the rectangle."""
        return (self.left + self.right) / 2, (self.bottom + self.top) / 2

    def overlaps(self, other: Extent, slack: float = 0.5) -> bool:
        """Say whether two rectangles share more than `slack` pixels in both directions."""
        return (
            min(self.right, other.right) - max(self.left, other.left) > slack
            and min(self.top, other.top) - max(self.bottom, other.bottom) > slack
        )


@lru_cache
def font_file(bold: bool) -> Path:
    """Find the typeface that PsychoPy brings, so that screens look the same on every machine.

    Raises
    ------
    UserError
        If PsychoPy is not installed.
    """
    found = importlib.util.find_spec("psychopy")
    if found is None or found.origin is None:
        raise UserError(
            "PsychoPy is not installed",
            remedy="Install this room: pip install -e '.[experiment]'.",
        )
    name = "NotoSans-Bold.ttf" if bold else "NotoSans-Regular.ttf"
    return Path(found.origin).parent / "assets" / "fonts" / name


@lru_cache(maxsize=256)
def font(size: int, bold: bool) -> ImageFont.FreeTypeFont:
    """Give the typeface at a height in pixels."""
    return ImageFont.truetype(str(font_file(bold)), size)


def break_lines(text: str, face: ImageFont.FreeTypeFont, width: float | None) -> list[str]:
    """Break a text into lines no wider than `width` pixels; empty lines part paragraphs."""
    lines: list[str] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split(" "):
            longer = f"{line} {word}" if line else word
            if line and width is not None and face.getlength(longer) > width:
                lines.append(line)
                line = word
            else:
                line = longer
        lines.append(line)
    return lines


@dataclass(frozen=True)
class TextShape:
    """A text broken and measured at a scale, in pixels of the window."""

    lines: tuple[str, ...]
    size: int
    line_height: int
    width: int
    height: int


@lru_cache(maxsize=1024)
def shape_text(text: Text, scale: float = 1.0) -> TextShape:
    """Break and measure a text for a window in which a canvas pixel is `scale` pixels."""
    size = max(8, round(text.size * scale))
    face = font(size, text.bold)
    limit = None if text.width is None else text.width * scale
    lines = tuple(break_lines(text.text, face, limit))
    width = max(1, max(math.ceil(face.getlength(line)) for line in lines))
    line_height = round(size * text.spacing)
    return TextShape(lines, size, line_height, width + 2, line_height * len(lines))


def extent(element: Element) -> Extent:
    """Give the rectangle that an element covers on the canvas."""
    if isinstance(element, Text):
        shape = shape_text(element)
        left = element.x - {"left": 0.0, "centre": 0.5, "right": 1.0}[element.align] * shape.width
        # Of the outer lines only the type counts, not the space between lines.
        half = (shape.height - (shape.line_height - shape.size)) / 2
        return Extent(left, element.y - half, left + shape.width, element.y + half)
    width = element.size if isinstance(element, Picture) else element.width
    height = element.size if isinstance(element, Picture) else element.height
    return Extent(
        element.x - width / 2, element.y - height / 2, element.x + width / 2, element.y + height / 2
    )


def text_picture(text: Text, scale: float) -> Image.Image:
    """Set a text as a picture, in pixels of the window."""
    shape = shape_text(text, scale)
    picture = Image.new("RGB", (shape.width, shape.height), text.on)
    draw = ImageDraw.Draw(picture)
    face = font(shape.size, text.bold)
    for i, line in enumerate(shape.lines):
        x = {"left": 0.0, "centre": shape.width / 2, "right": shape.width}[text.align]
        anchor = {"left": "lm", "centre": "mm", "right": "rm"}[text.align]
        y = (i + 0.5) * shape.line_height
        draw.text((x, y), line, font=face, fill=text.colour, anchor=anchor)
    return picture
