"""The trial table: rows from plan and journal, written as TSV with a JSON sidecar."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from house.errors import UserError
from house.files import atomic_write_text
from participants.columns import MISSING, RESULT_COLUMNS, TRIAL_COLUMNS, Column
from participants.journal import Entry
from participants.record import Plan, PlannedBlock, PlannedTrial, SessionInfo

Row = dict[str, Any]


@dataclass(frozen=True)
class SessionState:
    """How far a session got.

    Attributes
    ----------
    completed : dict of int to dict
        Result of every answered trial, by trial number.
    interrupted : dict of int to int
        Number of presentations of a trial that ended without an answer, by trial number.
    finished : bool
        Whether the session came to its end.
    extension : tuple of PlannedBlock
        Blocks that were decided from the answers, such as repeated trials (`Plan.extended`).
    """

    completed: dict[int, dict[str, Any]]
    interrupted: dict[int, int]
    finished: bool
    extension: tuple[PlannedBlock, ...] = ()


def state_of(entries: Iterable[Entry]) -> SessionState:
    """Derive how far a session got from its journal; pure."""
    completed: dict[int, dict[str, Any]] = {}
    begun: dict[int, int] = {}
    finished = False
    extension: tuple[PlannedBlock, ...] = ()
    for entry in entries:
        if entry.event == "trial_begin":
            number = int(entry.data["trial"])
            begun[number] = begun.get(number, 0) + 1
        elif entry.event == "trial_end":
            number = int(entry.data["trial"])
            # The first answer counts: a trial is never shown again once it was answered.
            completed.setdefault(number, entry.data)
        elif entry.event == "plan_extended":
            extension += tuple(PlannedBlock.model_validate(b) for b in entry.data["blocks"])
        elif entry.event == "session_end":
            finished = True
    interrupted = {
        number: count - (number in completed)
        for number, count in begun.items()
        if count > (number in completed)
    }
    return SessionState(completed, interrupted, finished, extension)


def rows_from(plan: Plan, state: SessionState, info: SessionInfo) -> list[Row]:
    """Derive the trial table, one row an answered trial in the order of the plan; pure.

    Trials that were decided from the answers (`SessionState.extension`) follow the plan's own.
    """
    plan = plan.extended(state.extension)
    return [
        planned_row(plan, trial, info)
        | {name: state.completed[trial.trial].get(name) for name in RESULT_COLUMNS}
        | {"interrupted": state.interrupted.get(trial.trial, 0)}
        for trial in plan.trials()
        if trial.trial in state.completed
    ]


def planned_row(plan: Plan, trial: PlannedTrial, info: SessionInfo) -> Row:
    """Columns of a row that are known before the trial is shown."""
    row: Row = dict.fromkeys(TRIAL_COLUMNS)
    row |= {name: value for name, value in trial.model_dump().items() if name in TRIAL_COLUMNS}
    row["references_min"] = " ".join(trial.references_min) or None
    row["references_max"] = " ".join(trial.references_max) or None
    row["participant"] = plan.participant
    row["session"] = plan.session
    row["expertise"] = info.expertise
    return row


def write_table(path: Path, rows: Iterable[Mapping[str, Any]], *, durable: bool = True) -> None:
    """Write ``trials.tsv`` and, beside it, ``trials.json``; each appears whole or not at all.

    UTF-8, tabs, Unix line ends, ``n/a`` where there is no value, ``true`` and ``false``.
    Floats are written with all their digits.
    """
    atomic_write_text(path, table_text(rows), mode=0o600, durable=durable)
    atomic_write_text(path.with_suffix(".json"), _sidecar(), mode=0o600, durable=durable)


def table_text(rows: Iterable[Mapping[str, Any]]) -> str:
    """Write rows as the text of ``trials.tsv``; see `write_table`."""
    lines = ["\t".join(TRIAL_COLUMNS)]
    for row in rows:
        if not row.keys() <= TRIAL_COLUMNS.keys():
            raise ValueError(f"no such columns: {sorted(row.keys() - TRIAL_COLUMNS.keys())}")
        lines.append(
            "\t".join(
                [
                    MISSING if (value := row.get(name)) is None else written(value, column)
                    for name, column in TRIAL_COLUMNS.items()
                ]
            )
        )
    return "\n".join(lines) + "\n"


def read_table(path: Path) -> list[Row]:
    """Read a trial table with the types of `TRIAL_COLUMNS`; ``n/a`` becomes None.

    Raises
    ------
    UserError
        If the file is missing, lacks columns, or holds a value of the wrong type; the message
        names line and column.
    """
    try:
        lines = Path(path).read_bytes().decode("utf-8").split("\n")
    except FileNotFoundError:
        raise UserError("there is no such trial table", where=str(path)) from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read this trial table ({error})", where=str(path)) from error
    if lines[-1] == "":
        lines.pop()
    header = lines[0].split("\t") if lines else []
    missing = [name for name in TRIAL_COLUMNS if name not in header]
    if missing:
        raise UserError(f"columns are missing: {', '.join(missing)}", where=str(path))
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("\t")
        if len(cells) != len(header):
            raise UserError(
                f"line {number} has {len(cells)} cells, the header {len(header)}", where=str(path)
            )
        row: Row = {}
        for name, text in zip(header, cells, strict=True):
            if name in TRIAL_COLUMNS:
                try:
                    row[name] = _parsed(text, TRIAL_COLUMNS[name])
                except ValueError:
                    raise UserError(
                        f"line {number}: {name} cannot be {text!r}", where=str(path)
                    ) from None
        rows.append(row)
    return rows


@cache
def _sidecar() -> str:
    sidecar = {name: column.sidecar() for name, column in TRIAL_COLUMNS.items()}
    return json.dumps(sidecar, indent=2, ensure_ascii=False) + "\n"


def written(value: Any, column: Column) -> str:
    """Write a value as the table does."""
    if value is None or value == "":
        return MISSING
    if column.dtype == "bool":
        return "true" if value else "false"
    if column.dtype == "int":
        return str(int(value))
    if column.dtype == "float":
        return repr(float(value))
    text = str(value)
    if "\t" in text or "\n" in text or "\r" in text:
        raise ValueError(f"a cell of the trial table holds a tab or a line end: {text!r}")
    return text


def _parsed(text: str, column: Column) -> Any:
    if text == MISSING:
        return None
    if column.dtype == "bool":
        return {"true": True, "false": False}[text] if text in ("true", "false") else _refuse(text)
    if column.dtype == "int":
        return int(text)
    if column.dtype == "float":
        return float(text)
    return text


def _refuse(text: str) -> bool:
    raise ValueError(text)
