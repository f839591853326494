"""What all screens share: parameters, declared data, waiting for a key, small parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, ClassVar, Literal
from typing import Protocol as Interface

from experiment.elements import Box, Element, Extent, Text, shape_text
from experiment.observers import Observer
from experiment.protocol import Protocol
from experiment.stage import Stage
from experiment.texts import Catalogue

ScreenData = dict[str, Any]

# What a simulated participant takes to read a page, in seconds.
READING_TIME = 2.0


# Names of what a pointer does, in place of a key.
CLICK = "click"
DRAG = "drag"


@dataclass(frozen=True)
class Press:
    """A key that went down at `time`, in seconds on the stage's clock.

    For a pointer `key` is `CLICK` (its button went down) or `DRAG` (it moved with the button
    down), and `x`, `y` are where, on the canvas.
    """

    key: str
    time: float
    x: float | None = None
    y: float | None = None

    @property
    def name(self) -> str:
        """Give the name for the record."""
        return "mouse" if self.key in (CLICK, DRAG) else self.key


class Wish(Enum):
    """What a participant wants at the end of a screen."""

    GO_ON = "go on"
    PAUSE = "pause"
    LEAVE = "leave"


class Responses(Interface):
    """Where presses come from: a keyboard or a simulated participant."""

    def open(self, onset: float) -> None:
        """Take presses from `onset` on; called right after the flip of the onset."""

    def expect(self, screen: Screen, onset: float) -> None:
        """Say which screen is being shown (a simulated participant answers it)."""

    def poll(self) -> list[Press]:
        """Give the presses since the last call, in order of time, none from before the onset."""

    def upcoming(self) -> float | None:
        """Give the time of the next press where it is known."""

    def rejected(self) -> list[Press]:
        """Give the presses from before the onset, since the screen before."""

    def peek(self, key: str) -> bool:
        """Say whether a key was pressed since the last poll, leaving it for later."""

    def describe(self) -> dict[str, Any]:
        """Say what it is, for the session's record."""

    def close(self) -> None:
        """Stop listening."""


@dataclass(frozen=True)
class Screen(ABC):
    """One kind of screen. The fields of the class are its parameters.

    Attributes
    ----------
    name : str
        In the journal and in names of screenshots.
    data : dict
        What it records: name to description.
    """

    name: ClassVar[str]
    data: ClassVar[dict[str, str]]

    protocol: Protocol
    texts: Catalogue

    @property
    def label_of_kind(self) -> str:
        """Give a name for pictures of this screen; screens that look different differ in it."""
        return self.name

    @abstractmethod
    def elements(self) -> list[Element]:
        """List what is drawn."""

    @abstractmethod
    def simulate(self, observer: Observer, onset: float, pace: float) -> list[Press]:
        """Give the presses by which a simulated participant answers this screen.

        `pace` is how many times faster than a person the participant is shown things.
        """

    def answer_keys(self) -> tuple[str, ...]:
        """Name the keys that answer this screen, which do nothing where only the mouse does."""
        return ()

    def targets(self) -> dict[str, Extent]:
        """Say where a click means the same as a key: key to area."""
        return {}

    def key_of(self, press: Press) -> str | None:
        """Give the key that a press stands for here; None where it means nothing."""
        if press.key == CLICK:
            areas = self.targets().items()
            return next((key for key, area in areas if area.holds(press.x, press.y)), None)
        if press.key == DRAG:
            return None
        only_mouse = self.protocol.response.device == "mouse"
        return None if only_mouse and press.key in self.answer_keys() else press.key

    def pressing(self, key: str, time: float) -> Press:
        """Give the press by which a simulated participant gives a key: a click on its target."""
        area = self.targets().get(key) if self.protocol.response.device == "mouse" else None
        return Press(key, time) if area is None else Press(CLICK, time, *area.centre)

    def words(self, entry: str, /, **values: object) -> str:
        """Give a text of the catalogue."""
        return self.texts.text(entry, **values)

    def label(
        self,
        text: str,
        x: float,
        y: float,
        size: float = 24,
        *,
        muted: bool = False,
        bold: bool = False,
        width: float | None = None,
        align: Literal["left", "centre", "right"] = "centre",
    ) -> Text:
        """Make a text in the protocol's colours on the background."""
        colours = self.protocol.colours
        return Text(
            text,
            x,
            y,
            size,
            colours.muted if muted else colours.text,
            colours.background,
            bold,
            align,
            width,
        )

    def keycap(
        self, key: str, x: float, y: float, *, dark: bool = False, name: str | None = None
    ) -> list[Element]:
        """Draw a key of the keyboard, or a button of the same form with another `name`."""
        colours = self.protocol.colours
        name = self.key_name(key) if name is None else name
        wide = key_width(name)
        face = colours.text if dark else colours.key
        ink = colours.background if dark else colours.text
        return [
            Box(x, y - 1.5, wide + 3, KEY_HEIGHT + 5, colours.line),
            Box(x, y, wide, KEY_HEIGHT, face),
            Text(name, x, y, 26 if len(name) == 1 else 22, ink, face, bold=True),
        ]

    def key_name(self, key: str) -> str:
        """Name a key as it is printed on a keyboard."""
        named = self.texts.entries.get(f"key_names.{key}")
        return named or (key.upper() if len(key) == 1 else key.capitalize())

    @property
    def footer_y(self) -> float:
        """Middle of the line at the bottom."""
        return -self.protocol.layout.height / 2 + 110

    def button_area(self) -> Extent:
        """Give the place of the button that turns the page, where the mouse answers."""
        half = 40 + shape_text(self.label(self.words("general.button"), 0, 0, 26, bold=True)).width
        y = self.footer_y
        return Extent(-half / 2 - 20, y - 30, half / 2 + 20, y + 30)

    def go_on_footer(self) -> list[Element]:
        """Draw how to go on: a key, or a button where the mouse answers."""
        if not self.protocol.response.by_mouse:
            return self.footer_of("general.go_on")
        return self.button(self.words("general.button"), self.button_area())

    def button(self, text: str, area: Extent, *, dark: bool = True) -> list[Element]:
        """Draw what is clicked: a filled area with words on it."""
        colours = self.protocol.colours
        x, y = area.centre
        face, ink = (colours.text, colours.background) if dark else (colours.key, colours.text)
        parts: list[Element] = [
            Box(x, y, area.right - area.left, area.top - area.bottom, face),
            Text(text, x, y, 26, ink, face, bold=True),
        ]
        if not dark:
            width, height = area.right - area.left + 4, area.top - area.bottom + 4
            parts.insert(0, Box(x, y, width, height, colours.line))
        return parts

    def footer_of(self, name: str, key: str | None = None) -> list[Element]:
        """Draw the line at the bottom that says what a key does.

        The text of the catalogue holds ``{key}`` where the key is drawn.
        """
        key = key or self.protocol.response.go_on
        y = self.footer_y
        before, _, after = self.words(name, key="\0").partition("\0")
        sides = [
            self.label(part.strip(), 0, y, 24, muted=True, align="left") for part in (before, after)
        ]
        cap = key_width(self.key_name(key))
        widths = [shape_text(side).width if side.text else 0.0 for side in sides]
        widths.insert(1, cap)
        space = 16.0
        x = -(sum(widths) + space * (sum(1 for width in widths if width) - 1)) / 2
        parts: list[Element] = []
        if sides[0].text:
            parts.append(replace(sides[0], x=x))
            x += widths[0] + space
        parts += self.keycap(key, x + cap / 2, y)
        if sides[1].text:
            parts.append(replace(sides[1], x=x + cap + space))
        return parts


KEY_HEIGHT = 50
TARGET = 66.0  # smallest side of what is clicked; 44 px on a screen of 1280 x 800


def target_around(x: float, y: float, width: float = TARGET, height: float = TARGET) -> Extent:
    """Give the area around a point that takes clicks."""
    return Extent(x - width / 2, y - height / 2, x + width / 2, y + height / 2)


def key_width(name: str) -> float:
    """Width of a drawn key with that name on it, in canvas pixels."""
    return KEY_HEIGHT if len(name) == 1 else 34 + 13 * len(name)


@dataclass(frozen=True)
class Page(Screen):
    """A screen that stays until a key is pressed."""

    data: ClassVar[dict[str, str]] = {"duration": "time from the onset to the key, in seconds"}

    def keys(self) -> dict[str, Wish]:
        """Say what each key means here."""
        response = self.protocol.response
        return {response.go_on: Wish.GO_ON, response.pause: Wish.PAUSE}

    def targets(self) -> dict[str, Extent]:
        """Give the button that turns the page."""
        return {self.protocol.response.go_on: self.button_area()}

    def simulate(self, observer: Observer, onset: float, pace: float) -> list[Press]:
        """Read, then go on."""
        return [Press(self.protocol.response.go_on, onset + READING_TIME / pace)]


def show_page(page: Page, stage: Stage, responses: Responses) -> tuple[Wish, ScreenData]:
    """Show a page until one of its keys is pressed; give what was wished and the page's data."""
    onset = stage.present(page.elements, page.label_of_kind, responses.open)
    keys = page.keys()
    if any(keys.get(press.key) is Wish.PAUSE for press in responses.rejected()):
        return Wish.PAUSE, {"duration": 0.0}
    responses.expect(page, onset)
    while True:
        for press in responses.poll():
            key = page.key_of(press)
            if key in keys:
                return keys[key], {"duration": press.time - onset}
        stage.frame(responses.upcoming())
