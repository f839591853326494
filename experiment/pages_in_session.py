"""Pages between trials as a session shows them: each recorded, each open to a pause."""

from __future__ import annotations

from typing import Protocol as Interface

from experiment.protocol import Protocol
from experiment.screens import (
    ConsentPage,
    KeysPage,
    LeavePage,
    PausePage,
    Responses,
    ScreenData,
    Wish,
    show_keys,
    show_page,
    show_pause,
)
from experiment.screens.base import Page
from experiment.stage import Stage
from experiment.texts import Catalogue
from participants import PlannedTrial


class Left(Exception):  # noqa: N818  (not an error: the participant wants to leave)
    """The participant left; unwinds the loop."""


class _Log(Interface):
    def __call__(self, event: str, *, sync: bool = False, **data: object) -> None: ...


class Pages:
    """Shows pages and writes down how long each was looked at.

    Parameters
    ----------
    protocol, texts
        How they look.
    stage : Stage
        A window, or none.
    responses : Responses
        A keyboard or a simulated participant.
    log : callable
        Takes an event's name and its data for the journal.
    patience : float
        Seconds after which a silent keyboard counts as dead in the key test; 0 is never.
    """

    def __init__(
        self,
        protocol: Protocol,
        texts: Catalogue,
        stage: Stage,
        responses: Responses,
        log: _Log,
        patience: float,
    ) -> None:
        self.protocol, self.texts = protocol, texts
        self.stage, self.responses = stage, responses
        self._log, self.patience = log, patience

    def consent(self) -> None:
        """Ask for consent; whoever refuses leaves, and the journal says so."""
        page = ConsentPage(self.protocol, self.texts)
        while True:
            wish, data = show_page(page, self.stage, self.responses)
            if wish is not Wish.PAUSE:
                break
        if wish is Wish.LEAVE:
            self._record(f"{page.name}-refused", data)
            raise Left
        self._record(page.name, data)

    def show(self, page: Page) -> None:
        """Show a page until the participant goes on."""
        while True:
            wish, data = show_page(page, self.stage, self.responses)
            self._record(page.name, data)
            if wish is Wish.GO_ON:
                return
            self.pause(None)

    def keys(self) -> None:
        """Let the participant try every key."""
        while True:
            page = KeysPage(self.protocol, self.texts, self.patience)
            wish, data = show_keys(page, self.stage, self.responses)
            self._record(page.name, data)
            if wish is Wish.GO_ON:
                return
            self.pause(None)

    def pause(self, trial: PlannedTrial | None) -> None:
        """Pause, in a trial or between two; whoever wants to leave does."""
        wish, data = show_pause(
            PausePage(self.protocol, self.texts, in_trial=trial is not None),
            LeavePage(self.protocol, self.texts),
            self.stage,
            self.responses,
        )
        number = None if trial is None else trial.trial
        self._log("pause", trial=number, duration=round(data["duration"], 3))
        if wish is Wish.LEAVE:
            raise Left

    def _record(self, name: str, data: ScreenData) -> None:
        rounded: ScreenData = {
            k: round(v, 3) if isinstance(v, float) else v for k, v in data.items()
        }
        when = self.stage.wall_clock(self.stage.now()).isoformat(timespec="seconds")
        self._log("screen", name=name, wall_clock=when, **rounded)
