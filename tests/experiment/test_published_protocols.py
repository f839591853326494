"""The two published experiments: their plans against the released trials and the rules."""

from __future__ import annotations

import csv
import os
from collections import Counter, defaultdict
from functools import cache
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiment.bank_index import BankSnapshot
from experiment.design import make_plan
from experiment.orders import longest_run
from experiment.protocol import Protocol, load_protocol, parse_protocol
from experiment.repeats import decide_repeats
from participants import Plan, PlannedBlock, PlannedTrial
from tests.experiment.banks import experiment_one_units, experiment_two_units, index_of

properties = settings(deadline=None, max_examples=25)
numbers = st.integers(1, 500)
released = pytest.mark.skipif(
    "BOROWSKI2021_DATA" not in os.environ,
    reason="needs the released trials: set BOROWSKI2021_DATA to their folder",
)
CONDITION = {
    "none_pre": "none",
    "none_post": "none",
    "optimized": "synthetic",
    "natural": "natural",
}
TRIALS = "experiment_I_main_practice_catch_repeated_trials_preprocessed.csv"


@cache
def one() -> tuple[Protocol, str, BankSnapshot]:
    return *load_protocol("borowski2021_experiment1"), index_of(experiment_one_units())


@cache
def two() -> tuple[Protocol, str, BankSnapshot]:
    return *load_protocol("borowski2021_experiment2"), index_of(experiment_two_units())


@cache
def balanced(which: int) -> tuple[Protocol, str, BankSnapshot]:
    _, text, bank = one() if which == 1 else two()
    lines, orders = [], False
    for line in text.splitlines():
        orders = orders or line.startswith("scheme_orders")
        if not orders:
            lines.append(line)
        orders = orders and line != "]"
    own = "\n".join(lines).replace('order = "published"', 'order = "balanced"', 2)
    assert 'order = "published"' not in own.split("\n\n", 1)[1]
    return parse_protocol(own, "balanced"), own, bank


def answers(plan: Plan, confidence: int = 2) -> dict[int, dict[str, int]]:
    return {t.trial: {"confidence": 1 + (t.trial * confidence) % 3} for t in plan.trials()}


def whole(plan: Plan, protocol: Protocol) -> Plan:
    return plan.extended(decide_repeats(plan, protocol, answers(plan)))


def shape(block: PlannedBlock) -> tuple[str, str, int, int, tuple[int, ...]]:
    """Give condition, kind, number of main and catch trials, batches."""
    catch = sum(t.trial_type == "catch" for t in block.trials)
    batches = sorted({t.batch for t in block.trials if t.batch is not None})
    return block.condition, block.kind, len(block.trials) - catch, catch, tuple(batches)


def two_choice(plan: Plan) -> list[PlannedBlock]:
    return [block for block in plan.blocks if block.kind != "intuitiveness"]


def strong_and_weak(trial: PlannedTrial) -> tuple[str, str]:
    both = trial.query_upper, trial.query_lower
    return both if trial.correct_position == "upper" else both[::-1]


# -- experiment I ------------------------------------------------------------------------------


@released
@pytest.mark.parametrize("participant", range(1, 11))
def test_experiment_one_has_the_blocks_of_the_released_participant(participant: int) -> None:
    with (Path(os.environ["BOROWSKI2021_DATA"]) / TRIALS).open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["subject_id"] == str(participant)]
    assert len(rows) == 186
    blocks: dict[int, list[dict[str, str]]] = defaultdict(list)
    for row in rows:
        blocks[int(row["block_nr"])].append(row)
    published = []
    for _, block in sorted(blocks.items()):
        catch = sum(row["catch_trial"] == "True" for row in block)
        batches = sorted({int(row["batch"]) for row in block})
        condition, kind = CONDITION[block[0]["instr_type"]], block[0]["trial_type"]
        published.append((condition, kind, len(block) - catch, catch, tuple(batches)))

    protocol, text, bank = one()
    plan = whole(make_plan(protocol, text, bank, participant), protocol)
    planned = [shape(block) for block in two_choice(plan)]
    assert len(planned) == 16
    assert planned[:13] == published[:13]
    # The order of the repeated blocks was drawn.
    assert sorted(planned[13:]) == sorted(published[13:])
    # Every unit once a condition: 45 different ones in each.
    for condition in ("none", "natural", "synthetic"):
        units = Counter(
            (row["layer"], row["kernel_size"], row["channel"])
            for row in rows
            if row["trial_type"] == "main"
            and row["catch_trial"] == "False"
            and CONDITION[row["instr_type"]] == condition
        )
        own = Counter(
            t.unit for t in plan.trials() if t.trial_type == "main" and t.condition == condition
        )
        assert set(units.values()) == set(own.values()) == {1}
        assert len(units) == len(own) == 45
    # Practice trials come from three lists of five, a list a condition.
    for source, unit in ((rows, "layer"), (None, "")):
        lists: dict[str, set[str]] = defaultdict(set)
        if source is not None:
            for row in source:
                if row["trial_type"] == "practice":
                    lists[CONDITION[row["instr_type"]]].add(row[unit])
        else:
            for trial in plan.trials():
                if trial.trial_type == "practice":
                    lists[trial.condition].add(trial.unit)
        assert sorted(len(units) for units in lists.values()) == [5, 5, 5]
        assert len(set.union(*lists.values())) == 15


@properties
@given(participant=numbers, seed=st.integers(0, 2**31))
def test_experiment_one_for_everybody(participant: int, seed: int) -> None:
    protocol, text, bank = one()
    plan = whole(make_plan(protocol, text, bank, participant, 1, seed), protocol)
    blocks = two_choice(plan)
    assert [b.kind for b in plan.blocks[:1]] == ["intuitiveness"]
    assert len(plan.blocks[0].trials) == 3
    assert sum(len(b.trials) for b in blocks) == 186
    first, second = ("synthetic", "natural") if participant % 2 else ("natural", "synthetic")
    assert [b.condition for b in blocks[:13]] == [
        *["none"] * 3, first, second, *[first, second] * 3, *["none"] * 2,
    ]  # fmt: skip
    none_mains = [b for b in blocks if b.condition == "none" and b.kind == "main"]
    assert [len(b.trials) for b in none_mains].index(12) == (participant - 1) % 4
    batch = {"none": 0, "natural": 1, "synthetic": 2}
    for trial in plan.trials():
        if trial.trial_type in ("main", "repeated"):
            assert trial.batch == (participant + batch[trial.condition] - 1) % 19 + 1
    holds_for_every_plan(plan, bank, 45)


def holds_for_every_plan(plan: Plan, bank: BankSnapshot, units_a_condition: int) -> None:
    mains = [t for t in plan.trials() if t.trial_type == "main"]
    for condition in {t.condition for t in mains}:
        units = Counter(t.unit for t in mains if t.condition == condition)
        assert len(units) == units_a_condition
        assert set(units.values()) == {1}
    shown: Counter[str] = Counter()
    for trial in plan.trials():
        if trial.trial_type in ("main", "practice"):
            shown.update(trial.image_ids)
        strong, weak = strong_and_weak(trial)
        references = {*trial.references_min, *trial.references_max}
        if trial.trial_type == "catch":
            assert strong in trial.references_max
            if trial.references_min:
                assert weak in trial.references_min
        elif trial.correct_position:
            assert not {strong, weak} & references
            assert trial.batch is not None
            assert strong == bank.batch(trial.unit, "max", trial.batch)[0]
            assert weak == bank.batch(trial.unit, "min", trial.batch)[0]
    assert set(shown.values()) == {1}


def test_experiment_one_shows_the_images_of_the_released_files() -> None:
    """References are min 1-9 and max 0-8 of ten; max 9 and min 0 of a batch are the queries."""
    protocol, text, bank = one()
    plan = make_plan(protocol, text, bank, 3)
    synthetic = next(
        t for t in plan.trials() if t.condition == "synthetic" and t.trial_type == "main"
    )
    assert [i[-2:] for i in synthetic.references_min] == [f"{k:02d}" for k in range(1, 10)]
    assert [i[-2:] for i in synthetic.references_max] == [f"{k:02d}" for k in range(9)]
    natural = next(t for t in plan.trials() if t.condition == "natural" and t.trial_type == "main")
    assert natural.batch is not None
    assert natural.references_min == bank.batch(natural.unit, "min", natural.batch)[1:]
    assert natural.references_max == bank.batch(natural.unit, "max", natural.batch)[:0:-1]
    rating = plan.blocks[0].trials[0]
    assert rating.references_max[:9] == bank.synthetic(rating.unit, "max")[:9]
    assert rating.references_max[9:] == bank.batch(rating.unit, "max", 0)[:0:-1]
    assert rating.references_min == ()
    assert rating.correct_position is None


# -- experiment II -----------------------------------------------------------------------------

SCHEME_ORDERS = (
    ("Max 1", "Min+Max 1", "Max 9", "Min+Max 9"),
    ("Max 1", "Max 9", "Min+Max 1", "Min+Max 9"),
    ("Min+Max 9", "Min+Max 1", "Max 9", "Max 1"),
    ("Min+Max 9", "Max 9", "Min+Max 1", "Max 1"),
)
SCHEMES = SCHEME_ORDERS[0]
SETS = ("abcd", "bcda", "cdab", "dabc")


@properties
@given(participant=numbers)
def test_experiment_two_for_everybody(participant: int) -> None:
    protocol, text, bank = two()
    plan = make_plan(protocol, text, bank, participant)
    letter = {unit.unit_id: unit.set for unit in bank.units}
    n = participant if participant < 11 else participant - 10
    blocks = two_choice(plan)
    assert [plan.blocks[0].kind, plan.blocks[-1].kind] == ["intuitiveness"] * 2
    assert len(plan.blocks) == 26
    assert sum(len(b.trials) for b in blocks) == 216
    schemes = SCHEME_ORDERS[(n - 1) % 4]
    first = ["natural", "synthetic"] if (n - 1) // 4 % 2 == 0 else ["synthetic", "natural"]
    assert [(b.scheme, b.kind, b.condition, len(b.trials)) for b in blocks] == [
        (scheme, kind, condition, 3 if kind == "practice" else 12)
        for scheme in schemes
        for kind, condition in [("practice", c) for c in first] + [("main", c) for c in first * 2]
    ]
    batch = 2 * ((n - 1) // 4) + 1
    for trial in plan.trials():
        if trial.trial_type == "main":
            assert letter[trial.unit] == SETS[(n - 1) % 4][SCHEMES.index(trial.scheme)]
            own = batch + (trial.condition == "synthetic")
            assert trial.batch == (own - 1) % 19 + 1
        elif trial.trial_type == "practice":
            assert letter[trial.unit] == {"synthetic": "f", "natural": "g"}[trial.condition]
        elif trial.trial_type == "catch":
            assert letter[trial.unit] == "e"
        if trial.trial_type != "main":
            assert trial.batch == 0
        sizes = {"Max 1": (0, 1), "Min+Max 1": (1, 1), "Max 9": (0, 9), "Min+Max 9": (9, 9)}
        if trial.correct_position:
            found = len(trial.references_min), len(trial.references_max)
            assert found == sizes[trial.scheme]
    assert all(
        sum(t.trial_type == "catch" for t in b.trials) == 2 for b in blocks if b.kind == "main"
    )
    holds_for_every_plan(plan, bank, 80)


@pytest.mark.parametrize("k", range(1, 11))
def test_the_kth_lay_participant_sees_what_the_kth_expert_saw(k: int) -> None:
    protocol, text, bank = two()
    expert, lay = (make_plan(protocol, text, bank, n, 1, 42) for n in (k, k + 10))
    assert expert.blocks == lay.blocks
    assert protocol.group_of(k) == ("expert", k)
    assert protocol.group_of(k + 10) == ("lay", k)


# -- balanced ----------------------------------------------------------------------------------


@pytest.mark.parametrize("which", [1, 2])
@properties
@given(participant=numbers, seed=st.integers(0, 2**31))
def test_balanced_sides(which: int, participant: int, seed: int) -> None:
    protocol, text, bank = balanced(which)
    plan = whole(make_plan(protocol, text, bank, participant, 1, seed), protocol)
    cells: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for trial in plan.trials():
        if trial.correct_position:
            cells[trial.condition, trial.scheme, trial.trial_type].append(trial.correct_position)
    for sides in cells.values():
        assert abs(sides.count("upper") - sides.count("lower")) == len(sides) % 2
    everything = [t.correct_position for t in plan.trials() if t.correct_position]
    assert longest_run(everything) <= 4
    holds_for_every_plan(plan, bank, 45 if which == 1 else 80)


def test_balanced_orders_of_experiment_two() -> None:
    protocol, text, bank = balanced(2)
    letter = {unit.unit_id: unit.set for unit in bank.units}
    places: Counter[tuple[str, int]] = Counter()
    starts: Counter[tuple[str, str]] = Counter()
    sets: Counter[tuple[str, str]] = Counter()
    followers: Counter[tuple[str, str]] = Counter()
    for participant in range(1, 9):
        plan = make_plan(protocol, text, bank, participant)
        order = list(dict.fromkeys(b.scheme for b in two_choice(plan)))
        places.update((scheme, place) for place, scheme in enumerate(order))
        followers.update(pairwise(order))
        first = two_choice(plan)[0]
        starts[first.scheme, first.condition] += 1
        sets.update({(t.scheme, letter[t.unit]) for t in plan.trials() if t.trial_type == "main"})
    assert set(places.values()) == {2}
    assert len(places) == 16
    assert set(followers.values()) == {2}
    assert len(followers) == 12
    assert set(starts.values()) == {1}
    assert len(starts) == 8
    assert set(sets.values()) == {2}
    assert len(sets) == 16


def test_published_sides_are_not_balanced() -> None:
    """They were a coin: somewhere in fifty participants a cell of 45 leaves 18 to 27."""
    protocol, text, bank = one()
    counts = [
        sum(
            t.correct_position == "upper"
            for t in make_plan(protocol, text, bank, n).trials()
            if t.trial_type == "main" and t.condition == "none"
        )
        for n in range(1, 51)
    ]
    assert min(counts) < 18 < 27 < max(counts)


@pytest.mark.slow
@pytest.mark.parametrize("which", [1, 2])
@pytest.mark.parametrize("order", ["published", "balanced"])
def test_all_of_the_first_five_hundred_participants(which: int, order: str) -> None:
    published = (one, two)[which - 1]
    protocol, text, bank = published() if order == "published" else balanced(which)
    for participant in range(1, 501):
        plan = make_plan(protocol, text, bank, participant)
        holds_for_every_plan(plan, bank, 45 if which == 1 else 80)
        if order == "balanced":
            everything = [t.correct_position for t in plan.trials() if t.correct_position]
            assert longest_run(everything) <= 4
        batches = {(t.condition, t.batch) for t in plan.trials() if t.trial_type == "main"}
        assert len(batches) == len({batch for _, batch in batches}) == 4 - which
