"""From a protocol, a bank and a participant number to a plan. Pure: no clock, no files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from experiment.bank_index import BankIndex, check_fit, with_role
from experiment.orders import Side, balanced_sides, condition_order, main_batch
from experiment.protocol import Protocol, protocol_sha256, references_a_side
from house.errors import UserError
from house.seeds import generator
from participants import Plan, PlannedBlock, PlannedTrial
from stimuli import Sign, Unit

PLAN_SCHEMA = 1
_PRACTICE_BATCH = 0


@dataclass(frozen=True)
class _Draft:
    """A trial before its sides are drawn and it is numbered."""

    trial_type: Literal["practice", "main", "catch"]
    condition: str
    unit: Unit
    batch: int


def make_plan(
    protocol: Protocol,
    protocol_text: str,
    bank: BankIndex,
    participant: int,
    session: int = 1,
    seed: int = 0,
) -> Plan:
    """Lay out every trial of one session.

    Parameters
    ----------
    protocol : Protocol
        Counts, conditions, scheme.
    protocol_text : str
        The file it came from; the plan keeps it.
    bank : BankIndex
        Units and ids of images.
    participant, session : int
        Numbers from 1. The participant's number decides the order of conditions (a Williams
        square) and the batches of images (as published, `orders.main_batch`).
    seed : int
        Root of all draws, which are named by protocol, participant and session: the same
        inputs give the same plan on every machine.

    Returns
    -------
    Plan
        A practice block before the first main block of each condition. Every main unit
        occurs once a condition. In the main trials of a condition the correct image is above
        as often as below (one more where the number is odd), likewise in its catch trials.

    Raises
    ------
    UserError
        If the bank lacks units, batches or images that the protocol needs.
    """
    if participant < 1:
        raise UserError(f"a participant number is 1 or more, not {participant}")
    check_fit(protocol, bank)
    rng = generator(seed, "design", protocol.name, participant, session)
    drafts = _draft_blocks(protocol, bank, participant, rng)
    blocks: list[PlannedBlock] = []
    number = 0
    sides = _draw_sides(drafts, protocol.design.longest_run, rng)
    for kind, condition, block in drafts:
        trials: list[PlannedTrial] = []
        for draft in block:
            number += 1
            side = next(sides[draft.condition, draft.trial_type])
            trials.append(_lay_out(draft, number, len(blocks) + 1, side, protocol, bank, rng))
        blocks.append(
            PlannedBlock(
                block=len(blocks) + 1,
                kind=kind,
                condition=condition,
                scheme=protocol.design.scheme,
                trials=tuple(trials),
            )
        )
    return Plan(
        schema_version=PLAN_SCHEMA,
        protocol=protocol.name,
        protocol_sha256=protocol_sha256(protocol_text),
        protocol_text=protocol_text,
        bank_name=bank.name,
        bank_sha256=bank.content_sha256,
        participant=participant,
        session=session,
        seed=seed,
        blocks=tuple(blocks),
    )


def _draft_blocks(
    protocol: Protocol, bank: BankIndex, participant: int, rng: np.random.Generator
) -> list[tuple[Literal["practice", "main"], str, list[_Draft]]]:
    counts = protocol.trials
    conditions = condition_order(protocol.design.conditions, participant)
    practice_units = _Deck(with_role(bank, protocol.units.practice), rng)
    mains: dict[str, list[list[_Draft]]] = {}
    for condition in conditions:
        units = with_role(bank, protocol.units.main)
        shuffled = [units[i] for i in rng.permutation(len(units))]
        shuffled = shuffled[: counts.main or len(shuffled)]
        batch = main_batch(condition, participant, bank.n_batches)
        cut = np.array_split(np.arange(len(shuffled)), counts.main_blocks)
        mains[condition] = [
            [_Draft("main", condition, shuffled[i], batch) for i in part] for part in cut
        ]
    blocks: list[tuple[Literal["practice", "main"], str, list[_Draft]]] = []
    for round_ in range(counts.main_blocks):
        for condition in conditions:
            if round_ == 0 and counts.practice:
                practice = [
                    _Draft("practice", condition, next(practice_units), _PRACTICE_BATCH)
                    for _ in range(counts.practice)
                ]
                blocks.append(("practice", condition, practice))
            block = mains[condition][round_]
            if condition != "none" and counts.catch_per_block:
                catch_units = _Deck(with_role(bank, protocol.units.catch), rng)
                for _ in range(counts.catch_per_block):
                    draft = _Draft("catch", condition, next(catch_units), _PRACTICE_BATCH)
                    block.insert(int(rng.integers(len(block) + 1)), draft)
            blocks.append(("main", condition, block))
    return blocks


def _draw_sides(
    blocks: Iterable[tuple[str, str, list[_Draft]]], limit: int, rng: np.random.Generator
) -> dict[tuple[str, str], Iterator[Side]]:
    """Draw the correct sides of each condition and trial type, in order of presentation."""
    counts: dict[tuple[str, str], int] = {}
    for _, _, block in blocks:
        for draft in block:
            cell = (draft.condition, draft.trial_type)
            counts[cell] = counts.get(cell, 0) + 1
    return {cell: iter(balanced_sides(n, rng, limit)) for cell, n in counts.items()}


def _lay_out(
    draft: _Draft,
    number: int,
    block: int,
    correct: Side,
    protocol: Protocol,
    bank: BankIndex,
    rng: np.random.Generator,
) -> PlannedTrial:
    unit = draft.unit
    n_min, n_max = references_a_side(protocol.design.scheme)
    references = (
        {"min": (), "max": ()}
        if draft.condition == "none"
        else {
            "min": _references(bank, draft, "min", max(n_min, 1))[:n_min],
            "max": _references(bank, draft, "max", n_max),
        }
    )
    queries = {sign: bank.batch(unit.unit_id, sign, draft.batch)[0] for sign in ("min", "max")}
    if draft.trial_type == "catch":
        # A catch trial asks only for attention: its queries are copies of shown references.
        shown_min = references["min"] or _references(bank, draft, "min", 1)
        queries = {
            "min": shown_min[int(rng.integers(len(shown_min)))],
            "max": references["max"][int(rng.integers(len(references["max"])))],
        }
    upper, lower = ("max", "min") if correct == "upper" else ("min", "max")
    return PlannedTrial(
        trial=number,
        block=block,
        trial_type=draft.trial_type,
        condition=draft.condition,
        scheme=protocol.design.scheme,
        unit=unit.unit_id,
        layer=unit.layer,
        branch=unit.branch,
        channel=unit.channel,
        selection=unit.selection,
        batch=draft.batch,
        references_min=references["min"],
        references_max=references["max"],
        query_upper=queries[upper],
        query_lower=queries[lower],
        correct_position=correct,
        repeated_of=None,
    )


def _references(bank: BankIndex, draft: _Draft, sign: Sign, count: int) -> tuple[str, ...]:
    if draft.condition == "synthetic":
        return bank.synthetic(draft.unit.unit_id, sign)[:count]
    return bank.batch(draft.unit.unit_id, sign, draft.batch)[1 : 1 + count]


class _Deck:
    """Units dealt from a shuffled deck, shuffled again only when all have been dealt."""

    def __init__(self, units: list[Unit], rng: np.random.Generator) -> None:
        self._units, self._rng = units, rng
        self._left: list[Unit] = []

    def __iter__(self) -> _Deck:
        return self

    def __next__(self) -> Unit:
        if not self._left:
            self._left = [self._units[i] for i in self._rng.permutation(len(self._units))]
        return self._left.pop()
