"""The two-alternative screen and its feedback."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from experiment.elements import Box, Element, Extent, Picture, Text, extent
from experiment.layout import LOWER_SLOT, UPPER_SLOT, TrialLayout
from experiment.observers import Observer, Side
from experiment.screens.base import KEY_HEIGHT, Press, Responses, Screen, target_around
from experiment.stage import Stage
from participants import PlannedTrial

_COLUMN = 112.0  # from one confidence to the next
_THICK = 2.0  # frame of the correct image, in frame widths


@dataclass(frozen=True)
class TrialOutcome:
    """How a trial ended: answered, out of time, or broken off for a pause.

    Times are seconds on the stage's clock.
    """

    onset: float
    paused: bool = False
    timed_out: bool = False
    key: str | None = None
    choice: Side | None = None
    confidence: int | None = None
    choice_time: float | None = None
    confidence_time: float | None = None
    rating: float | None = None


@dataclass(frozen=True)
class TrialScreen(Screen):
    """Two query images in the centre, references at the sides; asks for choice and confidence.

    Parameters
    ----------
    trial : PlannedTrial
        What is shown.
    done : float
        Part of the session that is done, 0 to 1, for the progress bar.
    choice : {"upper", "lower"} or None
        In two-step mode the choice that was made, while confidence is asked for.
    """

    name: ClassVar[str] = "trial"
    data: ClassVar[dict[str, str]] = {
        "key": "the key that gave the choice",
        "choice": "upper or lower",
        "confidence": "1 to 3",
        "rt": "from the flip of the onset to the key of the choice, in seconds",
        "confidence_rt": "from the flip of the onset to the key of the confidence, in seconds",
    }

    trial: PlannedTrial
    done: float = 0.0
    choice: Side | None = None

    @property
    def layout(self) -> TrialLayout:
        """Where things lie."""
        return TrialLayout(self.protocol.layout, self.trial.scheme)

    def elements(self) -> list[Element]:
        """List images, titles, keys and progress."""
        pictures = self.layout.pictures(self.trial.condition)
        frames = [] if self.choice is None else [self.frame(self.choice, self.chosen_colour)]
        return [*frames, *pictures, *self.header(), *self.answers(), *self.progress()]

    def answer_keys(self) -> tuple[str, ...]:
        """Name the keys of the protocol."""
        return self.protocol.response.answer_keys()

    def targets(self) -> dict[str, Extent]:
        """Give the areas that can be clicked: confidence, or in two steps first an image."""
        response = self.protocol.response
        if response.mode == "two-step" and self.choice is None:
            return {
                response.choose_upper: extent(self.picture("upper")),
                response.choose_lower: extent(self.picture("lower")),
            }
        return {key: target_around(x, y) for key, x, y in self.buttons()}

    def buttons(self) -> list[tuple[str, float, float]]:
        """List the keys of confidence with the places where they are drawn."""
        response, layout = self.protocol.response, self.layout
        columns = (-_COLUMN, 0.0, _COLUMN)
        if response.mode == "two-step":
            y = layout.middle_y + 22
            return [(key, x, y) for x, key in zip(columns, response.confidence, strict=True)]
        upper_y, lower_y = self.answer_y
        rows = ((upper_y, response.upper), (lower_y, response.lower))
        return [(k, x, y) for y, keys in rows for x, k in zip(columns, keys, strict=True)]

    @property
    def answer_y(self) -> tuple[float, float]:
        """Middle of the keys under the upper and above the lower query image."""
        upper_y, lower_y = self.layout.query_y
        reach = self.layout.layout.image / 2 + 24 + KEY_HEIGHT / 2
        return upper_y - reach, lower_y + reach

    @property
    def chosen_colour(self) -> str:
        """Colour of the frame around the choice."""
        return self.protocol.colours.chosen

    def picture(self, side: Side) -> Picture:
        """Give the query image of a side."""
        slot = UPPER_SLOT if side == "upper" else LOWER_SLOT
        return next(p for p in self.layout.pictures("none") if p.slot == slot)

    def frame(self, side: Side, colour: str, thickness: float = 1.0) -> Box:
        """Give a frame around a query image, as a box that lies under it."""
        picture = self.picture(side)
        size = picture.size + 2 * thickness * self.protocol.layout.frame
        return Box(picture.x, picture.y, size, size, colour)

    def header(self) -> list[Element]:
        """List the question and the titles of the references."""
        layout = self.layout
        question = self.words("trial.question" if self.choice is None else "trial.how_sure")
        parts: list[Element] = [self.label(question, 0, layout.question_y, 34, bold=True)]
        if self.trial.condition != "none":
            titles = (
                (-1, "trial.minimal", self.trial.references_min),
                (1, "trial.maximal", self.trial.references_max),
            )
            parts += [
                self.label(self.words(name), side * layout.grid_x, layout.title_y, 28)
                for side, name, references in titles
                if references
            ]
        return parts

    def answers(self) -> list[Element]:
        """List the keys between the query images, with what they mean."""
        response, layout = self.protocol.response, self.layout
        clicked = response.device == "mouse"
        parts: list[Element] = []
        if response.mode == "two-step" and self.choice is None:
            if clicked:
                return [self.label(self.words("trial.click"), 0, layout.middle_y, 24, muted=True)]
            upper_y, lower_y = self.answer_y
            parts += self.keycap(response.choose_upper, 0, upper_y)
            return parts + self.keycap(response.choose_lower, 0, lower_y)
        for i, (key, x, y) in enumerate(self.buttons()):
            parts += self.keycap(key, x, y, name=str(1 + i % 3) if clicked else None)
        if response.mode == "two-step":
            return parts + self.confidence_words(layout.middle_y - 32, numbers=False)
        return parts + self.confidence_words(layout.middle_y, numbers=not clicked)

    def confidence_words(self, y: float, *, numbers: bool = True) -> list[Element]:
        """List what the three degrees of confidence mean."""
        parts: list[Element] = []
        for i, x in enumerate((-_COLUMN, 0.0, _COLUMN), start=1):
            word = self.words(f"trial.confidence_{i}")
            if numbers:
                parts.append(self.label(str(i), x, y + 14, 22, bold=True))
                parts.append(self.label(word, x, y - 14, 18, muted=True))
            else:
                parts.append(self.label(word, x, y, 18, muted=True))
        return parts

    def progress(self) -> list[Element]:
        """List the progress bar; in practice, the word instead."""
        colours, layout = self.protocol.colours, self.layout
        if self.trial.trial_type == "practice":
            return [self.label(self.words("trial.practice"), 0, layout.progress_y, 24, muted=True)]
        width = 480.0
        parts: list[Element] = [Box(0, layout.progress_y, width, 6, colours.line)]
        part = width * min(max(self.done, 0.0), 1.0)
        if part:
            parts.append(Box((part - width) / 2, layout.progress_y, part, 6, colours.muted))
        return parts

    def simulate(self, observer: Observer, onset: float, pace: float) -> list[Press]:
        """Answer with the observer's choice and confidence."""
        answer = observer.answer(self.trial)
        response = self.protocol.response
        chosen = onset + answer.rt / pace
        if response.mode == "joint":
            keys = response.upper if answer.choice == "upper" else response.lower
            return [self.pressing(keys[answer.confidence - 1], chosen)]
        choice_key = response.choose_upper if answer.choice == "upper" else response.choose_lower
        sure = response.confidence[answer.confidence - 1]
        later = replace(self, choice=answer.choice)
        return [
            self.pressing(choice_key, chosen),
            later.pressing(sure, chosen + answer.confidence_rt / pace),
        ]


@dataclass(frozen=True)
class FeedbackScreen(TrialScreen):
    """The trial's screen with the choice framed, then with the correct image marked.

    Parameters
    ----------
    reveal : bool
        Whether the correct image is marked: by a green frame and, for those who cannot tell
        its colour, a label beside the image.
    """

    name: ClassVar[str] = "feedback"
    data: ClassVar[dict[str, str]] = {}

    reveal: bool = False

    def elements(self) -> list[Element]:
        """List the trial's images with frames."""
        frames: list[Element] = []
        marks: list[Element] = []
        correct = self.trial.correct_position
        if self.reveal and correct is not None:
            # Wider than the frame of the choice, so that both show where they meet.
            frames.append(self.frame(correct, self.protocol.colours.correct, _THICK))
            marks = self.mark(correct)
        if self.choice is not None:
            frames.append(self.frame(self.choice, self.chosen_colour))
        pictures = self.layout.pictures(self.trial.condition)
        return [*frames, *pictures, *marks, *self.header(), *self.answers(), *self.progress()]

    def header(self) -> list[Element]:
        """Keep the question, unless time ran out: only frames change."""
        parts = self._plain().header()
        if self.choice is None:
            y = self.layout.question_y
            parts[0] = self.label(self.words("trial.time_out"), 0, y, 34, bold=True)
        return parts

    def answers(self) -> list[Element]:
        """Keep the keys that gave the answer."""
        return self._plain().answers()

    def _plain(self) -> TrialScreen:
        """Give the screen on which the answer was given."""
        choice = self.choice if self.protocol.response.mode == "two-step" else None
        return TrialScreen(self.protocol, self.texts, self.trial, self.done, choice)

    def mark(self, side: Side) -> list[Element]:
        """Label an image as correct, beside it: a cue that needs no colour."""
        colours = self.protocol.colours
        picture = self.picture(side)
        edge = picture.x + picture.size / 2 + _THICK * self.protocol.layout.frame
        width, height = 104.0, 40.0
        return [
            Box(edge + width / 2, picture.y, width, height, colours.correct),
            Text(
                self.words("trial.correct"),
                edge + width / 2 - 5,
                picture.y,
                22,
                colours.key,
                colours.correct,
                bold=True,
            ),
        ]


def ask(screen: TrialScreen, stage: Stage, responses: Responses) -> TrialOutcome:
    """Show a trial, whose images are loaded, and take its answer.

    Only presses from the onset on count (`Responses.open`). In two-step mode the choice is
    framed while confidence is asked for; presses of confidence keys before it mean nothing.
    """
    response, limit = screen.protocol.response, screen.protocol.timing.time_limit
    name = screen.trial.condition
    stage.centre_pointer()
    onset = stage.present(screen.elements, f"{screen.name}-{name}", responses.open)
    if any(press.key == response.pause for press in responses.rejected()):
        # Answers before the onset mean nothing, but whoever asked for a pause gets it.
        return TrialOutcome(onset, paused=True)
    responses.expect(screen, onset)
    answer = TrialOutcome(onset)
    while True:
        for press in responses.poll():
            key = screen.key_of(press)
            if key == response.pause:
                return TrialOutcome(onset, paused=True)
            before = answer.choice
            answer = _take(key, press, answer, screen)
            if answer.confidence is not None:
                return answer
            if before is None and answer.choice is not None:
                screen = replace(screen, choice=answer.choice)
                stage.amend(screen.elements, f"confidence-{name}")
        if limit and answer.choice is None and stage.now() - onset >= limit:
            return TrialOutcome(onset, timed_out=True)
        upcoming = [t for t in (responses.upcoming(), onset + limit if limit else None) if t]
        stage.frame(min(upcoming) if upcoming else None)


def _take(key: str | None, press: Press, answer: TrialOutcome, screen: TrialScreen) -> TrialOutcome:
    """Take one press into the answer; keys without a meaning here change nothing."""
    response = screen.protocol.response
    if response.mode == "joint":
        rows: dict[Side, tuple[str, str, str]] = {"upper": response.upper, "lower": response.lower}
        for side, keys in rows.items():
            if key in keys:
                return replace(
                    answer,
                    key=press.name,
                    choice=side,
                    confidence=keys.index(key) + 1,
                    choice_time=press.time,
                    confidence_time=press.time,
                )
        return answer
    if answer.choice is None:
        choices: dict[str, Side] = {
            response.choose_upper: "upper",
            response.choose_lower: "lower",
        }
        if key in choices:
            return replace(answer, key=press.name, choice=choices[key], choice_time=press.time)
        return answer
    if key in response.confidence:
        confidence = response.confidence.index(key) + 1
        return replace(answer, confidence=confidence, confidence_time=press.time)
    return answer
