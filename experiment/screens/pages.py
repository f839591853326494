"""Screens of text: consent, instructions, announcements, scores, pause, leaving, the end."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from experiment.elements import Box, Element, Extent, shape_text
from experiment.screens.base import (
    Page,
    Responses,
    ScreenData,
    Wish,
    key_width,
    show_page,
)
from experiment.stage import Stage

_COLUMN = 1080  # width of running text on the canvas


@dataclass(frozen=True)
class _Reading(Page):
    """A title and paragraphs, set as one column."""

    section: ClassVar[str]

    def elements(self) -> list[Element]:
        """List title and paragraphs."""
        body = self.label(
            self.words(f"{self.section}.body"), -_COLUMN / 2, 0, 30, width=_COLUMN, align="left"
        )
        top = shape_text(body).height / 2 + 70
        title = self.label(
            self.words(f"{self.section}.title"), -_COLUMN / 2, top, 54, bold=True, align="left"
        )
        return [title, body, *self.foot()]

    def foot(self) -> list[Element]:
        """List how to go on."""
        return self.go_on_footer()


@dataclass(frozen=True)
class InstructionsPage(_Reading):
    """What the experiment is about."""

    name: ClassVar[str] = "instructions"
    section: ClassVar[str] = "instructions"


@dataclass(frozen=True)
class DebriefPage(_Reading):
    """What the experiment was for."""

    name: ClassVar[str] = "debrief"
    section: ClassVar[str] = "debrief"


@dataclass(frozen=True)
class ConsentPage(_Reading):
    """Asks for consent: going on gives it, leaving refuses it."""

    name: ClassVar[str] = "consent"
    section: ClassVar[str] = "consent"

    def foot(self) -> list[Element]:
        """List both ways in one line: keys with words, or buttons."""
        areas, words = self.targets(), self._words()
        parts: list[Element] = []
        for i, (key, area) in enumerate(areas.items()):
            if self.protocol.response.by_mouse:
                parts += self.button(words[key], area, dark=i == 0)
                continue
            cap = key_width(self.key_name(key))
            parts += self.keycap(key, area.left + cap / 2, self.footer_y)
            label = self.label(words[key], 0, self.footer_y, 26, align="left")
            parts.append(replace(label, x=area.left + cap + 18))
        return parts

    def _words(self) -> dict[str, str]:
        response = self.protocol.response
        return {
            response.go_on: self.words("consent.agree"),
            response.leave: self.words("consent.refuse"),
        }

    def keys(self) -> dict[str, Wish]:
        """Go on, or leave."""
        response = self.protocol.response
        return {response.go_on: Wish.GO_ON, response.leave: Wish.LEAVE}

    def targets(self) -> dict[str, Extent]:
        """Give the two areas."""
        y, left = self.footer_y, -_COLUMN / 2
        places = zip(self._words(), (left, left + 520), strict=True)
        return {key: Extent(x, y - 30, x + 440, y + 30) for key, x in places}


@dataclass(frozen=True)
class BlockPage(Page):
    """Announces a block: practice or main, its condition, its length.

    Parameters
    ----------
    kind, condition : str
        Of the block.
    count, block, blocks : int
        Trials of this block; its number among the main blocks and how many those are.
    """

    name: ClassVar[str] = "block"

    kind: str = "main"
    condition: str = "none"
    count: int = 0
    block: int = 1
    blocks: int = 1

    @property
    def label_of_kind(self) -> str:
        """Tell practice from main, and conditions apart."""
        return f"{self.name}-{self.kind}-{self.condition}"

    def elements(self) -> list[Element]:
        """List what comes, how long, and what lies at the sides."""
        if self.kind == "intuitiveness":
            return [
                self.label(self.words("intuitiveness.title"), 0, 150, 54, bold=True),
                self.label(self.words("intuitiveness.body"), 0, 20, 30, width=900),
                *self.go_on_footer(),
            ]
        if self.kind == "repeated":
            title = self.words("repeated.title")
            length = self.words("block.body", count=self.count)
        elif self.kind == "practice":
            title = self.words("practice.title")
            key = "practice.body_one" if self.count == 1 else "practice.body_many"
            length = self.words(key, count=self.count)
        else:
            title = self.words("block.title", block=self.block, blocks=self.blocks)
            length = self.words("block.body", count=self.count)
        body = self.label(self.words(f"condition.{self.condition}"), 0, 0, 30, width=900)
        return [
            self.label(title, 0, 220, 54, bold=True),
            self.label(length, 0, 140, 28, muted=True),
            Box(0, 80, 64, 3, self.protocol.colours.line),
            self.label(self.words(f"condition.{self.condition}_name"), 0, 18, 36, bold=True),
            # The text hangs from its heading, however many lines it has.
            replace(body, y=-32 - shape_text(body).height / 2),
            *self.go_on_footer(),
        ]


@dataclass(frozen=True)
class ScorePage(Page):
    """Says how many answers of a block were correct, and lets the participant rest."""

    name: ClassVar[str] = "score"

    kind: str = "main"
    correct: int = 0
    total: int = 0

    @property
    def label_of_kind(self) -> str:
        """Tell practice from main."""
        return f"{self.name}-{self.kind}"

    def elements(self) -> list[Element]:
        """List the score, a bar of it, and the break."""
        if not self.protocol.feedback.score:
            return [
                self.label(self.words("score.done"), 0, 60, 54, bold=True),
                self.label(self.words("score.body"), 0, -30, 30),
                *self.go_on_footer(),
            ]
        colours = self.protocol.colours
        key = "score.practice" if self.kind == "practice" else "score.title"
        width = 520.0
        part = width * self.correct / self.total if self.total else 0.0
        parts: list[Element] = [
            self.label(
                self.words(key, correct=self.correct, total=self.total), 0, 90, 54, bold=True
            ),
            Box(0, 0, width, 10, colours.line),
            self.label(self.words("score.body"), 0, -80, 30),
        ]
        if part:
            parts.insert(2, Box((part - width) / 2, 0, part, 10, colours.correct))
        return [*parts, *self.go_on_footer()]


@dataclass(frozen=True)
class EndPage(Page):
    """Thanks the participant."""

    name: ClassVar[str] = "end"

    correct: int = 0
    total: int = 0

    def elements(self) -> list[Element]:
        """List thanks and the score of the main trials."""
        parts: list[Element] = [
            self.label(self.words("end.title"), 0, 130, 64, bold=True),
            self.label(self.words("end.body"), 0, 30, 30),
        ]
        if self.protocol.feedback.score:
            score = self.words("end.score", correct=self.correct, total=self.total)
            parts.append(self.label(score, 0, -30, 30, muted=True))
        return [*parts, *self.go_on_footer()]


@dataclass(frozen=True)
class _Choice(Page):
    """Two keys, two ways."""

    section: ClassVar[str]

    @property
    def body(self) -> str:
        """Name of the text under the title; empty for none."""
        return f"{self.section}.body"

    def elements(self) -> list[Element]:
        """List the question and both keys with what they do."""
        response = self.protocol.response
        parts: list[Element] = [
            self.label(self.words(f"{self.section}.title"), 0, 150, 54, bold=True),
        ]
        if self.body:
            parts.append(self.label(self.words(self.body), 0, 60, 30, width=_COLUMN))
        for y, key, name in ((-60, response.go_on, "go_on"), (-140, response.leave, "leave")):
            cap = key_width(self.key_name(key))
            parts += self.keycap(key, -80 - cap / 2, y)
            parts.append(self.label(self.words(f"{self.section}.{name}"), -40, y, 28, align="left"))
        return parts

    def targets(self) -> dict[str, Extent]:
        """Give each key with its label."""
        response = self.protocol.response
        return {
            response.go_on: Extent(-300, -93, 400, -27),
            response.leave: Extent(-300, -173, 400, -107),
        }

    def keys(self) -> dict[str, Wish]:
        """Go on, or leave."""
        response = self.protocol.response
        return {response.go_on: Wish.GO_ON, response.leave: Wish.LEAVE}


@dataclass(frozen=True)
class PausePage(_Choice):
    """The session rests.

    Parameters
    ----------
    in_trial : bool
        Whether a trial was broken off, which will be shown again.
    """

    name: ClassVar[str] = "pause"
    section: ClassVar[str] = "pause"

    in_trial: bool = False

    @property
    def body(self) -> str:
        """Say that the trial comes again, where there was one."""
        return super().body if self.in_trial else ""


@dataclass(frozen=True)
class LeavePage(_Choice):
    """Asks again before the session is left."""

    name: ClassVar[str] = "leave"
    section: ClassVar[str] = "leave"


def show_pause(
    pause: PausePage, leave: LeavePage, stage: Stage, responses: Responses
) -> tuple[Wish, ScreenData]:
    """Show the pause, and ask again where the participant wants to leave."""
    duration = 0.0
    while True:
        wish, data = show_page(pause, stage, responses)
        duration += data["duration"]
        if wish is Wish.GO_ON:
            return Wish.GO_ON, {"duration": duration}
        sure, data = show_page(leave, stage, responses)
        duration += data["duration"]
        if sure is Wish.LEAVE:
            return Wish.LEAVE, {"duration": duration}
