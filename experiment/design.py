"""From a protocol, a bank and a participant number to a plan. Pure: no clock, no files."""

from __future__ import annotations

import numpy as np

from experiment.bank_index import BankIndex, check_fit
from experiment.blocks import Draft, DraftBlock, draft_blocks
from experiment.design_tables import references_a_side
from experiment.orders import Side, spread_sides
from experiment.protocol import Protocol, protocol_sha256
from house.errors import UserError
from house.seeds import generator
from participants import Plan, PlannedBlock, PlannedTrial
from stimuli import Sign

PLAN_SCHEMA = 1


def make_plan(
    protocol: Protocol,
    protocol_text: str,
    bank: BankIndex,
    participant: int,
    session: int = 1,
    seed: int = 0,
) -> Plan:
    """Lay out every trial of one session that does not depend on answers.

    Parameters
    ----------
    protocol : Protocol
        Counts, conditions, schemes.
    protocol_text : str
        The file it came from; the plan keeps it.
    bank : BankIndex
        Units and ids of images.
    participant, session : int
        Numbers from 1. The participant's number (within the group, `Protocol.group_of`) decides
        the orders of schemes and conditions, the sets of units and the batches of images.
    seed : int
        Root of all draws, which are named by protocol, participant and session: the same
        inputs give the same plan on every machine. As published, the participants of two groups
        with the same number within their group have the same draws.

    Returns
    -------
    Plan
        Blocks as `blocks.draft_blocks` orders them. Every main unit occurs at most once a
        condition. In a balanced design the correct image is above as often as below within each
        condition, scheme and trial type (one more where the number is odd) and never more often
        in a row on one side than `longest_run`. Repeated trials depend on answers: see
        `repeats.decide_repeats`.

    Raises
    ------
    UserError
        If the bank lacks units, sets, batches or images that the protocol needs.
    """
    if participant < 1:
        raise UserError(f"a participant number is 1 or more, not {participant}")
    check_fit(protocol, bank)
    _, number = protocol.group_of(participant)
    published = protocol.design.order == "published"
    drawn_for = number if published else participant
    rng = generator(seed, "design", protocol.name, drawn_for, session)
    drafts = draft_blocks(protocol, bank, number, rng)
    sides = draw_sides(drafts, protocol, rng)
    blocks: list[PlannedBlock] = []
    number_of_trial = 0
    for block in drafts:
        trials: list[PlannedTrial] = []
        for draft in block.drafts:
            number_of_trial += 1
            side = None if draft.trial_type == "intuitiveness" else sides.pop()
            trials.append(
                _lay_out(draft, number_of_trial, len(blocks) + 1, side, protocol, bank, rng)
            )
        blocks.append(
            PlannedBlock(
                block=len(blocks) + 1,
                kind=block.kind,
                condition=block.condition,
                scheme=block.scheme,
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


def draw_sides(
    blocks: list[DraftBlock], protocol: Protocol, rng: np.random.Generator
) -> list[Side]:
    """Draw the correct side of every two-alternative trial; the last one first, to pop from."""
    cells = [
        (draft.scheme, draft.condition, draft.trial_type)
        for block in blocks
        for draft in block.drafts
        if draft.trial_type != "intuitiveness"
    ]
    if protocol.design.order == "published":
        coins = rng.integers(2, size=len(cells))
        return ["upper" if coin else "lower" for coin in coins][::-1]
    return spread_sides(cells, rng, protocol.design.longest_run)[::-1]


def _lay_out(
    draft: Draft,
    number: int,
    block: int,
    correct: Side | None,
    protocol: Protocol,
    bank: BankIndex,
    rng: np.random.Generator,
) -> PlannedTrial:
    published = protocol.design.order == "published"
    upper = lower = ""
    if correct is None:
        minimal: tuple[str, ...] = ()
        # The synthetic images lie left, the natural ones right: see `preparation.slots_of`.
        maximal = _synthetic(bank, draft, "max", 9, published) + _natural(
            bank, draft, "max", 9, published
        )
    else:
        minimal, maximal = _references(draft, bank, published)
        queries = _queries(draft, bank, minimal, maximal, published, rng)
        upper, lower = queries if correct == "lower" else queries[::-1]
    unit = draft.unit
    return PlannedTrial(
        trial=number,
        block=block,
        trial_type=draft.trial_type,
        condition=draft.condition,
        scheme=draft.scheme,
        unit=unit.unit_id,
        layer=unit.layer,
        branch=unit.branch,
        channel=unit.channel,
        selection=unit.selection,
        batch=draft.batch,
        references_min=minimal,
        references_max=maximal,
        query_upper=upper,
        query_lower=lower,
        correct_position=correct,
        repeated_of=None,
    )


def _references(
    draft: Draft, bank: BankIndex, published: bool
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    n_min, n_max = references_a_side(draft.scheme)
    if draft.condition == "none":
        return (), ()
    images = _synthetic if draft.condition == "synthetic" else _natural
    return (
        images(bank, draft, "min", n_min, published),
        images(bank, draft, "max", n_max, published),
    )


def _queries(
    draft: Draft,
    bank: BankIndex,
    minimal: tuple[str, ...],
    maximal: tuple[str, ...],
    published: bool,
    rng: np.random.Generator,
) -> tuple[str, str]:
    """Give the weak and the strong query."""
    if draft.trial_type != "catch":
        unit = draft.unit.unit_id
        return bank.batch(unit, "min", draft.batch)[0], bank.batch(unit, "max", draft.batch)[0]
    # A catch trial asks only for attention: its queries are copies of shown references (or, in
    # schemes without minimal ones, of one that would be shown).
    images = _synthetic if draft.condition == "synthetic" else _natural
    minimal = minimal or images(bank, draft, "min", 1, published)
    return minimal[int(rng.integers(len(minimal)))], maximal[int(rng.integers(len(maximal)))]


def _synthetic(
    bank: BankIndex, draft: Draft, sign: Sign, count: int, published: bool
) -> tuple[str, ...]:
    """Give synthetic images; of ten a sign, the published experiments left out min 0 and max 9."""
    images = bank.synthetic(draft.unit.unit_id, sign)
    first = 1 if published and sign == "min" and len(images) > count else 0
    return images[first : first + count]


def _natural(
    bank: BankIndex, draft: Draft, sign: Sign, count: int, published: bool
) -> tuple[str, ...]:
    """Give natural references, the most extreme first.

    The released files number maximal images from the least extreme (max 0) to the query (max 9),
    so the published grids of nine end with the most extreme.
    """
    images = bank.batch(draft.unit.unit_id, sign, draft.batch)[1 : 1 + count]
    return images[::-1] if published and sign == "max" else images
