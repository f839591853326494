"""What a machine answers to every trial that a bank can make: groups ``/machine/<name>``.

They stand beside the bank's content. Nobody sees them in a session, so they are no part of the
content checksum, and a bank with them is the bank that it was without.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from house.errors import UserError
from house.names import NAME_RULE, is_name, nearest
from stimuli import schema
from stimuli.damage import reason_of

ROOT = "machine"
CONDITIONS = ("natural", "synthetic")
SCHEMES = ("Max 1", "Min+Max 1", "Max 9", "Min+Max 9")
"""Order of the last two axes: whose references are shown, and which of them."""

_DATASETS = ("decision", "shuffled")
_LATER = ("dealt",)
"""What predictions of an earlier program lack."""
_CONTENT = "content_sha256"


@dataclass(frozen=True)
class MachinePrediction:
    """The answers of one machine observer.

    Attributes
    ----------
    name : str
        Letters, digits, dot, underscore and hyphen.
    unit_ids : tuple of str
        The bank's units, in its order.
    decision : ndarray of float32, shape (U, B, 2, 4)
        Decision variable of every unit, batch, condition (`CONDITIONS`) and scheme (`SCHEMES`):
        positive where the machine chooses the right query, and the larger the surer it is. NaN
        where the bank has too few images for the scheme.
    shuffled : ndarray of float32, shape (U, B, 2, 4)
        Share of right choices when the references are those of other units; NaN where there are
        none. It shows what the queries alone give away.
    facts : dict
        How it was made: anything JSON can hold; ``content_sha256`` is that of the bank.
    dealt : ndarray of float32, shape (U, B, 2, 4), or None
        Share of right choices when the trial's own references are dealt to the two sides at
        random, which is a half but for the draw; NaN in schemes that show one side. None in
        predictions of a program that did not deal.
    """

    name: str
    unit_ids: tuple[str, ...]
    decision: npt.NDArray[np.float32]
    shuffled: npt.NDArray[np.float32]
    facts: dict[str, Any] = field(default_factory=dict)
    dealt: npt.NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        if problem := wrong_values(self.arrays, len(self.unit_ids)):
            raise ValueError(problem)

    @property
    def arrays(self) -> dict[str, npt.NDArray[np.float32]]:
        """The data sets of the prediction by their names."""
        known = {"decision": self.decision, "shuffled": self.shuffled}
        return known if self.dealt is None else {**known, "dealt": self.dealt}

    @property
    def scale(self) -> float:
        """Root mean square of all decision variables: the unit in which noise is given."""
        finite = self.decision[np.isfinite(self.decision)].astype(np.float64)
        return float(np.sqrt(np.mean(finite**2))) if finite.size else float("nan")

    def of(self, unit_id: str, batch: int, condition: str, scheme: str) -> float:
        """Give the decision variable of one trial, NaN where the bank cannot make it.

        Raises
        ------
        KeyError
            If there is no such unit, batch, condition or scheme.
        """
        try:
            place = (
                self.unit_ids.index(unit_id),
                range(self.decision.shape[1]).index(batch),
                CONDITIONS.index(condition),
                SCHEMES.index(scheme),
            )
        except ValueError as error:
            raise KeyError((unit_id, batch, condition, scheme)) from error
        return float(self.decision[place])


def check_name(name: str) -> str:
    """Give the name back where it can name a prediction; `UserError` otherwise."""
    if not is_name(name):
        raise UserError(
            f'"{name}" cannot name a prediction',
            remedy=NAME_RULE,
        )
    return name


def wrong_values(
    arrays: Mapping[str, npt.NDArray[Any]], units: int, batches: int | None = None
) -> str:
    """Say what is wrong with the arrays of a prediction; empty where nothing is."""
    decision = arrays["decision"]
    if batches is None:
        batches = decision.shape[1] if decision.ndim == 4 else -1
    expected = (units, batches, len(CONDITIONS), len(SCHEMES))
    for what, values in arrays.items():
        if values.shape != expected:
            return f"{what} has shape {values.shape}, expected {expected}"
        if values.dtype != np.dtype("float32"):
            return f"{what} has type {values.dtype}, expected float32"
    if np.isinf(decision).any():
        return "decision holds an infinite number"
    absent = np.isnan(decision)
    if (absent != absent.all(axis=(0, 1))).any():
        return "decision has gaps: a scheme is there for all units and batches or for none"
    for what, values in arrays.items():
        # NaN compares as false: it is allowed.
        if what != "decision" and ((values < 0) | (values > 1)).any():
            return f"{what} holds what is no share"
    return ""


def machine_names(file: h5py.File) -> tuple[str, ...]:
    """Names of the predictions that a bank's file holds, in order."""
    return tuple(sorted(file[ROOT])) if ROOT in file else ()


def read_machine(file: h5py.File, unit_ids: tuple[str, ...], name: str | None) -> MachinePrediction:
    """Read a prediction; without a name, the only one.

    Raises
    ------
    UserError
        If there is none of that name, or there are several and none was named.
    """
    names, where = machine_names(file), str(file.filename)
    if not names:
        raise UserError(
            "this bank has no predictions of a machine",
            where=where,
            remedy="Make them with `python -m generation predict BANK`.",
        )
    if name is None and len(names) > 1:
        raise UserError(
            f"this bank has several predictions: {', '.join(names)}",
            where=where,
            remedy="Name one.",
        )
    name = names[0] if name is None else name
    if name not in names:
        raise UserError(
            f'this bank has no prediction called "{name}"',
            where=where,
            remedy=f"{nearest(name, names)} It has: {', '.join(names)}.".strip(),
        )
    try:
        group = file[f"{ROOT}/{name}"]
        arrays = {key: np.asarray(group[key][()]) for key in _kept(group)}
        facts = dict(json.loads(group.attrs["facts"]))
        return MachinePrediction(name, unit_ids, facts=facts, **arrays)
    except Exception as error:
        # What h5py raises depends on where the damage lies.
        raise UserError(
            f'the prediction "{name}" is damaged ({reason_of(error)})',
            where=where,
            remedy="Make it again with `python -m generation predict BANK --force`.",
        ) from error


def _kept(group: h5py.Group) -> tuple[str, ...]:
    return (*_DATASETS, *(key for key in _LATER if key in group))


def put_machine(file: h5py.File, prediction: MachinePrediction) -> None:
    """Write a prediction into an open bank, in the place of one of the same name.

    With it goes the checksum of the content that it is about.
    """
    place = f"{ROOT}/{prediction.name}"
    if place in file:
        del file[place]
    group = file.create_group(place)
    for key, values in prediction.arrays.items():
        dataset = group.create_dataset(key, data=values, track_times=False)
        dataset.attrs["sha256"] = schema.hash_dataset(dataset)
    group.attrs["conditions"] = list(CONDITIONS)
    group.attrs["schemes"] = list(SCHEMES)
    group.attrs[_CONTENT] = file.attrs[_CONTENT]
    group.attrs["facts"] = json.dumps(prediction.facts, ensure_ascii=False, sort_keys=True)


def other_content(facts: dict[str, Any], content_sha256: str) -> bool:
    """Whether facts say that the prediction is about another content."""
    return bool(facts.get(_CONTENT, content_sha256) != content_sha256)


def machine_problems(
    file: h5py.File, units: int, batches: int, names: Iterable[str] | None = None
) -> Iterator[str]:
    """Say what is wrong with the predictions of a bank, or some of them, a sentence each."""
    for name in machine_names(file) if names is None else names:
        group = file[f"{ROOT}/{name}"]
        what = f"the prediction {name}"
        missing = [key for key in _DATASETS if key not in group]
        if missing:
            yield f"{what} lacks {', '.join(missing)}"
            continue
        for key in _kept(group):
            if group[key].attrs.get("sha256") != schema.hash_dataset(group[key]):
                yield f"{what}, {key}, does not match its checksum: the file was changed"
        arrays = {key: group[key][()] for key in _kept(group)}
        if wrong := wrong_values(arrays, units, batches):
            yield f"{what}: {wrong}"
        try:
            facts = dict(json.loads(group.attrs["facts"]))
        except (KeyError, TypeError, ValueError) as error:
            yield f"{what} does not say how it was made ({error})"
            continue
        content = file.attrs[_CONTENT]
        if group.attrs.get(_CONTENT, content) != content or other_content(facts, content):
            yield f"{what} is about another bank's images: make it again"
        for key, expected in (("conditions", CONDITIONS), ("schemes", SCHEMES)):
            if tuple(group.attrs.get(key, ())) != expected:
                yield f"{what} names other {key} than {', '.join(expected)}"
