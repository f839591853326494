"""The page that shows how to answer, and tests keyboard or mouse live."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from experiment.elements import Element, Extent
from experiment.observers import Observer
from experiment.screens.base import (
    KEY_HEIGHT,
    Page,
    Press,
    Responses,
    ScreenData,
    Wish,
    key_width,
    target_around,
)
from experiment.stage import Stage
from house.errors import UserError

_KEYS_X = (-90.0, 110.0, 310.0)  # columns of the table of keys


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

    def answer_keys(self) -> tuple[str, ...]:
        """Name the keys of the protocol."""
        return self.protocol.response.answer_keys()

    def places(self) -> list[tuple[str, float, float]]:
        """List the keys with where they are drawn: images as rows, confidence as columns."""
        response = self.protocol.response
        if response.mode == "joint":
            rows = ((80.0, response.upper), (-20.0, response.lower))
            return [(k, x, y) for y, keys in rows for x, k in zip(_KEYS_X, keys, strict=True)]
        # Wide keys begin where narrow ones do.
        left = _KEYS_X[0] - KEY_HEIGHT / 2
        upper, lower = (
            left + (KEY_HEIGHT if response.device == "mouse" else key_width(self.key_name(key))) / 2
            for key in (response.choose_upper, response.choose_lower)
        )
        return [
            (response.choose_upper, upper, 100.0),
            (response.choose_lower, lower, 20.0),
            *((k, x, -80.0) for x, k in zip(_KEYS_X, response.confidence, strict=True)),
        ]

    def targets(self) -> dict[str, Extent]:
        """Give every key's place, and the button where all have arrived."""
        found = {key: target_around(x, y) for key, x, y in self.places()}
        if self.complete:
            found[self.protocol.response.go_on] = self.button_area()
        return found

    def elements(self) -> list[Element]:
        """List a table: images as rows, confidence as columns."""
        response = self.protocol.response
        joint, clicked = response.mode == "joint", response.device == "mouse"
        way = "click" if clicked else "key"
        parts: list[Element] = [
            self.label(self.words("keys.title"), 0, 330, 54, bold=True),
            self.label(self.words(f"keys.{way}_joint" if joint else "keys.two_step"), 0, 250, 30),
            self.label(self.words(f"keys.{way}_test"), 0, 205, 30),
        ]
        images_y = (80.0, -20.0) if joint else (100.0, 20.0)
        for y, name in zip(images_y, ("general.upper", "general.lower"), strict=True):
            parts.append(self.label(self.words(name), -190, y, 28, align="right"))
        names = self._names() if clicked else {}
        for key, x, y in self.places():
            parts += self.keycap(key, x, y, dark=key in self.seen, name=names.get(key))
        words_y = -90.0 if joint else -140.0
        parts += [
            self.label(self.words(f"trial.confidence_{i}"), x, words_y, 24, muted=True)
            for i, x in enumerate(_KEYS_X, start=1)
        ]
        left = len(set(response.answer_keys()) - self.seen)
        status = self.words("keys.waiting", count=left) if left else self.words("keys.done")
        parts.append(self.label(status, 0, -240, 28, bold=not left, muted=bool(left)))
        if self.complete:
            parts += self.go_on_footer()
        else:
            parts += self.footer_of("keys.pause", response.pause)
        return parts

    def _names(self) -> dict[str, str]:
        """Say what stands on what is clicked instead of keys: degrees of confidence."""
        response = self.protocol.response
        joint = response.mode == "joint"
        rows = [response.upper, response.lower] if joint else [response.confidence]
        names = {key: str(i) for keys in rows for i, key in enumerate(keys, start=1)}
        return {response.choose_upper: " ", response.choose_lower: " ", **names}

    def simulate(self, observer: Observer, onset: float, pace: float) -> list[Press]:
        """Press every key, a third of a second each, then go on."""
        keys = [*self.protocol.response.answer_keys(), self.protocol.response.go_on]
        return [self.pressing(key, onset + (i + 1) / 3 / pace) for i, key in enumerate(keys)]


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
            key = page.key_of(press)
            if key == page.protocol.response.pause:
                return Wish.PAUSE, {"duration": press.time - onset, "keys": order}
            if key == page.protocol.response.go_on and page.complete:
                return Wish.GO_ON, {"duration": press.time - onset, "keys": order}
            if key in wanted and key not in page.seen:
                page.seen.add(key)
                order.append(key)
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
