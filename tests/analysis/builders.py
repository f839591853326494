"""Data sets of known content: recorded sessions, and files shaped like the released ones."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from participants import DataFolder, SessionInfo, write_published_session

CONDITIONS = ("synthetic", "natural", "none")
CHANCES = {"synthetic": 0.8, "natural": 0.92, "none": 0.5}


def session_rows(
    participant: int,
    random: np.random.Generator,
    *,
    session: int = 1,
    conditions: tuple[str, ...] = CONDITIONS,
    units: int = 8,
    correct: Callable[[str, int], bool] | None = None,
) -> list[dict[str, Any]]:
    """Answers of one participant: every unit once a condition, a catch and a practice trial."""
    rows = []
    for block, condition in enumerate(conditions, start=1):
        kinds = [("practice", 0), *[("main", u) for u in range(units)], ("catch", 1)]
        for trial_type, unit in kinds:
            branch = ("1x1", "3x3")[unit % 2]
            right = (
                correct(condition, unit)
                if correct
                else bool(random.random() < CHANCES.get(condition, 0.7))
            )
            position = ("upper", "lower")[int(random.integers(2))]
            other = {"upper": "lower", "lower": "upper"}[position]
            rows.append(
                {
                    "participant": participant,
                    "session": session,
                    "block": block,
                    "trial": len(rows) + 1,
                    "trial_type": trial_type,
                    "condition": condition,
                    "scheme": "Min+Max 9",
                    "unit": f"fire{unit + 2}:{branch}:{unit}",
                    "layer": f"fire{unit + 2}",
                    "branch": branch,
                    "channel": unit,
                    "selection": "random",
                    "batch": 1,
                    "query_upper": f"natural/{unit:06d}",
                    "query_lower": f"natural/{unit + 100:06d}",
                    "correct_position": position,
                    "key": "u",
                    "choice": position if right else other,
                    "correct": right,
                    "confidence": int(random.integers(1, 4)),
                    "rt": float(random.lognormal(1.0, 0.4)),
                    "frames_shown": 100,
                    "frames_dropped": 1,
                    "longest_frame": 0.034,
                    "gap_overrun": 0.002,
                    "presses_before_onset": 0,
                    "interrupted": 0,
                }
            )
    return rows


def info(participant: int, kind: str = "human", session: int = 1, **more: Any) -> SessionInfo:
    """Metadata of a finished session."""
    known: dict[str, Any] = {
        "protocol": "demo",
        "started": "2026-11-24T09:00:00+00:00",
        "completed": "2026-11-24T09:30:00+00:00",
        "observer": {"name": "ideal"} if kind == "simulated" else None,
    }
    return SessionInfo(participant=participant, session=session, kind=kind, **(known | more))


def write_sessions(
    root: Path,
    participants: int = 4,
    *,
    kind: str = "human",
    seed: int = 1,
    name: str = "demo",
    info_changes: dict[str, Any] | None = None,
    **options: Any,
) -> Path:
    """Write a data folder of that many participants."""
    DataFolder(root).describe(name=name, kind="sessions", sources=[])
    random = np.random.default_rng(seed)
    for participant in range(1, participants + 1):
        rows = session_rows(participant, random, **options)
        write_published_session(root, info(participant, kind, **(info_changes or {})), rows)
    return root


def change_table(path: Path, change: Callable[[pd.DataFrame], pd.DataFrame | None]) -> None:
    """Edit a trial table as a person with a spreadsheet would."""
    table = pd.read_csv(path, sep="\t", dtype=str, keep_default_na=False)
    changed = change(table)
    (table if changed is None else changed).to_csv(path, sep="\t", index=False)


def released_trials(participants: tuple[int, ...] = (3, 7), seed: int = 0) -> pd.DataFrame:
    """Make a table with the columns and the oddities of the released one: 9 trials each."""
    random = np.random.default_rng(seed)
    rows = []
    for subject in participants:
        plan = [("none_pre", "practice", False), ("none_pre", "main", False),
                ("optimized", "main", False), ("optimized", "main", True),
                ("natural", "main", False), ("natural", "main", False),
                ("none_post", "main", False), ("none_post", "repeated", False),
                ("optimized", "repeated", False)]  # fmt: skip
        for number, (instruction, kind, catch) in enumerate(plan):
            letter = kind == "practice" or catch
            codes = ("r", "r", "r") if letter else (str(number), "3", str(number % 2))
            right, order = bool(random.random() < 0.7), ("max_min", "min_max")[number % 2]
            target = "a" if order == "max_min" else "b"
            response = target if right else ("b" if target == "a" else "a")
            image = f"../stimuli/layer_{codes[0]}/batch_{number}/"
            rows.append(
                {
                    "subject_id_within_expert_type": subject,
                    "trial_nr": number,
                    "block_nr": number // 3,
                    "instr_type": instruction,
                    "trial_type": kind,
                    "catch_trial": catch,
                    "batch": number,
                    "layer": f"layer_{codes[0]}",
                    "kernel_size": codes[1],
                    "channel": f"channel_{codes[2]}",
                    "query_order": order,
                    "correct": right,
                    "conf_rating": (1 if response == "b" else -1) * int(random.integers(1, 4)),
                    "RT": -0.07 if number == 1 else float(random.lognormal(1, 0.5)),
                    "timeout": False,
                    "response": response,
                    "correct_response": target,
                    "query_image_a": image + ("max_9.png" if target == "a" else "min_0.png"),
                    "query_image_b": image + ("max_9.png" if target == "b" else "min_0.png"),
                    "old_trial_nr": {7: 6.0, 8: 2.0}.get(number),
                    "old_block_nr": None,
                    "seed": 42,
                    "unit_name": f"layer_{codes[0]}, {codes[1]} ",
                    "abs_conf_rating": 1,
                    "subject_id": subject,
                }
            )
    return pd.DataFrame(rows)


def write_release(folder: Path, trials: pd.DataFrame | None = None, *, units: bool = False) -> Path:
    """Write files named and shaped like the release of experiment I."""
    folder.mkdir(parents=True, exist_ok=True)
    table = released_trials() if trials is None else trials
    table.to_csv(folder / "experiment_I_main_practice_catch_repeated_trials_preprocessed.csv")
    subjects = table["subject_id"].unique() if "subject_id" in table else [1]
    pd.DataFrame(
        [
            {"subject_id": s, "trial_name": n, "trial_nr": i, "rating": 10.0 * i - 5, "rt": 9.5}
            for s in subjects
            for i, n in enumerate("cab")
        ]
    ).to_csv(folder / "experiment_I_intuitiveness_beginning_preprocessed.csv")
    if units:
        lists = folder / "units"
        lists.mkdir(exist_ok=True)
        head = ("encoding in folder structure\nlayer_number,kernel_size_number,channel_number,"
                "layer_name,pre_post_relu,kernel_size,feature_map_number\n")  # fmt: skip
        layers = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
        main = "".join(
            f"{i},3,{c},mixed{layer},pre_relu,pool,{100 * i + c}\n"
            for i, layer in enumerate(layers)
            for c in (0, 1)
        )
        (lists / "experiment_I_sampled_trials.csv").write_text(head + main)
        (lists / "experiment_I_practice.csv").write_text(head + "r,r,r,mixed4d,pre_relu,1x1,4\n")
        (lists / "experiment_I_warm_up_trials.csv").write_text(
            head + "a,a,a,mixed3a,pre_relu,1x1,43\nb,b,b,mixed4b,pre_relu,pool,504\n"
        )
    return folder
