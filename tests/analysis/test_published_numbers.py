"""The numbers of the 2021 paper, recomputed from its released data.

Where the expected values come from, name by name:

- PAPER: printed in Borowski et al. (ICLR 2021): accuracies and errors in the abstract and the
  figure of accuracy by condition; p values of the post-hoc comparisons of experiment I.
- TABLES: counted or computed once from the released tables with plain pandas, scipy and
  pingouin, outside of this package, and written down here.

The data are found through BOROWSKI2021_DATA; without it these tests are skipped and say so.
"""

from __future__ import annotations

import pandas as pd
import pytest

from analysis.analyse import Results
from analysis.load import Dataset
from analysis.prose import select

# PAPER (82 +- 4 % and 92 +- 2 %), to three digits from TABLES.
ACCURACY = {"synthetic": (0.820, 0.040), "natural": (0.922, 0.017), "none": (0.431, 0.058)}
# PAPER: p of synthetic against natural, Bonferroni-corrected for three comparisons.
PRINTED_P = {
    ("accuracy", "all"): 0.015,
    ("rt", "all"): 0.002,
    ("rt", "correct"): 0.006,
    ("rt", "incorrect"): 0.035,
}
# TABLES.
RT_CORRECT = {"synthetic": 9.74, "natural": 6.65, "none": 3.59}
LAYERS = dict(
    zip(
        ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b"),
        (0.62, 0.86, 0.74, 0.94, 0.84, 0.80, 0.88, 0.88, 0.82),
        strict=True,
    )
)
BRANCHES = {"1x1": 0.956, "3x3": 0.922, "5x5": 0.889, "pool": 0.922}
CONSISTENCY = {"synthetic": 0.817, "natural": 0.883, "none": 0.500}


def one(table: pd.DataFrame, **where: str) -> pd.Series:
    found = select(table, **where)
    assert len(found) == 1, where
    return found.iloc[0]


@pytest.mark.parametrize("condition", ACCURACY)
def test_accuracy_and_its_error(published_results: Results, condition: str) -> None:
    row = one(published_results.estimates, measure="accuracy", trials="all", condition=condition)
    assert (round(row["estimate"], 3), round(row["two_sem"], 3)) == ACCURACY[condition]
    assert (row["n_trials"], row["n_participants"]) == (450, 10)


@pytest.mark.parametrize(("measure", "trials"), PRINTED_P)
def test_printed_p_values(published_results: Results, measure: str, trials: str) -> None:
    row = one(
        published_results.tests, measure=measure, trials=trials, test="rm_anova_posthoc",
        contrast="synthetic-natural",
    )  # fmt: skip
    assert round(row["p_adjusted"], 3) == PRINTED_P[measure, trials]
    assert row["adjustment"] == "bonferroni x 3"
    assert row["df1"] == 18


def test_uncorrected_p_of_accuracy_and_f(published_results: Results) -> None:
    """TABLES: p = .005 uncorrected, F(2, 18) = 132.6."""
    post = one(
        published_results.tests, measure="accuracy", test="rm_anova_posthoc",
        contrast="synthetic-natural",
    )  # fmt: skip
    assert round(post["p"], 3) == 0.005
    anova = one(published_results.tests, measure="accuracy", test="rm_anova")
    assert round(anova["statistic"], 1) == 132.6
    assert (anova["df1"], anova["df2"]) == (2, 18)
    assert published_results.tests["primary"].sum() == 1


def test_wilcoxon_over_units(published_results: Results) -> None:
    """TABLES: W = 47.5 from the 31 of 45 units that differ."""
    row = one(
        published_results.tests, measure="accuracy", test="wilcoxon_units",
        contrast="synthetic-natural",
    )  # fmt: skip
    assert (row["statistic"], row["n"]) == (47.5, 31)


@pytest.mark.parametrize("condition", RT_CORRECT)
def test_mean_time_of_correct_answers(published_results: Results, condition: str) -> None:
    row = one(
        published_results.estimates, measure="rt", statistic="mean", trials="correct",
        condition=condition,
    )  # fmt: skip
    assert round(row["estimate"], 2) == RT_CORRECT[condition]


def test_layers_of_synthetic_and_branches_of_natural(published_results: Results) -> None:
    for factor, condition, expected, digits in (
        ("layer", "synthetic", LAYERS, 2),
        ("branch", "natural", BRANCHES, 3),
    ):
        table = select(
            published_results.estimates, measure="accuracy", trials="all", factor=factor,
            condition=condition,
        )  # fmt: skip
        found = dict(zip(table["level"], table["estimate"].round(digits), strict=True))
        assert found == expected


def test_selection_compares_units_of_the_pool_branch_only(published_results: Results) -> None:
    table = select(
        published_results.estimates, measure="accuracy", trials="all", factor="selection",
        condition="natural",
    )  # fmt: skip
    assert dict(zip(table["level"], table["n_trials"], strict=True)) == {
        "random": 90,
        "hand-picked": 90,
    }


@pytest.mark.parametrize("condition", CONSISTENCY)
def test_repeated_trials_are_consistent_as_often(
    published_results: Results, condition: str
) -> None:
    row = one(published_results.estimates, measure="consistency", condition=condition)
    assert round(row["estimate"], 3) == CONSISTENCY[condition]


def test_counts(published_results: Results, published: Dataset) -> None:
    """TABLES: 1,350 main, 180 catch, 150 practice, 180 repeated trials and 30 ratings."""
    counts = published_results.counts
    assert (counts["main"], counts["catch"], counts["practice"], counts["repeated"]) == (
        1350, 180, 150, 180,
    )  # fmt: skip
    assert counts["intuitiveness"] == 30
    assert (counts["participants"], counts["units"]) == (10, 45)
    assert len(published.trials) == 1890


def test_record_keeps_what_was_released(published: Dataset, published_source) -> None:
    released = pd.read_csv(
        published_source / "experiment_I_main_practice_catch_repeated_trials_preprocessed.csv"
    )
    ours = published.trials[published.trials["trial_type"] != "intuitiveness"]
    assert sorted(ours["rt"]) == pytest.approx(sorted(released["RT"]), rel=0, abs=0)
    assert (ours["rt"] < 0).sum() == 1
    assert ours["correct"].sum() == released["correct"].sum()
    assert (ours["choice"] == "lower").sum() == (released["response"] == "a").sum()
    main = ours[ours["trial_type"] == "main"]
    assert main.groupby(["participant", "condition"], observed=True).size().eq(45).all()
    assert set(main["unit"]) & {"3a:1x1:25", "5b:pool:946"} == {"3a:1x1:25", "5b:pool:946"}
