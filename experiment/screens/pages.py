"""Screens of text: instructions, keys, announcements, scores, pause, leaving, the end."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import ClassVar

from experiment.elements import Box, Element, shape_text
from experiment.observers import Observer
from experiment.screens.base import (
    Page,
    Press,
    Responses,
    ScreenData,
    Wish,
    show_page,
)
from experiment.stage import Stage
from house.errors import UserError

_COLUMN = 1080  # width of running text on the canvas


@dataclass(frozen=True)
class InstructionsPage(Page):
    """What the experiment is about."""

    name: ClassVar[str] = "instructions"

    def elements(self) -> list[Element]:
        """List title and paragraphs, set as one column."""
        body = self.label(
            self.words("instructions.body"), -_COLUMN / 2, 0, 30, width=_COLUMN, align="left"
        )
        top = shape_text(body).height / 2 + 70
        title = self.label(
            self.words("instructions.title"), -_COLUMN / 2, top, 54, bold=True, align="left"
        )
        return [title, body, *self.footer_of("general.go_on")]


@dataclass(frozen=True)
class KeysPage(Page):
    """Shows the keys and waits until every one of them has arrived: the live key test.

    Parameters
    ----------
    patience : float
        Seconds without any press after which the keyboard counts as dead; 0 waits for ever.
    seen : set
        Keys that have arrived; they are drawn dark.
    """

    name: ClassVar[str] = "keys"
    data: ClassVar[dict[str, str]] = {
        "duration": "time from the onset to the last key, in seconds",
        "keys": "the keys that were pressed, in order",
    }

    patience: float = 120.0
    seen: set[str] = field(default_factory=set)

    @property
    def complete(self) -> bool:
        """Whether every key has arrived."""
        return self.seen >= set(self.protocol.response.answer_keys())

    def elements(self) -> list[Element]:
        """List a table: images as rows, confidence as columns."""
        response = self.protocol.response
        joint = response.mode == "joint"
        parts: list[Element] = [
            self.label(self.words("keys.title"), 0, 330, 54, bold=True),
            self.label(self.words("keys.joint" if joint else "keys.two_step"), 0, 250, 30),
            self.label(self.words("keys.test"), 0, 205, 30),
        ]
        words = [self.words(f"trial.confidence_{i}") for i in (1, 2, 3)]
        columns = (-90.0, 110.0, 310.0)
        if joint:
            rows = [
                (80.0, "general.upper", response.upper),
                (-20.0, "general.lower", response.lower),
            ]
            for y, name, keys in rows:
                parts.append(self.label(self.words(name), -190, y, 28, align="right"))
                for x, key in zip(columns, keys, strict=True):
                    parts += self.keycap(key, x, y, dark=key in self.seen)
            words_y = -90.0
        else:
            for y, name, key in (
                (100.0, "general.upper", response.choose_upper),
                (20.0, "general.lower", response.choose_lower),
            ):
                parts.append(self.label(self.words(name), -190, y, 28, align="right"))
                parts += self.keycap(key, columns[0], y, dark=key in self.seen)
            for x, key in zip(columns, response.confidence, strict=True):
                parts += self.keycap(key, x, -80, dark=key in self.seen)
            words_y = -140.0
        parts += [
            self.label(word, x, words_y, 24, muted=True)
            for x, word in zip(columns, words, strict=True)
        ]
        left = len(set(response.answer_keys()) - self.seen)
        status = self.words("keys.waiting", count=left) if left else self.words("keys.done")
        parts.append(self.label(status, 0, -240, 28, bold=not left, muted=bool(left)))
        if self.complete:
            parts += self.footer_of("general.go_on")
        else:
            parts += self.footer_of("keys.pause", response.pause)
        return parts

    def simulate(self, observer: Observer, onset: float, pace: float) -> list[Press]:
        """Press every key, a third of a second each, then go on."""
        keys = [*self.protocol.response.answer_keys(), self.protocol.response.go_on]
        return [Press(key, onset + (i + 1) / 3 / pace) for i, key in enumerate(keys)]


def show_keys(page: KeysPage, stage: Stage, responses: Responses) -> tuple[Wish, ScreenData]:
    """Show the keys until all have been pressed and the participant goes on.

    Raises
    ------
    UserError
        If nothing arrives within the page's patience.
    """
    onset = last = stage.present(page.elements, page.name, responses.open)
    responses.expect(page, onset)
    wanted = set(page.protocol.response.answer_keys())
    order: list[str] = []
    now = onset
    while True:
        for press in responses.poll():
            last = press.time
            if press.key == page.protocol.response.pause:
                return Wish.PAUSE, {"duration": press.time - onset, "keys": order}
            if press.key == page.protocol.response.go_on and page.complete:
                return Wish.GO_ON, {"duration": press.time - onset, "keys": order}
            if press.key in wanted and press.key not in page.seen:
                page.seen.add(press.key)
                order.append(press.key)
                if page.complete:
                    stage.amend(page.elements, f"{page.name}-done")
        if page.patience and now - last > page.patience:
            raise UserError(
                f"no key press arrived within {page.patience:g} s",
                where="live key test",
                remedy="Check that the keyboard is plugged in and that the window has the focus. "
                "On macOS allow the terminal under Privacy & Security > Input Monitoring.",
            )
        now = stage.frame(responses.upcoming())


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
        if self.kind == "practice":
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
            *self.footer_of("general.go_on"),
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
        return [*parts, *self.footer_of("general.go_on")]


@dataclass(frozen=True)
class EndPage(Page):
    """Thanks the participant."""

    name: ClassVar[str] = "end"

    correct: int = 0
    total: int = 0

    def elements(self) -> list[Element]:
        """List thanks and the score of the main trials."""
        score = self.words("end.score", correct=self.correct, total=self.total)
        return [
            self.label(self.words("end.title"), 0, 130, 64, bold=True),
            self.label(self.words("end.body"), 0, 30, 30),
            self.label(score, 0, -30, 30, muted=True),
            *self.footer_of("general.go_on"),
        ]


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
            parts += self.keycap(key, -120, y)
            parts.append(self.label(self.words(f"{self.section}.{name}"), -40, y, 28, align="left"))
        return parts

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
