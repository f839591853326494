"""Checking a bank: structure, checksums, order of extremeness, disjointness."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from house.errors import UserError
from stimuli import schema
from stimuli.bank import StimulusBank
from stimuli.damage import reading
from stimuli.machine import ROOT, machine_problems
from stimuli.schema import SIGNS

_NAMED = 3
"""Places that are named where the same is to be said of many."""


@dataclass
class Verification:
    """What a check of a bank found.

    Attributes
    ----------
    path : Path
        The bank.
    content_sha256 : str
        Checksum computed from the pixels and tables, or the recorded one when they could not
        be read.
    problems : list of str
        What is wrong, a sentence each; empty for a sound bank.
    warnings : list of str
        What a stimulus maker should know but may accept.
    """

    path: Path
    content_sha256: str = ""
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def verify_bank(path: Path | str) -> Verification:
    """Check everything that can be checked without the network.

    Structure and types, every checksum, values in range, exemplars in order of extremeness,
    minimal and maximal exemplars disjoint, batches disjoint and made of the ranks they claim,
    queries more extreme than their references (where the provenance does not say that they were
    dealt otherwise), the same picture not twice in a batch, no blank synthetic image, and the shape
    and checksums of a machine's answers.

    Raises
    ------
    UserError
        If the file is missing or cannot be opened as a bank at all.
    """
    found = Verification(Path(path))
    with StimulusBank(path) as bank:
        file: h5py.File = bank.file
        found.content_sha256 = bank.content_sha256
        _run(_check_structure, file, bank, found)
        _run(_check_attributes, file, bank, found)
        _run(_check_unknown, file, bank, found)
        if found.problems:
            return found
        for check in (
            _check_checksums,
            _check_exemplars,
            _check_batches,
            _check_copies,
            _check_synthetic,
            _check_machine,
        ):
            _run(check, file, bank, found)
    return found


_Check = Callable[[h5py.File, StimulusBank, Verification], None]


def _run(check: _Check, file: h5py.File, bank: StimulusBank, found: Verification) -> None:
    """Run a check; where the file cannot be read, that is what it found."""
    try:
        with reading(bank.path, file):
            check(file, bank, found)
    except UserError as error:
        if error.problem not in found.problems:
            found.problems.append(error.problem)


class _Tally:
    """What is said of many places: each is named where they are few, else they are counted."""

    def __init__(self) -> None:
        self._places: dict[str, list[str]] = {}

    def add(self, sentence: str, place: str) -> None:
        self._places.setdefault(sentence, []).append(place)

    def lines(self) -> list[str]:
        told = []
        for sentence, places in self._places.items():
            if len(places) <= _NAMED:
                told += [f"{place}: {sentence}" for place in places]
            else:
                some = "; ".join(places[:_NAMED])
                told.append(f"{sentence}, in {len(places):,} places: {some}; …")
        return told


def _check_attributes(file: h5py.File, bank: StimulusBank, found: Verification) -> None:
    recorded = file.attrs.get(schema.ATTRIBUTES_CHECKSUM)
    if recorded is None:
        found.warnings.append(
            "a checksum of name, recipe and provenance is not stored, as in all banks of earlier "
            "programs: whether they were changed cannot be told"
        )
    elif str(recorded) != schema.hash_attributes(file.attrs):
        found.problems.append(
            "name, recipe or provenance do not match their checksum: the file was changed"
        )
    # Whether it can be read at all.
    _ = bank.provenance


def _check_unknown(file: h5py.File, bank: StimulusBank, found: Verification) -> None:
    names: list[str] = []
    file.visititems(lambda name, item: names.append(name) if hasattr(item, "shape") else None)
    known = {*schema.DATASETS, *schema.OPTIONAL, *schema.OPTIONAL_MEASURED}
    odd = [name for name in names if name not in known and not name.startswith(f"{ROOT}/")]
    if odd:
        found.warnings.append(
            f"{', '.join(odd)}: not known to this version of the program, and not checked"
        )


def _check_structure(file: h5py.File, bank: StimulusBank, found: Verification) -> None:
    u = bank.dataset("units/unit_id").shape[0]
    k, size = bank.dataset("synthetic/images").shape[2:4]
    n = bank.dataset("natural/images").shape[0]
    r = bank.dataset("natural/exemplars").shape[-1]
    b, p = bank.dataset("natural/batches").shape[-2:]
    c = bank.dataset("synthetic/curve_steps").shape[0]
    shapes: dict[str, tuple[int, ...]] = {
        **{f"units/{column}": (u,) for column in schema.UNIT_COLUMNS},
        **{f"natural/{column}": (n,) for column in schema.NATURAL_COLUMNS},
        "synthetic/images": (u, 2, k, size, size, 3),
        "synthetic/activations": (u, 2, k),
        "synthetic/curves": (u, 2, c),
        "natural/images": (n, size, size, 3),
        "natural/exemplars": (u, 2, r),
        "natural/exemplar_activations": (u, 2, r),
        "natural/batches": (u, 2, b, p),
        "natural/batch_ranks": (u, 2, b, p),
    }
    shapes |= {name: (u,) for name in schema.OPTIONAL if name in file}
    shapes |= {
        name: (u, 2, c) if name.endswith("curves") else (u, 2)
        for name in schema.OPTIONAL_MEASURED
        if name in file
    }
    for name, shape in shapes.items():
        dataset = bank.dataset(name)
        if dataset.shape != shape:
            found.problems.append(f"{name} has shape {dataset.shape}, expected {shape}")
        expected = schema.expected_dtype(name)
        text = h5py.check_string_dtype(expected) is not None
        if text != (h5py.check_string_dtype(dataset.dtype) is not None) or (
            not text and dataset.dtype != expected
        ):
            found.problems.append(f"{name} has type {dataset.dtype}, expected {expected}")


def _check_checksums(file: h5py.File, bank: StimulusBank, found: Verification) -> None:
    digests = {}
    visible = schema.visible_datasets(file)
    for name in (*visible, *schema.measured_datasets(file)):
        digests[name] = schema.hash_dataset(file[name])
        if file[name].attrs.get("sha256") != digests[name]:
            found.problems.append(f"{name} does not match its checksum: the file was changed")
    found.content_sha256 = schema.combine_hashes((name, digests[name]) for name in visible)
    if found.content_sha256 != bank.content_sha256:
        found.problems.append("the content does not match the bank's content checksum")


def _check_exemplars(file: h5py.File, bank: StimulusBank, found: Verification) -> None:
    exemplars = file["natural/exemplars"][:]
    activations = file["natural/exemplar_activations"][:]
    if exemplars.size and (exemplars.min() < 0 or exemplars.max() >= bank.n_natural):
        found.problems.append("an exemplar points to no stored photograph")
        return
    if not np.isfinite(activations).all():
        found.problems.append("an exemplar's activation is not a number")
    tally = _Tally()
    for u, unit in enumerate(bank.units):
        low, high = activations[u]
        if (np.diff(low) < 0).any() or (np.diff(high) > 0).any():
            tally.add("exemplars are not in order of extremeness", unit.unit_id)
        if low.size and low[-1] > high[-1]:
            tally.add("minimal exemplars activate more than maximal", unit.unit_id)
        if np.intersect1d(*exemplars[u]).size:
            tally.add("a photograph is both minimal and maximal", unit.unit_id)
        for s, sign in enumerate(SIGNS):
            if len(np.unique(exemplars[u, s])) != exemplars.shape[2]:
                tally.add(f"a {sign} exemplar appears twice", unit.unit_id)
    found.problems += tally.lines()


def _check_batches(file: h5py.File, bank: StimulusBank, found: Verification) -> None:
    exemplars = file["natural/exemplars"][:]
    batches = file["natural/batches"][:]
    ranks = file["natural/batch_ranks"][:]
    released = bank.provenance.get("assignment") == "released"
    percentile = bank.provenance.get("query_percentile")
    if ranks.size and (ranks.min() < 0 or ranks.max() >= exemplars.shape[2]):
        found.problems.append("a batch names a rank that no exemplar has")
        return
    tally = _Tally()
    for u, unit in enumerate(bank.units):
        for s, sign in enumerate(SIGNS):
            where = f"{unit.unit_id}, {sign}"
            if (exemplars[u, s][ranks[u, s]] != batches[u, s]).any():
                tally.add("batches and ranks disagree", where)
            ordered = np.sort(batches[u, s], axis=1)
            if (ordered[:, 1:] == ordered[:, :-1]).any():
                tally.add("a photograph stands twice in a batch", where)
            # As released, batches overlap and a query may lie in the bin of a reference.
            if released:
                continue
            if len(np.unique(batches[u, s])) != batches[u, s].size:
                tally.add("batches share a photograph", where)
            queries, references = ranks[u, s, :, :1], ranks[u, s, :, 1:]
            if percentile is None and (references <= queries).any():
                tally.add("a query is less extreme than its references", where)
            if percentile is not None and (references >= queries).any():
                tally.add("a query is more extreme than its references", where)
    found.problems += tally.lines()


def _check_copies(file: h5py.File, bank: StimulusBank, found: Verification) -> None:
    """Warn where two photographs of a batch have the same pixels: copies under two names."""
    tally = _Tally()
    images = file["natural/images"]
    rows: dict[bytes, list[int]] = {}
    for row in range(images.shape[0]):
        rows.setdefault(hashlib.sha256(images[row].tobytes()).digest(), []).append(row)
    first = np.arange(images.shape[0])
    for same in rows.values():
        first[same] = same[0]
    rows_dealt = file["natural/batches"][:]
    if rows_dealt.size and (rows_dealt.min() < 0 or rows_dealt.max() >= len(first)):
        # Told of by the check of batches.
        return
    batches = np.sort(first[rows_dealt], axis=-1)
    twice = (batches[..., 1:] == batches[..., :-1]).any(axis=-1)
    for u, s, b in np.argwhere(twice):
        where = f"{bank.units[u].unit_id}, {SIGNS[s]}, batch {b}"
        tally.add("the same picture twice, under two names", where)
    found.warnings += tally.lines()


def _check_synthetic(file: h5py.File, bank: StimulusBank, found: Verification) -> None:
    activations = file["synthetic/activations"][:]
    if not np.isfinite(activations).all():
        found.problems.append("a synthetic image's activation is not a number")
    blank, weak = _Tally(), _Tally()
    for u, unit in enumerate(bank.units):
        for s, sign in enumerate(SIGNS):
            images = file["synthetic/images"][u, s]
            if (images.reshape(len(images), -1).std(axis=1) < 1).any():
                blank.add(f"a {sign} synthetic image is blank", unit.unit_id)
        if activations[u, 0].mean() >= activations[u, 1].mean():
            weak.add("minimal synthetic images activate as much as maximal ones", unit.unit_id)
    found.problems += blank.lines()
    found.warnings += weak.lines()


def _check_machine(file: h5py.File, bank: StimulusBank, found: Verification) -> None:
    found.problems += machine_problems(file, len(bank.units), bank.n_batches)
