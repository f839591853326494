"""One bank made of several, each of another network: protocols then draw from all of them.

Units keep their images, batches and activations. A layer is called ``fire5@squeezenet1_1``
afterwards, and so is a unit, so that the same names in two networks stay apart in every table.
Photographs that several banks share are stored once. A machine's answers come along where all
banks have them.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from house.errors import UserError
from house.names import NAME_RULE, is_name
from house.provenance import git_commit, software_versions
from stimuli import schema
from stimuli.bank import StimulusBank
from stimuli.machine_merge import merge_machine
from stimuli.schema import NETWORK_SEPARATOR, SIGNS, Unit, unit_id
from stimuli.writer import BankWriter

# What all banks must have alike, in words.
_ALIKE = {
    "image_size": "pixels a side",
    "images_per_sign": "synthetic images a sign",
    "n_batches": "batches",
    "batch_size": "images a batch",
    "ranks": "exemplars",
    "curve_steps": "recorded steps",
    "assignment": "assignment of ranks",
    "query_percentile": "percentile of queries",
}


@dataclass(frozen=True)
class Part:
    """One of the banks to be merged, and what its network is called in the whole."""

    label: str
    path: Path


def merged_unit(unit: Unit, label: str) -> Unit:
    """Give a unit the name that it has in a bank of several networks."""
    layer = f"{unit.layer}{NETWORK_SEPARATOR}{label}"
    return replace(unit, layer=layer, unit_id=unit_id(layer, unit.branch, unit.channel))


def merge_banks(
    parts: Sequence[Part], out: Path, *, name: str, say: Callable[[str], None] = lambda text: None
) -> str:
    """Write one bank of several.

    Parameters
    ----------
    parts : sequence of Part
        Labels must differ.
    out : Path
        The bank; replaced where it exists.
    name : str
        What people call it.
    say : callable
        Told of a machine's answers that cannot be carried over.

    Returns
    -------
    str
        Its content checksum.

    Raises
    ------
    UserError
        If a bank cannot be read or does not match its checksum, banks differ in what a session
        or a table must have alike, labels are wrong, or one bank is itself merged.
    """
    _check_labels(parts)
    with contextlib.ExitStack() as stack:
        banks = [stack.enter_context(StimulusBank(part.path)) for part in parts]
        _check_alike(parts, banks)
        for part, bank in zip(parts, banks, strict=True):
            if bank.compute_content_sha256() != bank.content_sha256:
                raise UserError("this bank does not match its checksum", where=str(part.path))
        units = [
            merged_unit(unit, part.label)
            for part, bank in zip(parts, banks, strict=True)
            for unit in bank.units
        ]
        with BankWriter(
            out,
            units=units,
            name=name,
            image_size=banks[0].image_size,
            images_per_sign=banks[0].images_per_sign,
            curve_steps=banks[0].curve_steps,
            recipe=_recipes(parts, banks),
            provenance=_provenance(parts, banks),
        ) as writer:
            _write_synthetic(writer, banks)
            rows, sources = _share_photographs(banks)
            _write_natural(writer, banks, sources)
            _write_exemplars(writer, banks, rows)
            ids = [unit.unit_id for unit in units]
            for prediction in merge_machine([part.label for part in parts], banks, ids, say):
                writer.write_machine(prediction)
        assert writer.content_sha256 is not None
        return writer.content_sha256


def _check_labels(parts: Sequence[Part]) -> None:
    labels = [part.label for part in parts]
    for label in labels:
        if not is_name(label):
            raise UserError(
                f'"{label}" cannot name a network',
                remedy=NAME_RULE,
            )
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise UserError(
            f"several banks are labelled {', '.join(twice)}",
            remedy="Give each network its own label: LABEL=BANK.",
        )
    if not parts:
        raise UserError("there are no banks to merge")


def _facts(bank: StimulusBank) -> dict[str, Any]:
    return {
        "image_size": bank.image_size,
        "images_per_sign": bank.images_per_sign,
        "n_batches": bank.n_batches,
        "batch_size": bank.batch_size,
        "ranks": int(bank.dataset("natural/exemplars").shape[-1]),
        "curve_steps": bank.curve_steps.tolist(),
        "assignment": bank.provenance.get("assignment", "described"),
        "query_percentile": bank.provenance.get("query_percentile"),
    }


def _check_alike(parts: Sequence[Part], banks: Sequence[StimulusBank]) -> None:
    first = _facts(banks[0])
    for part, bank in zip(parts, banks, strict=True):
        if "merged" in bank.provenance:
            raise UserError(
                "this bank is merged already",
                where=str(part.path),
                remedy="Merge the banks of single networks.",
            )
        for key, value in _facts(bank).items():
            if value != first[key]:
                raise UserError(
                    f"the banks differ in {_ALIKE[key]}: {value} here, {first[key]} in "
                    f"{parts[0].path.name}",
                    where=str(part.path),
                    remedy="Build both with the same [synthesis] and [natural] settings.",
                )


def _write_synthetic(writer: BankWriter, banks: Sequence[StimulusBank]) -> None:
    row, wanted = 0, schema.OPTIMISATION
    known = all(where in bank.file for bank in banks for where in wanted.values())
    for bank in banks:
        for own in range(len(bank.units)):
            for sign in range(len(SIGNS)):
                writer.write_synthetic(
                    row,
                    sign,
                    bank.values("synthetic/images", (own, sign)),
                    bank.values("synthetic/activations", (own, sign)),
                    bank.values("synthetic/curves", (own, sign)),
                )
                if known:
                    writer.write_optimisation(
                        row,
                        sign,
                        **{name: bank.values(at, (own, sign)) for name, at in wanted.items()},
                    )
            row += 1


def _share_photographs(
    banks: Sequence[StimulusBank],
) -> tuple[list[npt.NDArray[np.int32]], list[tuple[int, int]]]:
    """Find the row of every bank's photographs in the whole, and where each is taken from.

    The same pixels under the same name are one photograph.
    """
    places: dict[bytes, int] = {}
    sources: list[tuple[int, int]] = []
    rows = []
    for index, bank in enumerate(banks):
        names = bank.values("natural/name")
        own = np.empty(bank.n_natural, np.int32)
        for row in range(bank.n_natural):
            digest = hashlib.sha256(bank.values("natural/images", row).tobytes())
            digest.update(str(names[row]).encode())
            key = digest.digest()
            if key not in places:
                places[key] = len(sources)
                sources.append((index, row))
            own[row] = places[key]
        rows.append(own)
    return rows, sources


def _write_natural(
    writer: BankWriter, banks: Sequence[StimulusBank], sources: Sequence[tuple[int, int]]
) -> None:
    texts = {
        column: [bank.values(f"natural/{column}") for bank in banks]
        for column in schema.NATURAL_COLUMNS
    }

    def pictures() -> Iterator[npt.NDArray[np.uint8]]:
        for index, row in sources:
            yield np.asarray(banks[index].values("natural/images", row), dtype=np.uint8)

    columns = {
        column: [str(values[index][row]) for index, row in sources]
        for column, values in texts.items()
    }
    writer.write_natural(pictures(), **columns)


def _write_exemplars(
    writer: BankWriter, banks: Sequence[StimulusBank], rows: Sequence[npt.NDArray[np.int32]]
) -> None:
    def joined(name: str, moved: bool) -> npt.NDArray[Any]:
        parts = [bank.values(f"natural/{name}") for bank in banks]
        if moved:
            parts = [own[values] for own, values in zip(rows, parts, strict=True)]
        return np.concatenate(parts)

    writer.write_exemplars(
        joined("exemplars", True),
        joined("exemplar_activations", False),
        joined("batches", True),
        joined("batch_ranks", False),
    )


def _recipes(parts: Sequence[Part], banks: Sequence[StimulusBank]) -> str:
    """Every recipe, each line a comment under its network: together they are no one recipe."""
    lines = ["# Merged of the banks of several networks; their recipes:"]
    for part, bank in zip(parts, banks, strict=True):
        lines += [f"# --- {part.label} ---", *(f"# {line}" for line in bank.recipe.splitlines())]
    return "\n".join(lines) + "\n"


def _provenance(parts: Sequence[Part], banks: Sequence[StimulusBank]) -> dict[str, Any]:
    facts = _facts(banks[0])
    return {
        "merged": [
            {
                "network_label": part.label,
                "name": bank.name,
                "content_sha256": bank.content_sha256,
                "provenance": bank.provenance,
            }
            for part, bank in zip(parts, banks, strict=True)
        ],
        "assignment": facts["assignment"],
        "query_percentile": facts["query_percentile"],
        "software": software_versions(["numpy", "h5py"]),
        "git_commit": git_commit(),
        "created": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
    }
