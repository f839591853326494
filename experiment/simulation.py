"""Data sets of simulated participants, without a window."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from experiment.bank_index import snapshot
from experiment.machine_observer import MachineChoice
from experiment.observers import Observer
from experiment.opening import (
    Chosen,
    choose_session,
    describe_machine,
    next_participant,
    now_utc,
)
from experiment.preflight import check_bank, check_disk, settle
from experiment.protocol import load_protocol
from experiment.replay import named_observer
from experiment.responses import ObserverResponses
from experiment.run import create_session
from experiment.session import Session
from experiment.stage import VirtualStage
from experiment.texts import Catalogue, load_texts
from participants import DataFolder, SessionFolder, SessionState
from stimuli import StimulusBank


def simulate(
    protocol_name: str,
    bank_path: Path,
    data_path: Path,
    participants: int,
    observer: str,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
    answers: Path | None = None,
    machine: str | None = None,
    noise: float | None = None,
) -> list[SessionFolder]:
    """Record sessions of simulated participants without a window.

    Parameters
    ----------
    protocol_name : str
        Name of an embedded protocol, or a path.
    bank_path, data_path : Path
        Stimulus bank; folder of the data set. Participants are numbered after those there.
    participants : int
        How many.
    observer : str
        See `replay.NAMES`.
    seed : int
        Of plans and answers.
    advance : callable
        Called after each participant.
    answers : Path, optional
        Data set whose answers the observer "replay" gives.
    machine, noise : optional
        Prediction of the bank that the observer "machine" answers by, and its noise.

    Returns
    -------
    list of SessionFolder
    """
    protocol, text = load_protocol(protocol_name)
    texts = load_texts(protocol.language).with_texts(protocol.texts)
    settle([check_disk(data_path), check_bank(bank_path)], rehearsal=True)
    # What a seed gives again need not be waited for one event at a time.
    data = DataFolder(data_path, durable=False)
    with StimulusBank(bank_path) as bank:
        index = snapshot(bank)
    choice = MachineChoice(bank_path, machine, noise)
    provenance = describe_machine()
    first = next_participant(data)
    folders: list[SessionFolder] = []
    # The disk catches up with one session while the next one is walked.
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="disk") as disk:
        syncing: list[Future[None]] = []
        for participant in range(first, first + participants):
            chosen = choose_session(
                data,
                participant,
                protocol,
                text,
                index,
                seed=seed,
                observer=observer,
                provenance=provenance,
                answers=answers,
                machine=choice,
            )
            made = named_observer(observer, seed, participant, 1, answers, chosen.plan, choice)
            folder = _walk(data, chosen, texts, made)
            syncing.append(disk.submit(folder.sync))
            folders.append(folder)
            advance()
        for done in syncing:
            done.result()
    return folders


def _walk(data: DataFolder, chosen: Chosen, texts: Catalogue, observer: Observer) -> SessionFolder:
    """Record one session."""
    stage = VirtualStage()
    responses = ObserverResponses(observer, stage.now)
    info = chosen.info.model_copy(
        update={"screen": stage.describe(), "keyboard": responses.describe()}
    )
    folder = create_session(data, replace(chosen, info=info))
    with folder.lock(), folder.journal() as journal:
        journal.append("session_start", wall_clock=now_utc(), kind="simulated", trials_completed=0)
        Session(
            chosen.plan,
            chosen.protocol,
            texts,
            stage,
            responses,
            journal,
            SessionState({}, {}, finished=False),
            sync_each=False,
        ).walk()
        # Metadata last: they say that all is there.
        folder.write_trial_table()
        folder.update_info(completed=now_utc())
    return folder
