"""The rating of how intuitive synthetic images are beside natural ones."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

from experiment.elements import Box, Element, Extent
from experiment.layout import ratings_layout
from experiment.observers import Observer
from experiment.screens.base import CLICK, DRAG, Press, Responses, Screen
from experiment.screens.trial import TrialOutcome
from experiment.stage import Stage
from participants import PlannedTrial

LEAST, MOST = -100.0, 100.0
_TRACK = 900.0  # length of the line on the canvas
_COARSE, _FINE = 10.0, 1.0


@dataclass(frozen=True)
class IntuitivenessScreen(Screen):
    """Nine synthetic images left, nine natural ones right, and a line from -100 to 100.

    There is no marker until the line was touched, so that nobody's answer starts anywhere, and
    every value can be given, 0 too. By mouse the line is clicked or the marker dragged; by
    keyboard the first key puts the marker at 0, the next ones move it by 10 or by 1.

    Parameters
    ----------
    trial : PlannedTrial
        What is shown: `references_max` holds the synthetic, then the natural images.
    value : float or None
        Where the marker is; None before the first touch.
    """

    name: ClassVar[str] = "intuitiveness"
    data: ClassVar[dict[str, str]] = {
        "rating": "-100 (not intuitive) to 100 (very intuitive)",
        "rt": "from the flip of the onset to the confirmation, in seconds",
    }

    trial: PlannedTrial
    value: float | None = None

    @property
    def label_of_kind(self) -> str:
        """Tell the untouched line from the touched one."""
        return f"{self.name}-{'untouched' if self.value is None else 'touched'}"

    @property
    def track_y(self) -> float:
        """Middle of the line."""
        return -self.protocol.layout.height / 2 + 208

    @property
    def footer_y(self) -> float:
        """Middle of the line at the bottom."""
        return -self.protocol.layout.height / 2 + 70

    def answer_keys(self) -> tuple[str, ...]:
        """Name the keys that move the marker."""
        return self.protocol.response.slide

    def targets(self) -> dict[str, Extent]:
        """Give the button, where there is a rating to confirm."""
        if self.value is None:
            return {}
        return {self.protocol.response.go_on: self.button_area()}

    def elements(self) -> list[Element]:
        """List images, the line with its marker, and how to answer."""
        layout = ratings_layout(self.protocol.layout)
        height = self.protocol.layout.height
        parts: list[Element] = [
            *layout.pictures,
            self.label(self.words("intuitiveness.question"), 0, height / 2 - 44, 34, bold=True),
            self.label(self.words("intuitiveness.synthetic"), -layout.x, layout.title_y, 26),
            self.label(self.words("intuitiveness.natural"), layout.x, layout.title_y, 26),
            *self.track(),
        ]
        response = self.protocol.response
        if response.device != "mouse":
            less, more, finer_less, finer_more = (self.key_name(k) for k in response.slide)
            hint = self.words(
                "intuitiveness.keys",
                less=less, more=more, finer_less=finer_less, finer_more=finer_more,
            )  # fmt: skip
        else:
            hint = self.words("intuitiveness.click")
        parts.append(self.label(hint, 0, self.track_y - 74, 20, muted=True))
        if self.value is not None:
            parts += self.go_on_footer()
        return parts

    def track(self) -> list[Element]:
        """List the line, its ends and the marker."""
        colours, y = self.protocol.colours, self.track_y
        half = _TRACK / 2
        parts: list[Element] = [
            Box(0, y, _TRACK, 6, colours.line),
            *(Box(x, y, 3, 22, colours.muted) for x in (-half, 0.0, half)),
            self.label(self.words("intuitiveness.least"), -half - 28, y, 24, align="right"),
            self.label(self.words("intuitiveness.most"), half + 28, y, 24, align="left"),
        ]
        for x, number in ((-half, "\N{MINUS SIGN}100"), (0.0, "0"), (half, "100")):
            parts.append(self.label(number, x, y - 36, 20, muted=True))
        if self.value is not None:
            parts.append(Box(self.value / MOST * half, y, 16, 46, colours.text))
        return parts

    def moved(self, press: Press) -> float | None:
        """Say where a press puts the marker; where it was if the press means nothing here."""
        if press.key in (CLICK, DRAG):
            return self._pointed(press)
        less, more, finer_less, finer_more = self.protocol.response.slide
        steps = {less: -_COARSE, more: _COARSE, finer_less: -_FINE, finer_more: _FINE}
        key = self.key_of(press)
        if key not in steps:
            return self.value
        if self.value is None:
            return 0.0
        return min(MOST, max(LEAST, self.value + steps[key]))

    def _pointed(self, press: Press) -> float | None:
        if press.x is None or press.y is None:
            return self.value
        # A drag that began on the line may leave it upward or downward, as hands do.
        reach = 40.0 if press.key == CLICK else 120.0
        outside = abs(press.x) > _TRACK / 2 + 30 or abs(press.y - self.track_y) > reach
        if outside or (press.key == DRAG and self.value is None):
            return self.value
        return min(MOST, max(LEAST, round(press.x / (_TRACK / 2) * MOST, 1)))

    def simulate(self, observer: Observer, onset: float, pace: float) -> list[Press]:
        """Put the marker where the observer wants it, and confirm."""
        answer = observer.rate(self.trial)
        end = onset + answer.rt / pace
        less, more, finer_less, finer_more = self.protocol.response.slide
        if self.protocol.response.device == "mouse":
            x = answer.rating / MOST * _TRACK / 2
            moves = [Press(CLICK, 0.0, x, self.track_y)]
        else:
            tens, ones = divmod(abs(round(answer.rating)), round(_COARSE))
            up = answer.rating > 0
            keys = [
                more,
                *[more if up else less] * tens,
                *[finer_more if up else finer_less] * ones,
            ]
            moves = [Press(key, 0.0) for key in keys]
        step = answer.rt / pace / (len(moves) + 1)
        timed = [replace(press, time=onset + (i + 1) * step) for i, press in enumerate(moves)]
        touched = replace(self, value=0.0)
        return [*timed, touched.pressing(self.protocol.response.go_on, end)]


def rate(screen: IntuitivenessScreen, stage: Stage, responses: Responses) -> TrialOutcome:
    """Show a rating, whose images are loaded, until it was given and confirmed."""
    stage.centre_pointer()
    response = screen.protocol.response
    onset = stage.present(screen.elements, screen.label_of_kind, responses.open)
    if any(press.key == response.pause for press in responses.rejected()):
        return TrialOutcome(onset, paused=True)
    responses.expect(screen, onset)
    while True:
        for press in responses.poll():
            key = screen.key_of(press)
            if key == response.pause:
                return TrialOutcome(onset, paused=True)
            if key == response.go_on and screen.value is not None:
                return TrialOutcome(
                    onset, key=press.name, choice_time=press.time, rating=screen.value
                )
            value = screen.moved(press)
            if value != screen.value:
                screen = replace(screen, value=value)
                stage.amend(screen.elements, screen.label_of_kind)
        stage.frame(responses.upcoming())
