"""Walks a plan: the only loop, the same for people and simulated participants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from functools import partial
from typing import Any

from experiment.elements import Element
from experiment.pages_in_session import Left, Pages
from experiment.preparation import Preparation
from experiment.protocol import Protocol
from experiment.repeats import decide_repeats
from experiment.screens import (
    BlockPage,
    DebriefPage,
    EndPage,
    FeedbackScreen,
    InstructionsPage,
    IntuitivenessScreen,
    Responses,
    ScorePage,
    Screen,
    TrialOutcome,
    TrialScreen,
    Wish,
    ask,
    rate,
    show_page,
)
from experiment.screens.base import Page
from experiment.stage import Stage
from experiment.texts import Catalogue
from experiment.trial_result import trial_result
from experiment.triggers import Triggers, onset_signal
from participants import Journal, Plan, PlannedBlock, PlannedTrial, SessionState


class Ending(Enum):
    """How a walk through the plan ended."""

    FINISHED = "finished"
    LEFT = "left"


@dataclass
class Session:
    """One walk through a plan, from its beginning or from where it was broken off.

    Parameters
    ----------
    plan, protocol, texts
        What happens, and how it looks.
    stage : Stage
        A window, or none.
    responses : Responses
        A keyboard or a simulated participant.
    journal : Journal
        Takes every event. Events are written between an answer and the next onset, never while
        an answer is awaited.
    state : SessionState
        What an earlier walk completed.
    preparation : Preparation, optional
        Decodes images; None where nothing is drawn.
    pace : float
        How many times faster than usual pauses and feedback pass (demonstrations).
    patience : float
        Seconds after which a silent keyboard counts as dead in the key test; 0 is never.
    triggers : Triggers
        Told of every trial's onset.
    sync_each : bool
        Whether every event is fsynced, or only the end of each block.
    """

    plan: Plan
    protocol: Protocol
    texts: Catalogue
    stage: Stage
    responses: Responses
    journal: Journal
    state: SessionState
    preparation: Preparation | None = None
    pace: float = 1.0
    patience: float = 0.0
    triggers: Triggers = field(default_factory=Triggers)
    sync_each: bool = True
    results: dict[int, dict[str, Any]] = field(default_factory=dict, init=False)

    def walk(self, blocks_done: frozenset[int] = frozenset()) -> Ending:
        """Show everything that was not completed yet.

        Parameters
        ----------
        blocks_done : set of int
            Blocks whose score was shown already.

        Returns
        -------
        Ending
            Whether the plan was finished or the participant left; either way the journal says
            so.
        """
        self._pages = Pages(
            self.protocol, self.texts, self.stage, self.responses, self._log, self.patience
        )
        self.results.update(self.state.completed)
        self._take(self.plan.extended(self.state.extension))
        self._upcoming = next(self._queue, None)
        self._request()
        if self._upcoming is None:
            self._extend()
        try:
            if not self.results:
                if self.protocol.pages.consent:
                    self._pages.consent()
                self._pages.show(InstructionsPage(self.protocol, self.texts))
            if self._upcoming is not None:
                self._pages.keys()
            for block in self._whole.blocks:
                if block.block not in blocks_done:
                    self._block(block)
            for block in self._extend():
                self._block(block)
        except Left:
            self._log("abort", trials_completed=len(self.results), sync=True)
            return Ending.LEFT
        correct, total = self._score()
        self._log("session_end", n_correct=correct, n_trials=total, sync=True)
        return Ending.FINISHED

    def goodbye(self) -> None:
        """Thank the participant. Everything is recorded by then, so nothing hangs on it."""
        pages: list[Page] = [EndPage(self.protocol, self.texts, *self._score())]
        if self.protocol.pages.debrief:
            pages.insert(0, DebriefPage(self.protocol, self.texts))
        for page in pages:
            while show_page(page, self.stage, self.responses)[0] is not Wish.GO_ON:
                pass

    # -- blocks and trials ---------------------------------------------------------------

    def _take(self, plan: Plan) -> None:
        """Take a plan, or the plan with its extension, as what is to be walked."""
        self._whole = plan
        self._queue = self._remaining()
        apart = ("practice", "intuitiveness")
        # Trials with an answer that is right or wrong, practice apart.
        self._counted = {t.trial for t in plan.trials() if t.trial_type not in apart}
        cells = {(b.condition, b.scheme) for b in plan.blocks if b.kind == "main"}
        # Before they are decided, the trials to come again count by how many they will be.
        extended = len(plan.blocks) > len(self.plan.blocks)
        self._coming = 0 if extended else 2 * self.protocol.design.repeated * len(cells)

    def _extend(self) -> tuple[PlannedBlock, ...]:
        """Decide the repeated trials once all answers they depend on are there."""
        if len(self._whole.blocks) > len(self.plan.blocks):
            return ()
        blocks = decide_repeats(self.plan, self.protocol, self.results)
        if blocks:
            data = [block.model_dump(mode="json") for block in blocks]
            self._log("plan_extended", blocks=data, sync=True)
            self._take(self.plan.extended(blocks))
            self._upcoming = next(self._queue, None)
            self._request()
        return blocks

    def _block(self, block: PlannedBlock) -> None:
        trials = [trial for trial in block.trials if trial.trial not in self.results]
        if trials:
            self._log(
                "block_start",
                block=block.block,
                kind=block.kind,
                condition=block.condition,
                n_trials=len(block.trials),
                n_left=len(trials),
            )
            mains = [b.block for b in self._whole.blocks if b.kind == block.kind]
            self._pages.show(
                BlockPage(
                    self.protocol,
                    self.texts,
                    block.kind,
                    block.condition,
                    len(trials),
                    mains.index(block.block) + 1,
                    len(mains),
                )
            )
        for trial in trials:
            while not self._trial(trial):
                pass
        if block.kind == "intuitiveness":
            self._log("block_end", block=block.block, n_trials=len(block.trials), sync=True)
            return
        correct = sum(bool(self.results[t.trial]["correct"]) for t in block.trials)
        self._log(
            "block_end", block=block.block, n_correct=correct, n_trials=len(block.trials), sync=True
        )
        self._pages.show(
            ScorePage(self.protocol, self.texts, block.kind, correct, len(block.trials))
        )

    def _trial(self, trial: PlannedTrial) -> bool:
        """Show a trial with its feedback; False where a pause broke it off."""
        if self.responses.peek(self.protocol.response.pause):
            self._pages.pause(None)
        screen: TrialScreen | IntuitivenessScreen
        if trial.trial_type == "intuitiveness":
            screen = IntuitivenessScreen(self.protocol, self.texts, trial)
        else:
            screen = TrialScreen(self.protocol, self.texts, trial, self._done())
        gap = self.protocol.timing.gap / self.pace
        blank = self.stage.present(_nothing, "blank")
        preparation_time = self._prepare(trial, screen)
        self._log("trial_begin", trial=trial.trial)
        code, label = onset_signal(trial)
        self.stage.signal(partial(self.triggers.fire, code, label))
        self.stage.hold(blank + gap)
        if isinstance(screen, IntuitivenessScreen):
            outcome = rate(screen, self.stage, self.responses)
        else:
            outcome = ask(screen, self.stage, self.responses)
        if outcome.paused:
            self._pages.pause(trial)
            self._upcoming = trial
            self._request()
            return False
        result = trial_result(trial, outcome, self.stage.frames(), self.responses.rejected())
        result |= {
            "wall_clock": self.stage.wall_clock(outcome.onset).isoformat(timespec="milliseconds"),
            "preparation_time": round(preparation_time, 6),
            "gap_overrun": round(max(0.0, outcome.onset - blank - gap), 6),
        }
        if self.triggers:
            result["trigger"] = {"code": code, "failed": self.triggers.failed()}
        self._upcoming = next(self._queue, None)
        self._request()
        if isinstance(screen, TrialScreen):
            self._feedback(screen, outcome, trial, result)
        else:
            self._keep(trial, result)
        return True

    def _prepare(self, trial: PlannedTrial, screen: Screen) -> float:
        """Put the trial's images into their slots; give the seconds that took."""
        if self.preparation is None:
            return 0.0
        start = self.stage.now()
        self.stage.load(self.preparation.take(trial))
        self.stage.warm(screen.elements)
        return self.stage.now() - start

    def _feedback(
        self,
        screen: TrialScreen,
        outcome: TrialOutcome,
        trial: PlannedTrial,
        result: dict[str, Any],
    ) -> None:
        timing = self.protocol.timing
        first = FeedbackScreen(self.protocol, self.texts, trial, screen.done, outcome.choice)
        second = FeedbackScreen(
            self.protocol, self.texts, trial, screen.done, outcome.choice, reveal=True
        )
        shown = self.stage.present(first.elements, "feedback-choice")
        # The answer is on the screen: now it goes to the disk, before anything else happens.
        self._keep(trial, result)
        revealed = shown + timing.feedback_choice / self.pace
        self.stage.hold(revealed)
        if trial.trial_type not in self.protocol.feedback.reveal:
            return
        verdict = "correct" if result["correct"] else "wrong"
        revealed = self.stage.present(second.elements, f"feedback-{verdict}")
        self.stage.hold(revealed + timing.feedback_correct / self.pace)

    def _keep(self, trial: PlannedTrial, result: dict[str, Any]) -> None:
        self.results[trial.trial] = result
        self._log("trial_end", trial=trial.trial, **result)

    # -- small parts ---------------------------------------------------------------------

    def _score(self) -> tuple[int, int]:
        """Count correct answers and trials, practice apart."""
        correct = sum(bool(self.results[number]["correct"]) for number in self._counted)
        return correct, len(self._counted)

    def _log(self, event: str, *, sync: bool = False, **data: Any) -> None:
        self.journal.append(event, fsync=sync or self.sync_each, **data)

    def _remaining(self) -> Iterator[PlannedTrial]:
        done = frozenset(self.results)
        return (trial for trial in self._whole.trials() if trial.trial not in done)

    def _request(self) -> None:
        if self.preparation is not None:
            self.preparation.request(self._upcoming)

    def _done(self) -> float:
        done = len(self.results.keys() & self._counted)
        return done / (len(self._counted) + self._coming) if self._counted else 0.0


def _nothing() -> list[Element]:
    return []
