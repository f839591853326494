"""The patch of the screen that a photodiode looks at, and what its recording says. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

_PART_OF_HEIGHT = 0.06
LIT, DARK = "#ffffff", "#000000"


@dataclass
class Patch:
    """A square in a corner of the window, white while a trial is shown and black otherwise.

    Parameters
    ----------
    corner : str
        One of `triggers.CORNERS`.
    size : tuple of int
        Width and height of the window in pixels.
    """

    corner: str
    size: tuple[int, int]
    lit: bool = field(default=False, init=False)

    @property
    def side(self) -> int:
        """Length of an edge in pixels; even, so that edges fall on whole pixels."""
        return 2 * max(8, round(self.size[1] * _PART_OF_HEIGHT / 2))

    @property
    def place(self) -> tuple[float, float]:
        """Centre in pixels from the middle of the window, y upwards."""
        vertical, horizontal = self.corner.split("-")
        x = (self.size[0] - self.side) / 2 * (1 if horizontal == "right" else -1)
        y = (self.size[1] - self.side) / 2 * (1 if vertical == "top" else -1)
        return x, y

    @property
    def fill(self) -> str:
        """Its colour now."""
        return LIT if self.lit else DARK

    def describe(self) -> dict[str, Any]:
        """Give corner and edge, for the session's record."""
        return {"corner": self.corner, "side_px": self.side}
