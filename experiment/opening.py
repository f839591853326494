"""Which session it is: a new one, the next one, or one to go on with."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from experiment.bank_index import BankIndex
from experiment.design import make_plan
from experiment.machine_observer import MachineChoice
from experiment.protocol import Protocol, parse_protocol
from experiment.replay import named_observer
from house.errors import UserError
from house.provenance import git_commit, machine, software_versions
from participants import DataFolder, Plan, SessionFolder, SessionInfo

PACKAGES = (
    "psychopy",
    "psychtoolbox",
    "pyglet",
    "h5py",
    "hdf5plugin",
    "numpy",
    "pillow",
    "pydantic",
)


@dataclass(frozen=True)
class Chosen:
    """The session that is about to be walked.

    Attributes
    ----------
    plan, protocol, info
        What it consists of. A session to go on with has its own.
    folder : SessionFolder or None
        Where it lies; None for a new one, of which nothing is written yet.
    """

    plan: Plan
    protocol: Protocol
    info: SessionInfo
    folder: SessionFolder | None

    @property
    def resumed(self) -> bool:
        """Whether it was begun before."""
        return self.folder is not None


def participant_number(text: str) -> int:
    """Read a participant number: a whole number from 1, nothing else.

    Raises
    ------
    UserError
        For anything else, such as a name: participants are numbers.
    """
    cleaned = text.strip()
    if not cleaned.isascii() or not cleaned.isdigit() or int(cleaned) < 1:
        raise UserError(
            f'"{text}" is no participant number',
            where="--participant",
            remedy="Give a whole number from 1, such as 7. Names are never recorded.",
        )
    return int(cleaned)


def experimenter_code(text: str) -> str:
    """Read the code of an experimenter: a few letters and digits, nothing that names anybody.

    Raises
    ------
    UserError
        For anything else, such as a name or an address.
    """
    code = text.strip()
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,8}", code):
        raise UserError(
            f'"{text}" is no code of an experimenter',
            where="--experimenter",
            remedy="Give up to eight letters and digits, such as E2. Names are never recorded.",
        )
    return code


def next_participant(data: DataFolder) -> int:
    """Give the first number that no participant has."""
    return max(data.participants(), default=0) + 1


def unfinished_session(data: DataFolder, participant: int) -> SessionFolder | None:
    """Give the participant's last session where it was broken off, if only in its last files."""
    sessions = data.sessions_of(participant)
    if not sessions:
        return None
    last = sessions[-1]
    return None if last.state().finished and last.info.completed is not None else last


def choose_session(
    data: DataFolder,
    participant: int,
    protocol: Protocol,
    protocol_text: str,
    bank: BankIndex,
    *,
    seed: int = 0,
    observer: str | None = None,
    resume: bool = False,
    new_session: bool = False,
    offer: Callable[[SessionFolder], bool] | None = None,
    provenance: dict[str, Any] | None = None,
    answers: Path | None = None,
    experimenter: str | None = None,
    machine: MachineChoice | None = None,
) -> Chosen:
    """Find the session to go on with, or plan a new one. Writes nothing.

    Parameters
    ----------
    data : DataFolder
        Where sessions lie.
    participant : int
        From 1.
    protocol, protocol_text, bank, seed
        What a new plan is made from. A resumed session keeps its own plan and protocol.
    observer : str, optional
        Name of a simulated participant; it is part of the session's record.
    resume, new_session : bool
        What was asked for.
    offer : callable, optional
        Asks a person whether to go on with an unfinished session.
    provenance : dict, optional
        Software, machine and commit, as `describe_machine` gives them; found out when absent.
    answers, machine : optional
        See `replay.named_observer`.
    experimenter : str, optional
        Code of whoever leads the session.

    Raises
    ------
    UserError
        If there is nothing to resume, or an unfinished session and no word what to do with it.
    """
    if resume and new_session:
        raise UserError("--resume and --new-session exclude each other")
    unfinished = unfinished_session(data, participant)
    if resume and unfinished is None:
        finished = len(data.sessions_of(participant))
        raise UserError(
            f"participant {participant} has no unfinished session in {data.root}",
            where="--resume",
            remedy="Its sessions are finished; leave --resume out for a new one."
            if finished
            else "Leave --resume out to begin, or check --data and --participant.",
        )
    if unfinished is not None and not new_session:
        if not resume and not (offer is not None and offer(unfinished)):
            raise UserError(
                f"participant {participant} has an unfinished session",
                where=str(unfinished.path),
                remedy="Go on with it: --resume. Or leave it as it is and begin another: "
                "--new-session.",
            )
        return _resumed(unfinished, observer)
    session = data.next_session(participant)
    plan = make_plan(protocol, protocol_text, bank, participant, session, seed)
    described = None
    if observer is not None:
        described = named_observer(
            observer, seed, participant, session, answers, machine=machine
        ).describe()
    info = SessionInfo(
        participant=participant,
        session=session,
        protocol=plan.protocol,
        protocol_sha256=plan.protocol_sha256,
        bank_name=plan.bank_name,
        bank_sha256=plan.bank_sha256,
        kind="human" if observer is None else "simulated",
        observer=described,
        started=now_utc(),
        experimenter=experimenter,
        seed=seed,
        expertise=protocol.group_of(participant)[0],
        **(provenance if provenance is not None else describe_machine()),
    )
    return Chosen(plan, protocol, info, None)


def _resumed(folder: SessionFolder, observer: str | None) -> Chosen:
    info, plan = folder.info, folder.plan
    simulated = (info.observer or {}).get("name")
    if simulated != observer:
        was = f"by the simulated participant {simulated}" if simulated else "by a person"
        raise UserError(
            f"this session was begun {was}",
            where=str(folder.path),
            remedy=f"Go on with --observer {simulated}." if simulated else "Leave --observer out.",
        )
    protocol = parse_protocol(plan.protocol_text, f"{folder.plan_path}: protocol_text")
    return Chosen(plan, protocol, info, folder)


def describe_machine() -> dict[str, Any]:
    """Give software, machine and commit for the session's record."""
    return {
        "software": software_versions(PACKAGES),
        "machine": machine(),
        "git_commit": git_commit(),
    }


def now_utc() -> str:
    """Give date and time, UTC, ISO 8601."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def default_bank(path: Path | None, banks: Path) -> Path:
    """Give the bank's path, the demo bank when none was named.

    Raises
    ------
    UserError
        If the demo bank was not built yet.
    """
    if path is not None:
        return path
    demo = banks / "demo.h5"
    if not demo.exists():
        raise UserError(
            "there is no demo bank yet",
            where=str(demo),
            remedy="Build it with `python -m generation build`, or name a bank with --bank.",
        )
    return demo
