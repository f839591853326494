"""Data sets of simulated participants, without a window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from experiment.bank_index import snapshot
from experiment.observers import make_observer
from experiment.opening import choose_session, describe_machine, next_participant, now_utc
from experiment.preflight import check_bank, check_disk, settle
from experiment.protocol import load_protocol
from experiment.responses import ObserverResponses
from experiment.run import create_session
from experiment.session import Session
from experiment.stage import VirtualStage
from experiment.texts import load_texts
from participants import DataFolder, Journal, SessionFolder
from stimuli import StimulusBank


def simulate(
    protocol_name: str,
    bank_path: Path,
    data_path: Path,
    participants: int,
    observer: str,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
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
        See `observers.OBSERVERS`.
    seed : int
        Of plans and answers.
    advance : callable
        Called after each participant.

    Returns
    -------
    list of SessionFolder
    """
    protocol, text = load_protocol(protocol_name)
    texts = load_texts(protocol.language)
    settle([check_disk(data_path), check_bank(bank_path)], rehearsal=True)
    data = DataFolder(data_path)
    with StimulusBank(bank_path) as bank:
        index = snapshot(bank)
    provenance = describe_machine()
    first = next_participant(data)
    folders: list[SessionFolder] = []
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
        )
        stage = VirtualStage()
        responses = ObserverResponses(make_observer(observer, seed, participant), stage.now)
        info = chosen.info.model_copy(
            update={"screen": stage.describe(), "keyboard": responses.describe()}
        )
        folder = create_session(data, replace(chosen, info=info))
        with folder.lock(), Journal(folder.journal_path) as journal:
            journal.append(
                "session_start",
                fsync=False,
                wall_clock=now_utc(),
                kind="simulated",
                trials_completed=0,
            )
            Session(
                chosen.plan,
                protocol,
                texts,
                stage,
                responses,
                journal,
                folder.state(),
                sync_each=False,
            ).walk()
        folder.update_info(completed=now_utc())
        folder.write_trial_table()
        folders.append(folder)
        advance()
    return folders
