"""Repeated trials: which, and that plan and answers give them again."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiment.design import make_plan
from experiment.protocol import load_protocol, parse_protocol
from experiment.repeats import decide_repeats
from participants import Plan
from participants.journal import Entry
from participants.table import state_of
from tests.experiment.banks import experiment_one_units, index_of

PROTOCOL, TEXT = load_protocol("borowski2021_experiment1")
BANK = index_of(experiment_one_units())
PLAN = make_plan(PROTOCOL, TEXT, BANK, 3, 1, 42)
BALANCED = parse_protocol(TEXT.replace('\norder = "published"', '\norder = "balanced"'), "x")


def confidences(draw: st.DrawFn, low: int, high: int) -> dict[int, dict[str, int]]:
    values = draw(st.lists(st.integers(low, high), min_size=171, max_size=171), label="confidences")
    return {t.trial: {"confidence": v} for t, v in zip(PLAN.trials(), values, strict=True)}


answered = st.composite(confidences)


@settings(deadline=None, max_examples=40)
@given(answered(1, 3), st.sampled_from([PROTOCOL, BALANCED]))
def test_the_least_and_the_most_confident_of_each_condition(
    results: dict[int, dict[str, int]], protocol: object
) -> None:
    blocks = decide_repeats(PLAN, protocol, results)  # type: ignore[arg-type]
    assert sorted(b.condition for b in blocks) == ["natural", "none", "synthetic"]
    assert [t.trial for b in blocks for t in b.trials] == list(range(172, 190))
    assert [b.block for b in blocks] == [15, 16, 17]
    for block in blocks:
        own = [t for t in PLAN.trials() if (t.trial_type, t.condition) == ("main", block.condition)]
        ordered = sorted(results[t.trial]["confidence"] for t in own)
        chosen = sorted(results[t.repeated_of or 0]["confidence"] for t in block.trials)
        assert chosen == ordered[:3] + ordered[-3:]
        assert len({t.repeated_of for t in block.trials}) == 6
        for trial in block.trials:
            first = PLAN.trial(trial.repeated_of or 0)
            assert trial.trial_type == "repeated"
            assert first.trial_type == "main"
            assert first.unit == trial.unit
            assert first.references_max == trial.references_max
            turned = trial.correct_position != first.correct_position
            queries = (first.query_upper, first.query_lower)[:: -1 if turned else 1]
            assert (trial.query_upper, trial.query_lower) == queries
        if protocol is BALANCED:
            assert Counter(t.correct_position for t in block.trials) == {"upper": 3, "lower": 3}


def test_ties_orders_and_sides_are_drawn_but_the_same_again() -> None:
    results = {t.trial: {"confidence": 2} for t in PLAN.trials()}
    blocks = decide_repeats(PLAN, PROTOCOL, results)
    assert blocks == decide_repeats(PLAN, PROTOCOL, dict(reversed(results.items())))
    other = [
        decide_repeats(PLAN.model_copy(update={"seed": seed}), PROTOCOL, results)
        for seed in range(20)
    ]
    assert len({tuple(b.condition for b in found) for found in other}) == 6
    assert len({tuple(t.repeated_of for b in found for t in b.trials) for found in other}) == 20
    sides = Counter(t.correct_position for found in other for b in found for t in b.trials)
    # 360 coins: SD 9.5; five of them either way.
    assert abs(sides["upper"] - 180) < 48


def test_trials_without_an_answer_are_never_shown_again() -> None:
    results: dict[int, dict[str, int | None]] = {
        t.trial: {"confidence": None if t.trial % 2 else 1} for t in PLAN.trials()
    }
    blocks = decide_repeats(PLAN, PROTOCOL, results)
    assert all((t.repeated_of or 0) % 2 == 0 for b in blocks for t in b.trials)
    few = {t.trial: {"confidence": 1} for t in list(PLAN.trials())[8:12]}
    (block,) = decide_repeats(PLAN, PROTOCOL, few)
    assert sorted(t.repeated_of or 0 for t in block.trials) == sorted(few)


def test_nothing_is_repeated_where_the_protocol_says_so() -> None:
    text = TEXT.replace("repeated = 3", "repeated = 0")
    results = {t.trial: {"confidence": 2} for t in PLAN.trials()}
    assert decide_repeats(PLAN, parse_protocol(text, "x"), results) == ()


def test_the_journal_gives_the_blocks_back() -> None:
    results = {t.trial: {"confidence": 1 + t.trial % 3} for t in PLAN.trials()}
    blocks = decide_repeats(PLAN, PROTOCOL, results)
    data = {"blocks": [block.model_dump(mode="json") for block in blocks]}
    state = state_of([Entry(0, "plan_extended", data)])
    assert state.extension == blocks
    extended = PLAN.extended(state.extension)
    assert len(list(extended.trials())) == 189
    assert Plan.model_validate_json(extended.model_dump_json()) == extended
    with pytest.raises(ValueError, match="same number"):
        extended.extended(blocks)
