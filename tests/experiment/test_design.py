"""Plans: what must hold for every participant."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiment.bank_index import BankSnapshot
from experiment.design import make_plan
from experiment.orders import longest_run, main_batch, williams_order
from experiment.protocol import Protocol, parse_protocol, protocol_sha256
from house.errors import UserError
from participants import Plan, PlannedTrial
from stimuli import StimulusBank

pytestmark = pytest.mark.filterwarnings("error")
properties = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60
)
numbers = st.integers(1, 500)

# Unit and correct side of each trial of participant 1 with seed 42: written down once, so that
# another numpy, Python or system that changed it would show.
DRAWN = "4u 2u 3l 0l 1u 6u 1u 3u 4l 2l 5u 0l 5u 0l 5l 1u 6u 2l 3u"


def trials_of(plan: Plan, kind: str) -> list[PlannedTrial]:
    return [trial for trial in plan.trials() if trial.trial_type == kind]


@properties
@given(participant=numbers, seed=st.integers(0, 2**31))
def test_what_holds_for_everybody(
    protocol: Protocol, demo_text: str, bank: BankSnapshot, participant: int, seed: int
) -> None:
    plan = make_plan(protocol, demo_text, bank, participant, 1, seed)
    mains = {u.unit_id for u in bank.units if u.role == "main"}
    practice = {u.unit_id for u in bank.units if u.role == "practice"}
    by_condition: dict[str, list[PlannedTrial]] = defaultdict(list)
    for trial in trials_of(plan, "main"):
        by_condition[trial.condition].append(trial)
    assert set(by_condition) == set(protocol.design.conditions)
    batches = set()
    for condition, trials in by_condition.items():
        assert Counter(t.unit for t in trials) == dict.fromkeys(mains, 1)
        sides = [t.correct_position for t in trials]
        assert sides.count("upper") == sides.count("lower") == len(mains) // 2
        assert longest_run(sides) <= protocol.design.longest_run  # type: ignore[arg-type]
        assert {t.batch for t in trials} == {
            main_batch(condition, by_condition, participant, bank.n_batches)
        }
        batches |= {t.batch for t in trials}
    assert len(batches) == 3
    everything = [t.correct_position for t in plan.trials()]
    assert longest_run(everything) <= protocol.design.longest_run  # type: ignore[arg-type]
    assert {t.unit for t in trials_of(plan, "practice")} == practice
    assert {t.unit for t in trials_of(plan, "catch")} <= practice
    assert {t.batch for t in plan.trials() if t.trial_type != "main"} == {0}
    assert [t.trial for t in plan.trials()] == list(range(1, 20))


@properties
@given(participant=numbers)
def test_images_are_shown_once_and_queries_are_no_references(
    protocol: Protocol, demo_text: str, bank: BankSnapshot, participant: int
) -> None:
    plan = make_plan(protocol, demo_text, bank, participant)
    shown: list[str] = []
    for trial in trials_of(plan, "main"):
        assert not {trial.query_upper, trial.query_lower} & {
            *trial.references_min,
            *trial.references_max,
        }
        shown += trial.image_ids
    assert max(Counter(shown).values()) == 1


@properties
@given(participant=numbers)
def test_each_trial_shows_what_its_condition_says(
    protocol: Protocol, demo_text: str, bank: BankSnapshot, participant: int
) -> None:
    for trial in make_plan(protocol, demo_text, bank, participant).trials():
        strong, weak = trial.query_upper, trial.query_lower
        if trial.correct_position == "lower":
            strong, weak = weak, strong
        assert trial.batch is not None
        natural = {s: bank.batch(trial.unit, s, trial.batch) for s in ("min", "max")}
        if trial.condition == "none":
            assert trial.references_min == trial.references_max == ()
        elif trial.condition == "natural":
            assert trial.references_min == natural["min"][1:]
            assert trial.references_max == natural["max"][1:]
        else:
            assert trial.references_min == bank.synthetic(trial.unit, "min")
            assert trial.references_max == bank.synthetic(trial.unit, "max")
        if trial.trial_type == "catch":
            assert trial.condition != "none"
            assert strong in trial.references_max
            assert weak in trial.references_min
        else:
            assert (weak, strong) == (natural["min"][0], natural["max"][0])


def test_blocks_follow_the_square_practice_first(
    protocol: Protocol, demo_text: str, bank: BankSnapshot
) -> None:
    for participant in range(1, 7):
        plan = make_plan(protocol, demo_text, bank, participant)
        order = williams_order(protocol.design.conditions, participant - 1)
        assert [(b.kind, b.condition) for b in plan.blocks] == [
            (kind, condition) for condition in order for kind in ("practice", "main")
        ]
        assert [len(b.trials) for b in plan.blocks if b.kind == "main"] == [
            4 if condition == "none" else 6 for condition in order
        ]


def test_several_blocks_alternate_and_share_the_units(
    protocol: Protocol, demo_text: str, bank: BankSnapshot
) -> None:
    text = demo_text.replace("main_blocks = 1", "main_blocks = 2").replace("main = 0 ", "main = 3 ")
    plan = make_plan(parse_protocol(text, "x"), text, bank, 1)
    mains = [block for block in plan.blocks if block.kind == "main"]
    order = williams_order(protocol.design.conditions, 0)
    assert [block.condition for block in mains] == [*order, *order]
    for condition in order:
        units = [
            t.unit
            for b in mains
            for t in b.trials
            if t.trial_type == "main" and b.condition == condition
        ]
        assert len(units) == len(set(units)) == 3


@pytest.mark.parametrize(
    ("scheme", "n_min", "n_max"), [("Max 1", 0, 1), ("Min+Max 1", 1, 1), ("Max 9", 0, 9)]
)
def test_other_schemes(
    demo_text: str, bank: BankSnapshot, scheme: str, n_min: int, n_max: int
) -> None:
    text = demo_text.replace('"Min+Max 9"]', f'"{scheme}"]')
    for trial in make_plan(parse_protocol(text, "x"), text, bank, 2).trials():
        if trial.condition != "none":
            assert (len(trial.references_min), len(trial.references_max)) == (n_min, n_max)
            assert trial.query_upper != trial.query_lower


def test_the_same_inputs_give_the_same_plan_and_others_another(
    protocol: Protocol, demo_text: str, bank: BankSnapshot
) -> None:
    plan = make_plan(protocol, demo_text, bank, 3, 1, 7)
    assert plan == make_plan(protocol, demo_text, bank, 3, 1, 7)
    assert plan.protocol_sha256 == protocol_sha256(demo_text)
    assert plan.bank_sha256 == bank.content_sha256
    for other in ((4, 1, 7), (3, 2, 7), (3, 1, 8)):
        assert plan.blocks != make_plan(protocol, demo_text, bank, *other).blocks


def test_a_plan_is_the_same_on_every_machine(
    protocol: Protocol, demo_text: str, bank: BankSnapshot
) -> None:
    plan = make_plan(protocol, demo_text, bank, 1, 1, 42)
    drawn = " ".join(
        f"{t.unit.split(':')[0][-1]}{(t.correct_position or '-')[0]}" for t in plan.trials()
    )
    assert drawn == DRAWN


def test_a_snapshot_gives_the_plan_of_the_bank(
    protocol: Protocol, demo_text: str, bank: BankSnapshot, bank_path: object
) -> None:
    with StimulusBank(bank_path) as opened:  # type: ignore[arg-type]
        assert make_plan(protocol, demo_text, opened, 5) == make_plan(protocol, demo_text, bank, 5)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"n_batches": 3}, "4 batches are needed"),
        ({"n_batches": 1}, "2 batches or more"),
        ({"batch_size": 9}, "batches of 10 natural images"),
        ({"images_per_sign": 8}, "9 synthetic images"),
        ({"units": ()}, '1 unit(s) with the role "main" are needed, it has 0'),
    ],
)
def test_a_bank_that_lacks_something(
    protocol: Protocol, demo_text: str, bank: BankSnapshot, changes: dict[str, object], said: str
) -> None:
    with pytest.raises(UserError) as caught:
        make_plan(protocol, demo_text, replace(bank, **changes), 1)  # type: ignore[arg-type]
    assert said in str(caught.value)


def test_everything_lacking_is_said_at_once(
    protocol: Protocol, demo_text: str, bank: BankSnapshot
) -> None:
    with pytest.raises(UserError, match=r"main.*practice.*batches of 10.*9 synthetic"):
        make_plan(protocol, demo_text, replace(bank, units=(), batch_size=2, images_per_sign=1), 1)


def test_more_main_trials_than_units(demo_text: str, bank: BankSnapshot) -> None:
    text = demo_text.replace("main = 0 ", "main = 99 ")
    with pytest.raises(UserError, match=r"99 unit\(s\)"):
        make_plan(parse_protocol(text, "x"), text, bank, 1)


@pytest.mark.parametrize("participant", [0, -1])
def test_participants_begin_at_one(
    protocol: Protocol, demo_text: str, bank: BankSnapshot, participant: int
) -> None:
    with pytest.raises(UserError, match="1 or more"):
        make_plan(protocol, demo_text, bank, participant)
