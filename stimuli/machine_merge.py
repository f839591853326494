"""A machine's answers to the banks of several networks, carried into one bank of all."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from house.provenance import git_commit, software_versions
from stimuli.bank import StimulusBank
from stimuli.machine import MachinePrediction, machine_problems

# Facts that must be the same, in words.
_SETTINGS = {
    "similarity": "the similarity",
    "decision": "the rule",
    "shuffles": "the number of other units",
    "deals": "the number of deals",
    "seed": "the seed",
}


def merge_machine(
    labels: Sequence[str],
    banks: Sequence[StimulusBank],
    unit_ids: Sequence[str],
    say: Callable[[str], None],
) -> list[MachinePrediction]:
    """Join the predictions that every part has, made with the same settings.

    A trial shows images of one unit, so the decision variables are those that `predict` would give
    for the whole. The other units whose references show what chance is remain those of each unit's
    own network, and the facts say so.

    Parameters
    ----------
    labels : sequence of str
    banks : sequence of StimulusBank
        Open.
    unit_ids : sequence of str
        All units of the whole, bank by bank.
    say : callable
        Told of predictions that are left out, and why.
    """
    found = []
    for name in sorted({name for bank in banks for name in bank.machine_names}):
        why = _unlike(name, labels, banks)
        if why:
            say(
                f"the prediction {name} is left out: {why}. `python -m generation predict` makes "
                "one for the whole"
            )
        else:
            found.append(_joined(name, labels, banks, unit_ids))
    return found


def _unlike(name: str, labels: Sequence[str], banks: Sequence[StimulusBank]) -> str:
    """Say why a prediction cannot be carried; empty where it can."""
    without = [
        label for label, bank in zip(labels, banks, strict=True) if name not in bank.machine_names
    ]
    if without:
        return f"{', '.join(without)} {'has' if len(without) == 1 else 'have'} none"
    for label, bank in zip(labels, banks, strict=True):
        problems = machine_problems(bank.file, len(bank.units), bank.n_batches, [name])
        if wrong := next(problems, ""):
            return f"in the bank of {label}, {wrong}"
    settings = [_settings(bank.machine(name)) for bank in banks]
    for key, what in _SETTINGS.items():
        if any(one.get(key) != settings[0].get(key) for one in settings):
            return f"{what} was not the same for all"
    return ""


def _settings(prediction: MachinePrediction) -> dict[str, Any]:
    found = {key: prediction.facts[key] for key in _SETTINGS if key in prediction.facts}
    if isinstance(similarity := found.get("similarity"), dict):
        # Where it was computed is no setting.
        found["similarity"] = {k: value for k, value in similarity.items() if k != "device"}
    return found


def _joined(
    name: str, labels: Sequence[str], banks: Sequence[StimulusBank], unit_ids: Sequence[str]
) -> MachinePrediction:
    parts = [bank.machine(name) for bank in banks]
    dealt = [part.dealt for part in parts if part.dealt is not None]
    facts: dict[str, Any] = {
        **_settings(parts[0]),
        "shuffled": "with references of units of the same network",
        "merged": [
            {"network_label": label, **part.facts}
            for label, part in zip(labels, parts, strict=True)
        ],
        "software": software_versions(["numpy", "h5py"]),
        "git_commit": git_commit(),
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
    return MachinePrediction(
        name,
        tuple(unit_ids),
        np.concatenate([part.decision for part in parts]),
        np.concatenate([part.shuffled for part in parts]),
        facts,
        np.concatenate(dealt) if len(dealt) == len(parts) else None,
    )
