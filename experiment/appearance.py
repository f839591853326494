"""How screens look: sizes in pixels or degrees of visual angle, colours, the monitor. Pure."""

from __future__ import annotations

import math
import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field


def _colour(value: str) -> str:
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise ValueError('should be a colour such as "#1b7f3b"')
    return value.lower()


Colour = Annotated[str, AfterValidator(_colour)]


class Table(BaseModel):
    """A table of a protocol: unknown keys are refused, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Monitor(Table):
    """The monitor as measured in the laboratory; all zeros: not measured.

    Attributes
    ----------
    width_cm, distance_cm : float
        Width of the visible picture, and how far the eyes are from it.
    width_px, height_px : int
        Its resolution.
    """

    width_cm: float = Field(default=0.0, ge=0, le=500)
    distance_cm: float = Field(default=0.0, ge=0, le=1000)
    width_px: int = Field(default=0, ge=0, le=16384)
    height_px: int = Field(default=0, ge=0, le=16384)

    @property
    def measured(self) -> bool:
        """Whether degrees can be told from it."""
        return bool(self.width_cm and self.distance_cm and self.width_px and self.height_px)

    def pixels(self, degrees: float) -> float:
        """Pixels of the monitor that `degrees` of visual angle cover in its middle.

        A thing of size s at distance d covers 2 arctan(s / 2d).
        """
        size = 2 * self.distance_cm * math.tan(math.radians(degrees) / 2)
        return size * self.width_px / self.width_cm


class Layout(Table):
    """Sizes on a canvas of `width` x `height` that is scaled uniformly to the window.

    `image`, `gap` and `frame` are pixels of the canvas, or degrees of visual angle on the
    measured monitor. Texts and margins are always laid out on the canvas.
    """

    unit: Literal["pixels", "degrees"] = "pixels"
    width: int = Field(default=1920, ge=640)
    height: int = Field(default=1080, ge=480)
    image: float = Field(default=224, gt=0, le=4000)
    gap: float = Field(default=7, ge=0, le=4000)
    margin: float = Field(default=28, ge=0, le=4000)
    frame: float = Field(default=6, ge=0, le=4000)

    def scale(self, size: tuple[int, int]) -> float:
        """Pixels of a window that one pixel of the canvas takes."""
        return min(size[0] / self.width, size[1] / self.height)

    def on_canvas(self, monitor: Monitor) -> Layout:
        """Give the same layout in pixels of the canvas.

        Degrees become whole pixels of the monitor first, so that images are shown pixel by pixel
        and every gap is as wide as the next.
        """
        if self.unit == "pixels":
            return self
        scale = self.scale((monitor.width_px, monitor.height_px))
        sizes = {
            name: max(least, round(monitor.pixels(getattr(self, name)))) / scale
            for name, least in (("image", 1), ("gap", 0), ("frame", 1))
        }
        return self.model_copy(update={"unit": "pixels", **sizes})

    def problem(self, per_side: int, texts: float = 200) -> str | None:
        """Say why `per_side` images in a row have no room on each side; None where they have.

        `texts` is the height on the canvas that everything else needs.
        """
        side = per_side * self.image + (per_side - 1) * self.gap
        needed = 2 * (side + self.margin) + self.image + 2 * self.margin
        height = max(side, 2 * self.image + 220) + texts
        if needed <= self.width and height <= self.height:
            return None
        return (
            f"should have room for its images: {per_side} in a row of {self.image:g} px on each "
            f"side and two in the middle need {needed:g} x {height:g} px of a canvas of "
            f"{self.width} x {self.height}"
        )


class Colours(Table):
    """Colours of the screens as `#rrggbb`."""

    background: Colour = "#efefed"
    text: Colour = "#1c1c1e"
    muted: Colour = "#6b6b70"
    line: Colour = "#d3d3d1"
    key: Colour = "#ffffff"
    chosen: Colour = "#000000"
    correct: Colour = "#0a8f4d"


class Screen(Table):
    """What the presentation machine should offer; preflight compares."""

    refresh_rate: float = Field(default=60.0, gt=0, le=500)
    refresh_tolerance: float = Field(default=1.0, gt=0)
    smallest: tuple[int, int] = (1280, 720)
