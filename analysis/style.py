"""How figures look: colours that all eyes can tell apart, sizes that fit a column."""

from __future__ import annotations

import base64
import io
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

RESOLUTION = 200
"""Pixels an inch of the PNG files."""

WIDTH = 4.6
"""Inches: readable at the width of a column and of a telephone."""

# Okabe & Ito's palette: distinct under the common forms of colour blindness.
_COLOURS = {"synthetic": "#0072B2", "natural": "#E69F00", "none": "#777777"}
_OTHER_COLOURS = ("#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#000000")
_MARKERS = {"synthetic": "o", "natural": "s", "none": "^"}
_OTHER_MARKERS = ("D", "v", "P", "X", "*")
INK = "#222222"
FAINT = "#9a9a9a"

_RC: dict[Any, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.labelsize": 9,
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 8.5,
    "legend.fontsize": 8.5,
    "legend.frameon": False,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.linewidth": 0.8,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "svg.fonttype": "path",
    # Names come from data: a dollar sign in one is no formula.
    "text.parse_math": False,
    "svg.hashsalt": "exemplary",
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
}


@dataclass(frozen=True)
class Picture:
    """A finished figure.

    Attributes
    ----------
    name : str
        Name of its files, without ending.
    title, caption, alt : str
        Heading, caption with the meaning of every mark, and a description for those who
        cannot see it.
    svg, png : bytes
        The same picture twice.
    """

    name: str
    title: str
    caption: str
    alt: str
    svg: bytes
    png: bytes

    @property
    def data_uri(self) -> str:
        """The SVG for an ``img`` element: nothing to load, no ids to collide with another's."""
        return "data:image/svg+xml;base64," + base64.b64encode(self.svg).decode("ascii")


def drawing_style() -> AbstractContextManager[None]:
    """Context in which figures are made and saved; matplotlib's own settings are untouched."""
    return mpl.rc_context(_RC)


def colour(condition: str, index: int = 0) -> str:
    """Colour of a condition; those that are not the paper's take the next of the palette."""
    return _COLOURS.get(condition, _OTHER_COLOURS[index % len(_OTHER_COLOURS)])


def marker(condition: str, index: int = 0) -> str:
    """Marker of a condition, so that colour is never the only difference."""
    return _MARKERS.get(condition, _OTHER_MARKERS[index % len(_OTHER_MARKERS)])


def new_figure(height: float, rows: int = 1, **options: Any) -> tuple[Figure, list[Axes]]:
    """Make a figure of column width with axes below each other, without pyplot's global state."""
    figure = Figure(figsize=(WIDTH, height), layout="constrained")
    axes = figure.subplots(rows, 1, squeeze=False, **options)
    return figure, list(axes[:, 0])


def finish(figure: Figure, name: str, title: str, caption: str, alt: str) -> Picture:
    """Save a figure as SVG and PNG, byte for byte the same for the same data."""
    svg, png = io.BytesIO(), io.BytesIO()
    figure.savefig(svg, format="svg", metadata={"Date": None, "Creator": None})
    # Both pictures have the same layout; working it out takes longer than drawing.
    figure.set_layout_engine("none")
    figure.savefig(png, format="png", dpi=RESOLUTION, metadata={"Software": None})
    return Picture(name, title, caption, alt, svg.getvalue(), png.getvalue())
