"""Estimates against plain sums over the same trials, and cells that cannot be computed."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from analysis.cells import conditions, factor_trials, ordered, trial_set
from analysis.inference import TEST_DETAIL_COLUMNS, run_tests
from analysis.intervals import Resamples
from analysis.measures import DETAIL_COLUMNS, estimates
from analysis.prose import select
from tests.analysis.conftest import table_of

NONE = Resamples.draw(6, 8, 0, 1)


def test_pooled_over_trials_by_condition_and_factor(trials: pd.DataFrame) -> None:
    table = estimates(trials, NONE)
    assert tuple(table.columns) == DETAIL_COLUMNS
    main = trials[trials["trial_type"] == "main"]
    for condition in ("synthetic", "natural", "none"):
        part = main[main["condition"] == condition]
        row = select(table, measure="accuracy", trials="all", condition=condition).iloc[0]
        assert row["estimate"] == pytest.approx(part["correct"].astype(float).mean())
        own = part.groupby("participant")["correct"].mean().astype(float)
        assert row["two_sem"] == pytest.approx(2 * own.std(ddof=0) / np.sqrt(6))
        wrong = select(table, measure="rt", trials="incorrect", condition=condition,
                       statistic="median").iloc[0]  # fmt: skip
        assert wrong["estimate"] == pytest.approx(part[part["correct"] == False]["rt"].median())  # noqa: E712
        layer = select(table, measure="confidence", trials="correct", condition=condition,
                       factor="layer")  # fmt: skip
        for _, cell in layer.iterrows():
            chosen = part[(part["layer"] == cell["level"]) & (part["correct"] == True)]  # noqa: E712
            assert cell["estimate"] == pytest.approx(chosen["confidence"].astype(float).mean())
            assert cell["n_trials"] == len(chosen)


def test_shares_of_confidence_add_up(trials: pd.DataFrame) -> None:
    table = estimates(trials, NONE)
    shares = table[table["measure"] == "confidence_share"]
    assert len(shares) == 27
    totals = shares.groupby(["trials", "condition"])["estimate"].sum()
    assert totals.to_numpy() == pytest.approx(1)


def test_catch_and_practice_are_apart(trials: pd.DataFrame) -> None:
    table = estimates(trials, NONE)
    counts = select(table, measure="accuracy", statistic="mean").groupby("trials")["n_trials"]
    assert counts.sum().to_dict() == {"all": 6 * 24, "catch": 18, "practice": 18}


def test_unanswered_trials_are_in_no_set(trials: pd.DataFrame) -> None:
    trials.loc[trials["trial"] == 3, "correct"] = pd.NA
    assert len(trial_set(trials, "all")) == 6 * 23
    both = len(trial_set(trials, "correct")) + len(trial_set(trials, "incorrect"))
    assert both == 6 * 23


def test_selection_is_compared_where_both_kinds_exist(trials: pd.DataFrame) -> None:
    trials["selection"] = np.where(trials["unit_code"] == 1, "hand-picked", "random")
    compared = factor_trials(trials, "selection")
    assert set(compared["branch"]) == {"3x3"}
    assert set(compared["selection"]) == {"random", "hand-picked"}


def test_consistency_is_the_same_image_wherever_it_is_shown(trials: pd.DataFrame) -> None:
    first = trials[(trials["participant"] == 1) & (trials["trial"].isin([2, 3]))]
    again = first.assign(
        trial=[101, 102], trial_type="repeated", repeated_of=[2.0, 3.0],
        query_upper=first["query_lower"], query_lower=first["query_upper"],
        choice=["upper", "upper"],
    )  # fmt: skip
    flipped = {"upper": "lower", "lower": "upper"}
    expected = np.mean([flipped[c] == "upper" for c in first["choice"]])
    table = estimates(pd.concat([trials, again], ignore_index=True), NONE)
    row = table[table["measure"] == "consistency"].iloc[0]
    assert row["estimate"] == expected
    assert row["n_trials"] == 2


def test_levels_are_in_the_order_a_reader_expects() -> None:
    assert ordered(["fire10", "fire2", "fire9"], "layer") == ["fire2", "fire9", "fire10"]
    assert ordered(["none", "blurred", "natural", "synthetic"], "condition") == [
        "synthetic", "natural", "none", "blurred",
    ]  # fmt: skip
    assert ordered(["5b", "3a", "4e"], "layer") == ["3a", "4e", "5b"]


def test_tests_of_a_whole_data_set_are_all_defined(trials: pd.DataFrame) -> None:
    table = run_tests(trials)
    assert tuple(table.columns) == TEST_DETAIL_COLUMNS
    # Some participants make no error in a condition: only times of wrong answers lack a test.
    missing = table[table["statistic"].isna()]
    assert set(missing["trials"]) <= {"incorrect"}
    assert (missing["note"] != "").all()
    assert table["p"].dropna().between(0, 1).all()
    corrected = table[table["adjustment"].str.startswith("bonferroni")]
    assert (corrected["p_adjusted"] >= corrected["p"]).all()
    # Which one is primary is known when the mixed models are there.
    assert not table["primary"].any()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"participants": 1}, "fewer than three"),
        ({"participants": 4, "conditions": ("natural",)}, "one condition"),
        ({"participants": 4, "correct": lambda c, u: True}, "no variation left"),
    ],
    ids=["one participant", "one condition", "all correct"],
)
def test_undefined_tests_are_said_and_have_no_number(
    options: dict[str, object], words: str
) -> None:
    table = run_tests(table_of(**options))  # type: ignore[arg-type]
    row = table[(table["test"] == "rm_anova") & (table["measure"] == "accuracy")].iloc[0]
    assert words in row["note"]
    assert np.isnan(row["statistic"])
    assert np.isnan(row["p"])


def test_people_without_errors_are_left_out_of_times_of_wrong_answers_and_said() -> None:
    trials = table_of(5)
    trials.loc[trials["participant"] == 2, "correct"] = True
    table = run_tests(trials)
    wrong = table[(table["trials"] == "incorrect") & (table["test"] == "rm_anova")].iloc[0]
    assert wrong["n"] <= 4
    everything = table[(table["trials"] == "all") & (table["test"] == "rm_anova")].iloc[0]
    assert everything["n"] == 5


def test_a_condition_that_nobody_saw_is_no_condition(trials: pd.DataFrame) -> None:
    rest = trials[trials["condition"] != "none"]
    assert conditions(rest) == ["synthetic", "natural"]
    table = run_tests(rest)
    assert set(table["contrast"]) == {
        "condition", "synthetic-natural", "synthetic-chance", "natural-chance", "second-first",
        "trend",
    }  # fmt: skip
    assert set(table["adjustment"]) - {""} == {
        "bonferroni x 1", "bonferroni x 2", "greenhouse-geisser",
    }  # fmt: skip


def test_participants_who_saw_different_conditions_are_not_compared(trials: pd.DataFrame) -> None:
    """Between participants nothing is paired: no test may pretend that it is."""
    odd = trials["participant"] % 2 == 1
    apart = trials[(odd & (trials["condition"] == "natural"))
                   | (~odd & (trials["condition"] == "synthetic"))]  # fmt: skip
    table = run_tests(apart)
    of_conditions = table["contrast"].isin(["condition", "synthetic-natural"])
    paired = table["test"].isin(["rm_anova", "t_paired", "wilcoxon_participants"])
    by_people = table[paired & of_conditions]
    assert by_people["statistic"].isna().all()
    assert (by_people["note"] != "").all()
