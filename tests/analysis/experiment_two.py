"""Files shaped like the release of experiment II, with answers of known chances.

Design, order of schemes, sets and batches follow the published protocol; only the answers are
drawn. The tables carry the oddities of the released ones: an unnamed index, a set that is part
of a unit's identity, columns without any value, a negative time.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

TRIALS = "experiment_II_main_practice_catch_trials_preprocessed.csv"
RATINGS = "experiment_II_intuitiveness_{}_preprocessed.csv"
LAYERS = (0, 2, 4, 6, 8)
SCHEMES = (("max_max", 1), ("min_max", 1), ("max_max", 9), ("min_max", 9))
NAMES = ("Max-1", "Min-Max-1", "Max-9", "Min-Max-9")
ORDERS = ((0, 1, 2, 3), (0, 2, 1, 3), (3, 1, 2, 0), (3, 2, 1, 0))
CHANCES = {"natural": (0.80, 0.85, 0.88, 0.92), "optimized": (0.72, 0.76, 0.79, 0.84)}
"""Chance of a right answer by condition and scheme, in the order of `NAMES`."""


def experiment_two_trials(experts: int = 10, lay: int = 13, seed: int = 0) -> pd.DataFrame:
    """Make the trial table: 216 trials a participant, 24 blocks."""
    random = np.random.default_rng(seed)
    people = [("expert", n) for n in range(1, experts + 1)]
    people += [("naive", n) for n in range(1, lay + 1)]
    rows: list[dict[str, object]] = []
    for level, number in people:
        subject = number + (10 if level == "naive" else 0)
        ability = float(random.normal(0, 0.02))
        trial = block = 0
        for scheme in ORDERS[(number - 1) % 4]:
            units = {condition: random.permutation(20) for condition in ("natural", "optimized")}
            first = ("natural", "optimized")
            if ((number - 1) // 4) % 2:
                first = first[::-1]
            for kind, half in (("practice", 0), ("main", 0), ("main", 1)):
                for condition in first:
                    if kind == "practice":
                        shown = [(int(u), 5 if condition == "optimized" else 6, False)
                                 for u in random.permutation(20)[:3]]  # fmt: skip
                    else:
                        which = (scheme + (number - 1)) % 4
                        own = units[condition][10 * half : 10 * half + 10]
                        shown = [(int(u), which, False) for u in own]
                        shown += [(int(u), 4, True) for u in own[:2]]
                        shown = [shown[i] for i in random.permutation(len(shown))]
                    for unit, which, catch in shown:
                        batch = 2 * ((number - 1) // 4) + (1 if condition == "natural" else 2)
                        chance = 0.97 if catch else CHANCES[condition][scheme] + ability
                        rows.append(
                            _row(random, subject, number, level, trial, block, kind, condition,
                                 scheme, which, unit, catch,
                                 0 if catch or kind == "practice" else batch, chance)
                        )  # fmt: skip
                        trial += 1
                    block += 1
    return pd.DataFrame(rows)


def _row(
    random: np.random.Generator, subject: int, number: int, level: str, trial: int, block: int,
    kind: str, condition: str, scheme: int, which: int, unit: int, catch: bool, batch: int,
    chance: float,
) -> dict[str, object]:  # fmt: skip
    layer, branch = LAYERS[unit // 4], unit % 4
    right, order = bool(random.random() < chance), ("max_min", "min_max")[random.integers(2)]
    target = "a" if order == "max_min" else "b"
    response = target if right else ("b" if target == "a" else "a")
    confidence = int(random.integers(2 if right else 1, 4))
    images = {"max": "max_9.png", "min": "min_0.png"}
    folder = (f"../stimuli/batch_block_{'abcdefgh'[which]}/channel/sampled_trials/layer_{layer}/"
              f"kernel_size_{branch}/channel_0/natural_images/batch_{batch}/")  # fmt: skip
    return {
        "subject_id_within_expert_type": number, "trial_nr": trial, "block_nr": block,
        "batch_block": which, "instr_type": condition, "trial_type": kind,
        "instruction_grid_mode": SCHEMES[scheme][0], "n_instruction_patches": SCHEMES[scheme][1],
        "catch_trial": catch, "batch": batch, "layer": f"layer_{layer}", "kernel_size": branch,
        "channel": "channel_0", "query_order": order, "correct": right,
        "conf_rating": confidence if response == "b" else -confidence,
        "RT": -0.05 if (subject, trial) == (2, 9) else float(random.lognormal(1.2, 0.6)),
        "timeout": False, "response": response, "correct_response": target,
        "query_image_a": folder + images["max" if target == "a" else "min"],
        "query_image_b": folder + images["max" if target == "b" else "min"],
        "old_trial_nr": np.nan, "old_block_nr": np.nan, "seed": 42 + number,
        "unit_name": f"layer_{layer}, {branch} ", "condition_name": NAMES[scheme],
        "abs_conf_rating": confidence, "subject_id": subject, "expert_level": level,
    }  # fmt: skip


def experiment_two_ratings(trials: pd.DataFrame, moment: str, seed: int = 0) -> pd.DataFrame:
    """Make three ratings a participant; those at the end are 20 higher on average."""
    random = np.random.default_rng([seed, moment == "end"])
    rows = [
        {
            "subject_id": subject, "trial_name": name, "trial_nr": i,
            "rating": int(np.clip(random.normal(40 if moment == "end" else 20, 25), -100, 100)),
            "rt": float(random.lognormal(2.0, 0.3)), "trial_name_number": float("abc".index(name)),
            "trial_name_as_jittered_number": "abc".index(name) + 0.01,
            "subject_id_within_expert_type": subject,
        }
        for subject in trials["subject_id"].unique()
        for i, name in enumerate(random.permutation(list("abc")))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def write_experiment_two(
    folder: Path, trials: pd.DataFrame | None = None, *, units: bool = False, **options: int
) -> Path:
    """Write files named and shaped like the release of experiment II."""
    folder.mkdir(parents=True, exist_ok=True)
    table = experiment_two_trials(**options) if trials is None else trials
    table.to_csv(folder / TRIALS)
    for moment in ("beginning", "end"):
        experiment_two_ratings(table, moment).to_csv(folder / RATINGS.format(moment))
    if units:
        (folder / "units").mkdir(exist_ok=True)
        names = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
        head = ("encoding\nlayer_number,kernel_size_number,channel_number,layer_name,"
                "pre_post_relu,kernel_size,feature_map_number\n")  # fmt: skip
        for place, letter in enumerate("abcdefgh"):
            lines = [
                f"{layer},{branch},0,mixed{names[layer]},pre_relu,"
                f"{('1x1', '3x3', '5x5', 'pool')[branch]},{100 * branch + 10 * place + layer}\n"
                for layer in LAYERS
                for branch in range(4)
            ]
            path = folder / "units" / f"experiment_II_set_{letter}.csv"
            path.write_text(head + "".join(lines))
    return folder
