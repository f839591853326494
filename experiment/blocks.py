"""The blocks of a session and what each trial is for, before images and sides. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from experiment.bank_index import BankIndex, practice_lists, units_of
from experiment.design_tables import Scheme
from experiment.orders import (
    block_sizes,
    counterbalance,
    main_batch,
    williams_order,
    williams_orders,
)
from experiment.protocol import Protocol
from stimuli import Unit

FIXED_BATCH = 0
"""Batch of images of practice, catch and rating trials."""

DraftType = Literal["intuitiveness", "practice", "main", "catch"]
DraftKind = Literal["intuitiveness", "practice", "main"]


@dataclass(frozen=True)
class Draft:
    """A trial before its images and sides are chosen and it is numbered."""

    trial_type: DraftType
    condition: str
    scheme: Scheme
    unit: Unit
    batch: int = FIXED_BATCH


@dataclass
class DraftBlock:
    """A run of drafts with one announcement."""

    kind: DraftKind
    condition: str
    scheme: Scheme
    drafts: list[Draft] = field(default_factory=list)


def draft_blocks(
    protocol: Protocol, bank: BankIndex, number: int, rng: np.random.Generator
) -> list[DraftBlock]:
    """Lay out the blocks of one session.

    Parameters
    ----------
    protocol : Protocol
        Counts, conditions, schemes, orders.
    bank : BankIndex
        Its units; `bank_index.check_fit` has passed.
    number : int
        Of the participant within the group, from 1: decides orders, sets and batches.
    rng : numpy.random.Generator
        Draws the order of units, the lists of practice units and the places of catch trials.

    Returns
    -------
    list of DraftBlock
        Ratings before; for each scheme the practice and the first half of the conditions that
        lie around the others, the others in turn, the second half; ratings after.
    """
    design = protocol.design
    return [
        *(_ratings(protocol, bank, rng) if "before" in design.intuitiveness else ()),
        *_Drawing(protocol, bank, number, rng).blocks(),
        *(_ratings(protocol, bank, rng) if "after" in design.intuitiveness else ()),
    ]


def _ratings(protocol: Protocol, bank: BankIndex, rng: np.random.Generator) -> list[DraftBlock]:
    units = units_of(bank, protocol.units.intuitiveness)
    drafts = [Draft("intuitiveness", "", "Max 9", units[i]) for i in rng.permutation(len(units))]
    return [DraftBlock("intuitiveness", "", "Max 9", drafts)]


class _Drawing:
    """Draws the trials of one session; decks of units last for the whole of it."""

    def __init__(
        self, protocol: Protocol, bank: BankIndex, number: int, rng: np.random.Generator
    ) -> None:
        self._protocol, self._bank, self._number, self._rng = protocol, bank, number, rng
        design = protocol.design
        self._turning: tuple[str, ...] = tuple(
            c for c in design.conditions if c not in design.around
        )
        self._practice = self._practice_decks()
        catch = units_of(bank, protocol.units.catch, protocol.units.catch_sets)
        self._catch: dict[str, Deck] = {
            c: Deck(catch, rng) for c in design.conditions if c != "none"
        }

    def blocks(self) -> list[DraftBlock]:
        design, units = self._protocol.design, self._protocol.units
        orders = design.scheme_orders or tuple(
            williams_order(design.schemes, row)
            for row in range(len(williams_orders(len(design.schemes))))
        )
        rows = counterbalance(
            self._number,
            len(orders),
            len(williams_orders(len(self._turning))) if self._turning else 1,
            max(1, len(units.main_sets)),
            published=design.order == "published",
        )
        turning = williams_order(self._turning, rows.conditions) if self._turning else ()
        found: list[DraftBlock] = []
        for scheme in orders[rows.schemes]:
            sets: tuple[str, ...] = ()
            if units.main_sets:
                place = design.schemes.index(scheme) + rows.sets
                sets = (units.main_sets[place % len(units.main_sets)],)
            found += self._of_scheme(scheme, sets, turning)
        return found

    def _of_scheme(
        self, scheme: Scheme, sets: tuple[str, ...], turning: tuple[str, ...]
    ) -> list[DraftBlock]:
        design = self._protocol.design
        mains: dict[str, list[DraftBlock]] = {
            c: self._mains(c, scheme, sets) for c in design.conditions
        }
        found: list[DraftBlock] = []
        around: tuple[str, ...] = design.around
        for condition in around:
            found += self._practice_block(condition, scheme)
            found += mains[condition][: (len(mains[condition]) + 1) // 2]
        rounds = max((len(mains[c]) for c in turning), default=0)
        if design.practice_together:
            for condition in turning:
                found += self._practice_block(condition, scheme)
        for i in range(rounds):
            for condition in turning:
                if i == 0 and not design.practice_together:
                    found += self._practice_block(condition, scheme)
                found += mains[condition][i : i + 1]
        for condition in around:
            found += mains[condition][(len(mains[condition]) + 1) // 2 :]
        return found

    def _mains(self, condition: str, scheme: Scheme, sets: tuple[str, ...]) -> list[DraftBlock]:
        protocol, rng = self._protocol, self._rng
        design, counts = protocol.design, protocol.trials.of(condition)
        units = units_of(self._bank, protocol.units.main, sets)
        shuffled = [units[i] for i in rng.permutation(len(units))][: counts.main or len(units)]
        batch = main_batch(
            condition,
            design.conditions,
            self._number,
            self._bank.n_batches,
            design.batch_step,
            design.batch_participants,
        )
        found: list[DraftBlock] = []
        for size in block_sizes(len(shuffled), counts.main_blocks, self._number):
            own, shuffled = shuffled[:size], shuffled[size:]
            drafts = [Draft("main", condition, scheme, unit, batch) for unit in own]
            for _ in range(counts.catch_per_block):
                draft = Draft("catch", condition, scheme, next(self._catch[condition]))
                drafts.insert(int(rng.integers(len(drafts) + 1)), draft)
            found.append(DraftBlock("main", condition, scheme, drafts))
        return found

    def _practice_block(self, condition: str, scheme: Scheme) -> list[DraftBlock]:
        count = self._protocol.trials.of(condition).practice
        if not count:
            return []
        deck = self._practice[condition]
        drafts = [Draft("practice", condition, scheme, next(deck)) for _ in range(count)]
        return [DraftBlock("practice", condition, scheme, drafts)]

    def _practice_decks(self) -> dict[str, Deck]:
        conditions, units = self._protocol.design.conditions, self._protocol.units
        if units.practice_sets:
            return {
                c: Deck(units_of(self._bank, units.practice, (units.practice_sets[c],)), self._rng)
                for c in conditions
            }
        if units.practice_lists:
            lists = practice_lists(self._bank, units.practice, len(conditions))
            drawn = self._rng.permutation(len(lists))
            return {c: Deck(lists[i], self._rng) for c, i in zip(conditions, drawn, strict=True)}
        shared = Deck(units_of(self._bank, units.practice), self._rng)
        return dict.fromkeys(conditions, shared)


class Deck:
    """Units dealt from a shuffled deck, shuffled again only when all have been dealt."""

    def __init__(self, units: list[Unit], rng: np.random.Generator) -> None:
        self._units, self._rng = units, rng
        self._left: list[Unit] = []

    def __iter__(self) -> Deck:
        return self

    def __next__(self) -> Unit:
        if not self._left:
            self._left = [self._units[i] for i in self._rng.permutation(len(self._units))]
        return self._left.pop()
