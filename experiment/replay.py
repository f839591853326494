"""A simulated participant that answers as a recorded one did."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from experiment.machine_observer import MachineChoice, MachineObserver, machine_observer
from experiment.observers import OBSERVERS, Answer, Observer, Rating, Side, make_observer
from house.errors import UserError
from house.names import nearest
from participants import DataFolder, Plan, PlannedTrial
from participants.table import Row

CONFIDENCE_RT = 0.5
"""Seconds from choice to confidence where the record does not tell them apart."""


class Replay:
    """Gives the answers of a trial table again.

    A trial takes the recorded answer to the same unit in a trial of the same type, condition and
    scheme. With none (units differ between banks) it takes one of the same trial type and
    condition: in the order of the plan, once `follow` was told of it, else by the trial's number.
    It is right where the record was right, on whichever side that is now, so any plan can be
    replayed. Nothing depends on what was answered before: a resumed session is answered like a
    whole one.

    Parameters
    ----------
    rows : iterable of dict
        Of a trial table.
    source : dict
        Where they come from, for the session's record.

    Raises
    ------
    UserError
        If there is no row with an answer.
    """

    name = "replay"

    def __init__(self, rows: Iterable[Row], source: dict[str, Any]) -> None:
        self._source = source
        self._by_unit: dict[tuple[str, str, str, str], Row] = {}
        self._by_type: dict[tuple[str, str], list[Row]] = {}
        self._by_trial: dict[int, Row] = {}
        for row in rows:
            answered = row["correct"] is not None and row["rt"] is not None
            if not answered and row["rating"] is None:
                continue
            kind = (row["trial_type"], row["condition"] or "")
            self._by_unit.setdefault((*kind, row["scheme"], row["unit"]), row)
            self._by_type.setdefault(kind, []).append(row)
        if not self._by_type:
            raise UserError("there are no answers to replay", where="--answers")

    def follow(self, plan: Plan) -> Replay:
        """Share out what other units' trials of a plan were answered, each row once."""
        others: dict[tuple[str, str], list[int]] = {}
        taken: set[int] = set()
        for trial in plan.trials():
            same = self._same_unit(trial)
            if same is None:
                others.setdefault(_kind(trial), []).append(trial.trial)
            else:
                taken.add(id(same))
        for kind, numbers in others.items():
            rows = self._by_type.get(kind, [])
            free = [row for row in rows if id(row) not in taken] or rows
            if free:
                self._by_trial |= {n: free[i % len(free)] for i, n in enumerate(numbers)}
        return self

    def answer(self, trial: PlannedTrial) -> Answer:
        """Answer as the record did.

        Raises
        ------
        UserError
            If the record holds no trial of that type and condition.
        """
        row = self._row(trial)
        chosen: Side | None = trial.correct_position
        assert chosen is not None, "a two-alternative trial has a correct side"
        if not row["correct"]:
            chosen = "lower" if chosen == "upper" else "upper"
        rt = max(0.0, float(row["rt"]))
        later = row["confidence_rt"]
        after = CONFIDENCE_RT if later is None or later <= row["rt"] else later - row["rt"]
        return Answer(chosen, int(row["confidence"] or 1), rt, float(after))

    def rate(self, trial: PlannedTrial) -> Rating:
        """Rate as the record did."""
        row = self._row(trial)
        return Rating(float(row["rating"] or 0.0), max(0.0, float(row["rt"] or 0.0)))

    def describe(self) -> dict[str, Any]:
        """Give the name and whose answers these are."""
        return {"name": self.name, **self._source}

    def _same_unit(self, trial: PlannedTrial) -> Row | None:
        return self._by_unit.get((*_kind(trial), trial.scheme, trial.unit))

    def _row(self, trial: PlannedTrial) -> Row:
        row = self._same_unit(trial) or self._by_trial.get(trial.trial)
        if row is not None:
            return row
        others = self._by_type.get(_kind(trial))
        if not others:
            of = f" of the condition {trial.condition}" if trial.condition else ""
            raise UserError(
                f"no {trial.trial_type} trial{of} was recorded that trial {trial.trial} could be "
                "answered from",
                where="--answers",
                remedy="Replay a session of a protocol with the same conditions and trial types.",
            )
        return others[(trial.trial - 1) % len(others)]


def _kind(trial: PlannedTrial) -> tuple[str, str]:
    # What a plan leaves empty is missing in a table.
    return trial.trial_type, trial.condition or ""


NAMES = (*OBSERVERS, MachineObserver.name, Replay.name)
"""Every simulated participant."""


def replay_of(answers: Path, participant: int) -> Replay:
    """Replay the first session of a participant of a data set.

    Parameters
    ----------
    answers : Path
        Folder of the data set: recorded here, or imported.
    participant : int
        Where the data set has fewer participants, they come again from the first.

    Raises
    ------
    UserError
        If there is no such data set.
    """
    data = DataFolder(answers)
    numbers = data.participants()
    if not numbers:
        raise UserError(
            "there are no sessions to replay",
            where=str(answers),
            remedy="Give --answers the folder of a data set (it holds sub-001, ...).",
        )
    chosen = numbers[(participant - 1) % len(numbers)]
    session = data.sessions_of(chosen)[0]
    source = {
        "answers": str(data.description().get("name") or data.root.resolve().name),
        "participant": chosen,
        "session": session.info.session,
    }
    return Replay(session.rows(), source)


def named_observer(
    name: str,
    seed: int,
    participant: int,
    session: int = 1,
    answers: Path | None = None,
    plan: Plan | None = None,
    machine: MachineChoice | None = None,
) -> Observer:
    """Make a simulated participant, a machine or a replayed one included.

    Parameters
    ----------
    name, seed, participant, session
        See `observers.make_observer`.
    answers : Path, optional
        Data set whose answers "replay" gives.
    plan : Plan, optional
        What it will answer.
    machine : MachineChoice, optional
        Bank and prediction that "machine" answers by; the others take no notice of the bank.

    Raises
    ------
    UserError
        If there is none of that name, or `answers` lacks or is not needed.
    """
    if name not in NAMES:
        raise UserError(
            f'there is no simulated participant called "{name}"',
            where="--observer",
            remedy=f"{nearest(name, NAMES)} There are: {', '.join(NAMES)}.".strip(),
        )
    if name == MachineObserver.name and machine is not None:
        _only_replay(answers)
        return machine_observer(machine, seed, participant, session)
    if machine is not None and (machine.name is not None or machine.noise is not None):
        raise UserError(
            f"--machine and --noise are for --observer {MachineObserver.name} only",
            where="--machine" if machine.name is not None else "--noise",
        )
    if name != Replay.name:
        _only_replay(answers)
        return make_observer(name, seed, participant, session)
    if answers is None:
        raise UserError(
            "there are no answers to replay",
            where="--answers",
            remedy="Name the folder of a data set: --answers FOLDER.",
        )
    replay = replay_of(answers, participant)
    return replay if plan is None else replay.follow(plan)


def _only_replay(answers: Path | None) -> None:
    if answers is not None:
        raise UserError(f"--answers is for --observer {Replay.name} only", where="--answers")
