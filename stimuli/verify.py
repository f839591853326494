"""Checking a bank: structure, checksums, order of extremeness, disjointness."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import h5py
import numpy as np

from house.errors import UserError
from stimuli import schema
from stimuli.bank import StimulusBank
from stimuli.machine import machine_problems
from stimuli.schema import SIGNS


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
        found.content_sha256 = bank.content_sha256
        file: h5py.File = bank._file
        _check_structure(file, found)
        if found.problems:
            return found
        try:
            _check_checksums(file, bank, found)
            _check_exemplars(file, bank, found)
            _check_batches(file, bank, found)
            _check_copies(file, bank, found)
            _check_synthetic(file, bank, found)
            found.problems += machine_problems(file, len(bank.units), bank.n_batches)
        except (OSError, UserError) as error:
            found.problems.append(f"a part cannot be read: {error}")
    return found


def _check_structure(file: h5py.File, found: Verification) -> None:
    u = file["units/unit_id"].shape[0]
    k, size = file["synthetic/images"].shape[2:4]
    n = file["natural/images"].shape[0]
    r = file["natural/exemplars"].shape[-1]
    b, p = file["natural/batches"].shape[-2:]
    c = file["synthetic/curve_steps"].shape[0]
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
        dataset = file[name]
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
    for u, unit in enumerate(bank.units):
        low, high = activations[u]
        if (np.diff(low) < 0).any() or (np.diff(high) > 0).any():
            found.problems.append(f"{unit.unit_id}: exemplars are not in order of extremeness")
        if low.size and low[-1] > high[-1]:
            found.problems.append(f"{unit.unit_id}: minimal exemplars activate more than maximal")
        if np.intersect1d(*exemplars[u]).size:
            found.problems.append(f"{unit.unit_id}: a photograph is both minimal and maximal")
        for s, sign in enumerate(SIGNS):
            if len(np.unique(exemplars[u, s])) != exemplars.shape[2]:
                found.problems.append(f"{unit.unit_id}: a {sign} exemplar appears twice")


def _check_batches(file: h5py.File, bank: StimulusBank, found: Verification) -> None:
    exemplars = file["natural/exemplars"][:]
    batches = file["natural/batches"][:]
    ranks = file["natural/batch_ranks"][:]
    released = bank.provenance.get("assignment") == "released"
    percentile = bank.provenance.get("query_percentile")
    if ranks.size and (ranks.min() < 0 or ranks.max() >= exemplars.shape[2]):
        found.problems.append("a batch names a rank that no exemplar has")
        return
    for u, unit in enumerate(bank.units):
        for s, sign in enumerate(SIGNS):
            where = f"{unit.unit_id}, {sign}"
            if (exemplars[u, s][ranks[u, s]] != batches[u, s]).any():
                found.problems.append(f"{where}: batches and ranks disagree")
            ordered = np.sort(batches[u, s], axis=1)
            if (ordered[:, 1:] == ordered[:, :-1]).any():
                found.problems.append(f"{where}: a photograph stands twice in a batch")
            # As released, batches overlap and a query may lie in the bin of a reference.
            if released:
                continue
            if len(np.unique(batches[u, s])) != batches[u, s].size:
                found.problems.append(f"{where}: batches share a photograph")
            queries, references = ranks[u, s, :, :1], ranks[u, s, :, 1:]
            if percentile is None and (references <= queries).any():
                found.problems.append(f"{where}: a query is less extreme than its references")
            if percentile is not None and (references >= queries).any():
                found.problems.append(f"{where}: a query is more extreme than its references")


def _check_copies(file: h5py.File, bank: StimulusBank, found: Verification) -> None:
    """Warn where two photographs of a batch have the same pixels: copies under two names."""
    images = file["natural/images"]
    rows: dict[bytes, list[int]] = {}
    for row in range(images.shape[0]):
        rows.setdefault(hashlib.sha256(images[row].tobytes()).digest(), []).append(row)
    first = np.arange(images.shape[0])
    for same in rows.values():
        first[same] = same[0]
    batches = np.sort(first[file["natural/batches"][:]], axis=-1)
    twice = (batches[..., 1:] == batches[..., :-1]).any(axis=-1)
    for u, s, b in np.argwhere(twice):
        where = f"{bank.units[u].unit_id}, {SIGNS[s]}, batch {b}"
        found.warnings.append(f"{where}: the same picture twice, under two names")


def _check_synthetic(file: h5py.File, bank: StimulusBank, found: Verification) -> None:
    activations = file["synthetic/activations"][:]
    if not np.isfinite(activations).all():
        found.problems.append("a synthetic image's activation is not a number")
    for u, unit in enumerate(bank.units):
        for s, sign in enumerate(SIGNS):
            images = file["synthetic/images"][u, s]
            if (images.reshape(len(images), -1).std(axis=1) < 1).any():
                found.problems.append(f"{unit.unit_id}: a {sign} synthetic image is blank")
        if activations[u, 0].mean() >= activations[u, 1].mean():
            found.warnings.append(
                f"{unit.unit_id}: minimal synthetic images activate as much as maximal ones"
            )
