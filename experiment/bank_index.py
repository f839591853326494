"""What the design needs to know of a bank, and whether a bank fits a protocol."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Protocol as Interface

from experiment.design_tables import references_a_side
from experiment.protocol import Protocol
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


def units_of(bank: BankIndex, role: str, sets: Collection[str] = ()) -> list[Unit]:
    """Give the units of a role, and of some of its sets, in the bank's order."""
    found = [unit for unit in bank.units if unit.role == role]
    return [unit for unit in found if unit.set in sets] if sets else found


def practice_lists(bank: BankIndex, role: str, count: int) -> list[list[Unit]]:
    """Part the units of a role into `count` lists.

    They are the role's sets in order of their names where it has as many, and else equal parts
    in the bank's order.
    """
    units = units_of(bank, role)
    sets = sorted({unit.set for unit in units})
    if len(sets) == count and all(sets):
        return [[unit for unit in units if unit.set == name] for name in sets]
    size = len(units) // count
    return [units[i * size : (i + 1) * size] for i in range(count)]


def check_fit(protocol: Protocol, bank: BankIndex) -> None:
    """Say everything that the bank lacks for this protocol in one error.

    Raises
    ------
    UserError
        If it lacks units of a role or set, batches or images.
    """
    lacks = [*_blocks_that_stay_empty(protocol), *_lacking_units(protocol, bank)]
    lacks += _lacking_images(protocol, bank)
    if lacks:
        raise UserError(
            f'the bank "{bank.name}" does not fit the protocol "{protocol.name}": '
            + "; ".join(lacks),
            remedy="Take another bank, or change the protocol's design, trials or units.",
        )


def _blocks_that_stay_empty(protocol: Protocol) -> Iterator[str]:
    for condition in protocol.design.conditions:
        counts = protocol.trials.of(condition)
        if counts.main and counts.main < counts.main_blocks:
            yield f"{counts.main} main trials cannot fill {counts.main_blocks} blocks ({condition})"


def _lacking_units(protocol: Protocol, bank: BankIndex) -> Iterator[str]:
    """Compare the units of every role and set with what is taken from them."""
    design, units = protocol.design, protocol.units
    counts = {condition: protocol.trials.of(condition) for condition in design.conditions}
    needed: dict[tuple[str, tuple[str, ...]], int] = {}

    def need(role: str, sets: tuple[str, ...], count: int) -> None:
        if count:
            needed[role, sets] = max(needed.get((role, sets), 0), count)

    most = max(c.main or c.main_blocks for c in counts.values())
    for name in units.main_sets:
        need(units.main, (name,), most)
    if not units.main_sets:
        need(units.main, (), most)
    practice = {condition: c.practice for condition, c in counts.items()}
    if units.practice_sets:
        for condition, count in practice.items():
            need(units.practice, (units.practice_sets[condition],), count)
    elif units.practice_lists:
        need(units.practice, (), max(practice.values()) * len(practice))
    else:
        need(units.practice, (), int(any(practice.values())))
    need(units.catch, units.catch_sets, max(c.catch_per_block for c in counts.values()))
    need(units.intuitiveness, (), int(bool(design.intuitiveness)))
    for (role, sets), count in needed.items():
        found = len(units_of(bank, role, sets))
        if found < count:
            which = f' in the set "{", ".join(sets)}"' if sets else ""
            yield f'{count} unit(s) with the role "{role}"{which} are needed, it has {found}'


def _lacking_images(protocol: Protocol, bank: BankIndex) -> Iterator[str]:
    design = protocol.design
    conditions = design.conditions
    n_references = max(max(references_a_side(scheme)) for scheme in design.schemes)
    what = " and ".join(s for s in design.schemes if max(references_a_side(s)) == n_references)
    if design.intuitiveness:
        n_references, what = 9, "ratings of intuitiveness"
    rated = bool(design.intuitiveness)
    if bank.n_batches < 2:
        yield f"2 batches or more are needed (0 for practice), it has {bank.n_batches}"
    elif bank.n_batches - 1 < len(conditions):
        yield (
            f"{len(conditions) + 1} batches are needed so that no condition repeats the query "
            f"images of another, it has {bank.n_batches}"
        )
    if ("natural" in conditions or rated) and bank.batch_size < n_references + 1:
        yield (
            f"batches of {n_references + 1} natural images are needed for {what},"
            f" it has {bank.batch_size}"
        )
    if ("synthetic" in conditions or rated) and bank.images_per_sign < n_references:
        yield (
            f"{n_references} synthetic images a sign are needed for {what}, "
            f"it has {bank.images_per_sign}"
        )
