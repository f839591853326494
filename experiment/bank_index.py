"""What the design needs to know of a bank, and whether a bank fits a protocol."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol as Interface

from experiment.protocol import Protocol, references_a_side
from house.errors import UserError
from stimuli import Sign, Unit

_SIGNS: tuple[Sign, Sign] = ("min", "max")


class BankIndex(Interface):
    """The part of a bank that names images; `stimuli.StimulusBank` offers it."""

    @property
    def name(self) -> str:
        """What people call the bank."""

    @property
    def content_sha256(self) -> str:
        """Checksum of what participants can see."""

    @property
    def units(self) -> tuple[Unit, ...]:
        """All units."""

    @property
    def n_batches(self) -> int:
        """Number of disjoint sets of natural images of a unit."""

    @property
    def batch_size(self) -> int:
        """Number of natural images in each, the query included."""

    @property
    def images_per_sign(self) -> int:
        """Number of synthetic images of a unit and sign."""

    def batch(self, unit_id: str, sign: Sign, batch: int) -> tuple[str, ...]:
        """Give the image ids of a batch; position 0 is the query."""

    def synthetic(self, unit_id: str, sign: Sign) -> tuple[str, ...]:
        """Give the ids of a unit's synthetic images."""


@dataclass(frozen=True)
class BankSnapshot:
    """A bank's index held in memory: plans of many participants need no file."""

    name: str
    content_sha256: str
    units: tuple[Unit, ...]
    n_batches: int
    batch_size: int
    images_per_sign: int
    batches: dict[tuple[str, Sign, int], tuple[str, ...]]
    synthetics: dict[tuple[str, Sign], tuple[str, ...]]

    def batch(self, unit_id: str, sign: Sign, batch: int) -> tuple[str, ...]:
        """Give the image ids of a batch; position 0 is the query."""
        return self.batches[unit_id, sign, batch]

    def synthetic(self, unit_id: str, sign: Sign) -> tuple[str, ...]:
        """Give the ids of a unit's synthetic images."""
        return self.synthetics[unit_id, sign]


def snapshot(bank: BankIndex) -> BankSnapshot:
    """Read a bank's index into memory."""
    batches: dict[tuple[str, Sign, int], tuple[str, ...]] = {}
    synthetics: dict[tuple[str, Sign], tuple[str, ...]] = {}
    for unit in bank.units:
        for sign in _SIGNS:
            synthetics[unit.unit_id, sign] = bank.synthetic(unit.unit_id, sign)
            for b in range(bank.n_batches):
                batches[unit.unit_id, sign, b] = bank.batch(unit.unit_id, sign, b)
    return BankSnapshot(
        bank.name,
        bank.content_sha256,
        bank.units,
        bank.n_batches,
        bank.batch_size,
        bank.images_per_sign,
        batches,
        synthetics,
    )


def with_role(bank: BankIndex, role: str) -> list[Unit]:
    """Give the units of a role in the bank's order."""
    return [unit for unit in bank.units if unit.role == role]


def check_fit(protocol: Protocol, bank: BankIndex) -> None:
    """Say everything that the bank lacks for this protocol in one error.

    Raises
    ------
    UserError
        If it lacks units of a role, batches or images.
    """
    lacks: list[str] = []
    counts, roles = protocol.trials, protocol.units
    catches = counts.catch_per_block and set(protocol.design.conditions) != {"none"}
    needed = {
        roles.main: max(counts.main, 1),
        **({roles.practice: 1} if counts.practice else {}),
        **({roles.catch: 1} if catches else {}),
    }
    if counts.main and counts.main < counts.main_blocks:
        lacks.append(f"{counts.main} main trials cannot fill {counts.main_blocks} blocks")
    for role, count in needed.items():
        found = len(with_role(bank, role))
        if found < count:
            lacks.append(f'{count} unit(s) with the role "{role}" are needed, it has {found}')
    n_references = max(references_a_side(protocol.design.scheme))
    conditions = protocol.design.conditions
    if bank.n_batches < 2:
        lacks.append(f"2 batches or more are needed (0 for practice), it has {bank.n_batches}")
    elif bank.n_batches - 1 < len(conditions):
        lacks.append(
            f"{len(conditions) + 1} batches are needed so that no condition repeats the query "
            f"images of another, it has {bank.n_batches}"
        )
    if "natural" in conditions and bank.batch_size < n_references + 1:
        lacks.append(
            f"batches of {n_references + 1} natural images are needed for {protocol.design.scheme},"
            f" it has {bank.batch_size}"
        )
    if "synthetic" in conditions and bank.images_per_sign < n_references:
        lacks.append(
            f"{n_references} synthetic images a sign are needed for {protocol.design.scheme}, "
            f"it has {bank.images_per_sign}"
        )
    if lacks:
        raise UserError(
            f'the bank "{bank.name}" does not fit the protocol "{protocol.name}": '
            + "; ".join(lacks),
            remedy="Take another bank, or change the protocol's design, trials or units.",
        )
