"""What all screens share: parameters, declared data, waiting for a key, small parts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, ClassVar, Literal
from typing import Protocol as Interface

from experiment.elements import Box, Element, Text, shape_text
from experiment.observers import Observer
from experiment.protocol import Protocol
from experiment.stage import Stage
from experiment.texts import Catalogue

ScreenData = dict[str, Any]

# What a simulated participant takes to read a page, in seconds.
READING_TIME = 2.0


@dataclass(frozen=True)
class Press:
    """A key that went down at `time`, in seconds on the stage's clock."""

    key: str
    time: float


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

    def keycap(self, key: str, x: float, y: float, *, dark: bool = False) -> list[Element]:
        """Draw a key of the keyboard."""
        colours = self.protocol.colours
        name, wide = key_name(key), key_width(key)
        face = colours.text if dark else colours.key
        ink = colours.background if dark else colours.text
        return [
            Box(x, y - 1.5, wide + 3, KEY_HEIGHT + 5, colours.line),
            Box(x, y, wide, KEY_HEIGHT, face),
            Text(name, x, y, 26 if len(name) == 1 else 22, ink, face, bold=True),
        ]

    def footer_of(self, name: str, key: str | None = None) -> list[Element]:
        """Draw the line at the bottom that says what a key does.

        The text of the catalogue holds ``{key}`` where the key is drawn.
        """
        key = key or self.protocol.response.go_on
        y = -self.protocol.layout.height / 2 + 110
        before, _, after = self.words(name, key="\0").partition("\0")
        sides = [
            self.label(part.strip(), 0, y, 24, muted=True, align="left") for part in (before, after)
        ]
        cap = key_width(key)
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


def key_width(key: str) -> float:
    """Width of a drawn key, in canvas pixels."""
    name = key_name(key)
    return KEY_HEIGHT if len(name) == 1 else 34 + 13 * len(name)


def key_name(key: str) -> str:
    """Name a key as it is printed on a keyboard."""
    names = {"space": "Space", "escape": "Esc", "return": "Enter", "up": "Up", "down": "Down"}
    return names.get(key, key.upper() if len(key) == 1 else key.capitalize())


@dataclass(frozen=True)
class Page(Screen):
    """A screen that stays until a key is pressed."""

    data: ClassVar[dict[str, str]] = {"duration": "time from the onset to the key, in seconds"}

    def keys(self) -> dict[str, Wish]:
        """Say what each key means here."""
        response = self.protocol.response
        return {response.go_on: Wish.GO_ON, response.pause: Wish.PAUSE}

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
            if press.key in keys:
                return keys[press.key], {"duration": press.time - onset}
        stage.frame(responses.upcoming())
