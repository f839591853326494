"""One session from preflight to trial table, and simulated data sets."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from types import TracebackType
from typing import Any

from experiment.apparatus import Apparatus, open_apparatus
from experiment.display import Display, require_display
from experiment.machine_observer import MachineChoice, recorded_choice
from experiment.opening import Chosen, choose_session, now_utc
from experiment.options import Options
from experiment.preflight import (
    check_bank,
    check_disk,
    check_same_bank,
    check_wayland,
    settle,
)
from experiment.preparation import Preparation
from experiment.protocol import load_protocol
from experiment.session import Ending, Session
from experiment.texts import load_texts
from house.errors import UserError
from participants import DataFolder, SessionFolder, read_journal, state_of
from stimuli import StimulusBank

__all__ = ["Options", "Report", "create_session", "run_session"]

PATIENCE = 120.0


@dataclass(frozen=True)
class Report:
    """What became of a session."""

    folder: SessionFolder
    ending: Ending
    resumed: bool
    trials: int
    warnings: list[str]


def run_session(options: Options, offer: Callable[[SessionFolder], bool] | None = None) -> Report:
    """Run one session, from its first screen or from where it was broken off.

    Raises
    ------
    UserError
        For everything that a person can mend: see `preflight`, `opening`, `display`,
        `responses`.
    """
    protocol, text = load_protocol(options.protocol)
    load_texts(protocol.language)
    if options.window:
        require_display()
    # A simulated participant's timing is nobody's data, so it is always a rehearsal.
    rehearsal = options.rehearsal or options.observer is not None
    checks = [check_disk(options.data), check_bank(options.bank)]
    if options.window:
        checks.append(check_wayland(os.environ))
    settle(checks, rehearsal=rehearsal)
    data = DataFolder(options.data)
    with ExitStack() as stack:
        bank = stack.enter_context(StimulusBank(options.bank))
        chosen = choose_session(
            data,
            options.participant,
            protocol,
            text,
            bank,
            seed=options.seed,
            observer=options.observer,
            resume=options.resume,
            new_session=options.new_session,
            offer=offer,
            answers=options.answers,
            experimenter=options.experimenter,
            machine=MachineChoice(options.bank, options.machine, options.noise),
        )
        if chosen.folder is not None:
            stack.enter_context(chosen.folder.lock())
            checks[1] = check_same_bank(chosen.plan, bank)
            settle(checks, rehearsal=rehearsal)
        if chosen.resumed:
            options = _as_begun(options, chosen.info.observer)
        apparatus = open_apparatus(options, chosen.plan, chosen.protocol, stack)
        checks += apparatus.checks(chosen.protocol)
        warnings = settle(checks, rehearsal=rehearsal)
        # Nothing is written before everything was found in order.
        folder = chosen.folder
        if folder is None:
            folder = create_session(data, chosen)
            stack.enter_context(folder.lock())
        records = [check.record() for check in checks]
        return _walk(options, chosen, folder, bank, apparatus, records, warnings)


def _as_begun(options: Options, observer: dict[str, Any] | None) -> Options:
    """Let a machine that goes on answer by the prediction and the noise that it began with."""
    choice = MachineChoice(options.bank, options.machine, options.noise)
    begun = recorded_choice(choice, observer)
    return replace(options, machine=begun.name, noise=begun.noise)


def create_session(data: DataFolder, chosen: Chosen) -> SessionFolder:
    """Write plan and metadata of a new session."""
    data.describe(name=data.root.name, kind="sessions")
    return data.create(chosen.plan, chosen.info)


def _walk(
    options: Options,
    chosen: Chosen,
    folder: SessionFolder,
    bank: StimulusBank,
    apparatus: Apparatus,
    checks: list[dict[str, Any]],
    warnings: list[str],
) -> Report:
    """Walk the plan with the journal open; derive the trial table at the end, however it came."""
    known = chosen.info.notes
    fresh = [note for note in (f"let pass: {w}" for w in warnings) if note not in known]
    folder.update_info(**apparatus.describe(), notes=[*known, *fresh])
    stage = apparatus.stage
    entries = read_journal(folder.journal_path) if folder.journal_path.exists() else []
    state = state_of(entries)
    if state.finished:
        # Only what is derived was missing.
        _complete(folder)
        return Report(folder, Ending.FINISHED, chosen.resumed, len(state.completed), warnings)
    scored = frozenset(int(e.data["block"]) for e in entries if e.event == "block_end")
    with ExitStack() as stack:
        stack.push(partial(_derive_table, folder))
        preparation = None
        if isinstance(stage, Display):
            side = max(1, round(chosen.protocol.layout.image * stage.scale))
            preparation = stack.enter_context(Preparation(bank, side))
        journal = stack.enter_context(folder.journal())
        journal.append(
            "session_resume" if entries else "session_start",
            wall_clock=now_utc(),
            kind=chosen.info.kind,
            trials_completed=len(state.completed),
        )
        journal.append("preflight", checks=checks, warnings=warnings)
        session = Session(
            chosen.plan,
            chosen.protocol,
            load_texts(chosen.protocol.language).with_texts(chosen.protocol.texts),
            stage,
            apparatus.responses,
            journal,
            state,
            preparation,
            pace=options.pace,
            patience=PATIENCE if options.observer is None else 0.0,
            triggers=apparatus.triggers,
            sync_each=options.window,
        )
        ending = session.walk(scored)
        _note_consent(folder)
        if ending is Ending.FINISHED:
            _complete(folder)
            session.goodbye()
    return Report(folder, ending, chosen.resumed, len(session.results), warnings)


def _note_consent(folder: SessionFolder) -> None:
    """Put into the metadata when the participant consented."""
    for entry in read_journal(folder.journal_path):
        if entry.event == "screen" and entry.data.get("name") == "consent":
            folder.update_info(consented=entry.data["wall_clock"])
            return


def _complete(folder: SessionFolder) -> None:
    """Finish a session's files; its metadata come last and say that all is there."""
    _derive_table(folder, None, None, None)
    folder.update_info(completed=now_utc())


def _derive_table(
    folder: SessionFolder,
    kind: type[BaseException] | None,
    error: BaseException | None,
    trace: TracebackType | None,
) -> None:
    """Write the trial table; where something else went wrong, let that be what is told."""
    try:
        folder.write_trial_table()
    except UserError as problem:
        if error is None:
            raise UserError(
                problem.problem,
                where=problem.where,
                remedy="Make room or mend the permissions, then go on with --resume: every answer "
                "is in the journal, which gives the table back.",
            ) from problem
