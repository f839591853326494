"""The record in formats that others read: BIDS (behaviour) and Psych-DS."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from house.provenance import software_versions
from participants.columns import MISSING, TRIAL_COLUMNS
from participants.export_common import (
    DESCRIPTION,
    Exported,
    Recorded,
    data_set_name,
    readme,
    recorded_sessions,
    task_label,
    whole_folder,
    write_json,
)
from participants.record import SessionInfo
from participants.session_folder import SessionFolder
from participants.session_list import PLACES, write_session_list
from participants.store import DataFolder
from participants.table import Row, written

BIDS_VERSION = "1.10.0"

PARTICIPANT_COLUMNS: dict[str, dict[str, Any]] = {
    "participant_id": {"Description": "Number of the participant; no name was ever recorded."},
    "kind": {
        "Description": "Who answered.",
        "Levels": {
            "human": "a person",
            "simulated": "a simulated observer",
            "published": "a participant of a published data set",
        },
    },
    "expertise": {"Description": TRIAL_COLUMNS["expertise"].description},
    "sessions": {"Description": "Number of sessions with at least one answered trial."},
    "trials": {"Description": "Number of answered trials."},
    "completed": {"Description": "Whether every session came to its end."},
}


def export_bids(data: DataFolder, folder: Path) -> Exported:
    """Write a data set as BIDS: one ``_beh.tsv`` with a sidecar a session.

    Parameters
    ----------
    data : DataFolder
        What to export. Sessions without an answered trial are left out.
    folder : Path
        Where to; must not exist. It appears whole or not at all.

    Returns
    -------
    Exported

    Raises
    ------
    UserError
        If there is nothing to export, the folder exists, or it cannot be written.

    Notes
    -----
    Behavioural experiments: https://bids-specification.readthedocs.io, modality *beh*. The level
    ``ses-`` is there for all participants as soon as one of them has two sessions.
    """
    recorded, listed = recorded_sessions(data)
    numbers = [one.info.participant for one in recorded]
    several = len(set(numbers)) < len(numbers)
    name = data_set_name(data)
    with whole_folder(folder) as place:
        write_json(place / "dataset_description.json", _bids_description(name, recorded))
        (place / "README.md").write_text(readme(name), encoding="utf-8")
        _write_tsv(place / "participants.tsv", PARTICIPANT_COLUMNS, _participants(recorded))
        write_json(place / "participants.json", PARTICIPANT_COLUMNS)
        for one in recorded:
            subject = f"sub-{one.info.participant:03d}"
            session = f"ses-{one.info.session:02d}"
            parts = [subject, session] if several else [subject]
            task = task_label(one.info.protocol)
            home = place.joinpath(*parts, "beh")
            home.mkdir(parents=True)
            stem = "_".join([*parts, f"task-{task}", "beh"])
            _write_tsv(home / f"{stem}.tsv", TRIAL_COLUMNS, one.rows)
            write_json(home / f"{stem}.json", _sidecar(one.info))
        write_session_list(listed, place / PLACES["bids"])
    return Exported(folder, len(recorded), sum(len(one.rows) for one in recorded))


def export_psych_ds(data: DataFolder, folder: Path) -> Exported:
    """Write a data set as Psych-DS: CSV files under ``data/``, described in JSON-LD.

    Parameters and errors as in `export_bids`. Missing values are empty cells.

    Notes
    -----
    https://psych-ds.github.io. File names are keywords and values, ended by ``_data.csv``;
    ``variableMeasured`` lists every column.
    """
    recorded, listed = recorded_sessions(data)
    name = data_set_name(data)
    with whole_folder(folder) as place:
        write_json(
            place / "dataset_description.json",
            {
                "@context": "https://schema.org/",
                "@type": "Dataset",
                "name": name,
                "description": DESCRIPTION,
                "variableMeasured": [
                    _variable(column, entry.sidecar()) for column, entry in TRIAL_COLUMNS.items()
                ],
            },
        )
        (place / "README.md").write_text(readme(name), encoding="utf-8")
        (place / "data").mkdir()
        for one in recorded:
            stem = (
                f"subject-{one.info.participant:03d}_session-{one.info.session:02d}"
                f"_task-{task_label(one.info.protocol)}_data.csv"
            )
            text = io.StringIO()
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(TRIAL_COLUMNS)
            for row in one.rows:
                cells = [written(row.get(c), entry) for c, entry in TRIAL_COLUMNS.items()]
                writer.writerow(["" if cell == MISSING else cell for cell in cells])
            (place / "data" / stem).write_text(text.getvalue(), encoding="utf-8")
        write_session_list(listed, place / PLACES["psych-ds"])
    return Exported(folder, len(recorded), sum(len(one.rows) for one in recorded))


def _bids_description(name: str, recorded: Sequence[Recorded]) -> dict[str, Any]:
    commits = sorted({one.info.git_commit for one in recorded if one.info.git_commit})
    program: dict[str, Any] = {
        "Name": "Exemplary",
        "Version": software_versions([]).get("exemplary-lab", "unknown"),
    }
    if commits:
        program["Description"] = f"Recorded at commit {', '.join(commits)}"
    return {
        "Name": name,
        "BIDSVersion": BIDS_VERSION,
        "DatasetType": "raw",
        "GeneratedBy": [program],
    }


def _participants(recorded: Sequence[Recorded]) -> Iterator[Row]:
    for number in sorted({one.info.participant for one in recorded}):
        own = [one for one in recorded if one.info.participant == number]
        expertise = [one.info.expertise for one in own if one.info.expertise]
        ended = all(one.info.completed or one.info.kind == "published" for one in own)
        yield {
            "participant_id": f"sub-{number:03d}",
            "kind": own[0].info.kind,
            "expertise": expertise[-1] if expertise else None,
            "sessions": len(own),
            "trials": sum(len(one.rows) for one in own),
            "completed": "true" if ended else "false",
        }


def _sidecar(info: SessionInfo) -> dict[str, Any]:
    """Describe a session's table: its task, what showed it, its columns."""
    task: dict[str, Any] = {
        "TaskName": info.protocol,
        "TaskDescription": DESCRIPTION,
        "StimulusPresentation": _presentation(info),
        "SessionMetadata": {
            key: value
            for key, value in info.model_dump(mode="json").items()
            if value not in (None, {}, []) and key not in ("participant", "session", "expertise")
        },
    }
    return task | {name: column.sidecar() for name, column in TRIAL_COLUMNS.items()}


def _presentation(info: SessionInfo) -> dict[str, Any]:
    screen = info.screen
    shown = bool(screen.get("window")) and "psychopy" in info.software
    known = {
        "OperatingSystem": info.machine.get("system"),
        "SoftwareName": "PsychoPy" if shown else None,
        "SoftwareRRID": "SCR_006571" if shown else None,
        "SoftwareVersion": info.software["psychopy"] if shown else None,
        "ScreenRefreshRate": screen.get("refresh_rate_hz"),
        "ScreenResolution": screen.get("size_px"),
        "ScreenDistance": _metres(screen.get("distance_cm")),
    }
    return {key: value for key, value in known.items() if value is not None}


def _metres(centimetres: float | None) -> float | None:
    return None if centimetres is None else round(centimetres / 100, 4)


def _variable(name: str, sidecar: dict[str, Any]) -> dict[str, Any]:
    variable: dict[str, Any] = {
        "@type": "PropertyValue",
        "name": name,
        "description": sidecar["Description"],
    }
    if "Units" in sidecar:
        variable["unitText"] = sidecar["Units"]
    if "Levels" in sidecar:
        variable["valueReference"] = [
            {"@type": "PropertyValue", "value": value, "description": meaning}
            for value, meaning in sidecar["Levels"].items()
        ]
    return variable


def _write_tsv(path: Path, columns: Sequence[str] | dict[str, Any], rows: Any) -> None:
    lines = ["\t".join(columns)]
    for row in rows:
        lines.append("\t".join(_cell(name, row.get(name)) for name in columns))
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def _cell(name: str, value: Any) -> str:
    if name in PARTICIPANT_COLUMNS and name != "expertise":
        return MISSING if value is None else str(value)
    return written(value, TRIAL_COLUMNS[name])


def sessions_without_answers(data: DataFolder) -> list[SessionFolder]:
    """Give the sessions that an export leaves out."""
    return [session for session in data.sessions() if not session.rows()]
