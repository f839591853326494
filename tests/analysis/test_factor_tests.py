"""Groups, schemes, order and ratings: each row against plain computation on the same trials."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from analysis.equivalence import BOUNDS, equivalence_row
from analysis.factor_tests import roles
from analysis.inference import run_tests
from analysis.intervals import Resamples
from analysis.load import load
from analysis.measures import estimates, with_codes
from analysis.mixed_anova import mixed_anova
from analysis.order import trend, with_order
from analysis.published import import_published
from tests.analysis.conftest import table_of
from tests.analysis.experiment_two import experiment_two_trials, write_experiment_two


@pytest.fixture(scope="module")
def released() -> pd.DataFrame:
    return experiment_two_trials(4, 5, seed=3)


@pytest.fixture(scope="module")
def trials(released: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    folder = tmp_path_factory.mktemp("two")
    import_published(write_experiment_two(folder / "released", released), folder / "data")
    return with_codes(load(folder / "data").trials)


@pytest.fixture(scope="module")
def tests(trials: pd.DataFrame) -> pd.DataFrame:
    return run_tests(trials)


@pytest.fixture(scope="module")
def numbers(trials: pd.DataFrame) -> pd.DataFrame:
    return estimates(trials, Resamples.draw(9, int(trials["unit_code"].max()) + 1, 0, 1))


def one(table: pd.DataFrame, **where: str) -> pd.Series:
    keep = pd.Series(True, index=table.index)
    for column, value in {"factor": "", "trials": "all", **where}.items():
        keep &= table[column] == value
    assert keep.sum() == 1, where
    return table[keep].iloc[0]


def measured(released: pd.DataFrame) -> pd.DataFrame:
    return released[(released["trial_type"] == "main") & ~released["catch_trial"]]


def test_the_mixed_anova_is_over_participants_means_of_released_rows(
    tests: pd.DataFrame, released: pd.DataFrame
) -> None:
    rows = tests[(tests["test"] == "mixed_anova") & (tests["measure"] == "accuracy")]
    assert set(rows["contrast"]) == {
        "condition", "scheme", "expertise", "condition*scheme", "condition*expertise",
        "scheme*expertise", "condition*scheme*expertise",
    }  # fmt: skip
    main = measured(released)
    wide = main.pivot_table("correct", "subject_id", ["instr_type", "condition_name"])
    groups = main.groupby("subject_id")[["expert_level"]].first()
    expected = {e.name: e for e in mixed_anova(wide.astype(float), groups)}
    whole = one(tests, test="mixed_anova", measure="accuracy",
                contrast="condition*scheme*expertise")  # fmt: skip
    same = expected["instr_type*condition_name*expert_level"]
    assert (whole["statistic"], whole["p"], whole["p_adjusted"], whole["effect"]) == pytest.approx(
        (same.f, same.p, same.p_gg, same.partial_eta_squared)
    )
    assert (whole["df1"], whole["df2"], whole["n"]) == (3, 21, 9)


def test_participants_without_a_cell_leave_the_mixed_anova(trials: pd.DataFrame) -> None:
    gone = (
        (trials["participant"] == 111)
        & (trials["scheme"] == "Max 9")
        & (trials["condition"] == "natural")
    )
    table = run_tests(trials[~gone])
    row = one(table, test="mixed_anova", measure="accuracy", contrast="scheme")
    assert row["n"] == 8
    assert "1 participant(s)" in row["note"]
    assert one(table, test="rm_anova", measure="accuracy")["n"] == 9


def test_groups_are_compared_with_welch(tests: pd.DataFrame, released: pd.DataFrame) -> None:
    main = measured(released)
    natural = main[main["instr_type"] == "natural"]
    means = natural.groupby(["expert_level", "subject_id"])["correct"].mean()
    expected = stats.ttest_ind(means["expert"], means["naive"], equal_var=False)
    row = one(tests, test="t_independent", measure="accuracy", contrast="expert-lay",
              factor="condition", level="natural")  # fmt: skip
    assert (row["statistic"], row["p"]) == pytest.approx((expected.statistic, expected.pvalue))
    assert row["p_adjusted"] == pytest.approx(min(1, 2 * row["p"]))
    assert row["difference"] == pytest.approx(means["expert"].mean() - means["naive"].mean())
    assert np.isfinite(row["bf10"])
    assert row["smallest_effect"] > 1


def test_conditions_are_compared_inside_each_scheme(
    tests: pd.DataFrame, released: pd.DataFrame
) -> None:
    main = measured(released)
    part = main[main["condition_name"] == "Min-Max-1"]
    wide = part.pivot_table("correct", "subject_id", "instr_type").astype(float)
    expected = stats.ttest_rel(wide["optimized"], wide["natural"])
    row = one(tests, test="t_paired", contrast="synthetic-natural", factor="scheme",
              level="Min+Max 1")  # fmt: skip
    assert row["p"] == pytest.approx(expected.pvalue)
    assert row["adjustment"] == "bonferroni x 4"


def test_estimates_have_schemes_expertise_and_both(
    numbers: pd.DataFrame, released: pd.DataFrame
) -> None:
    main = measured(released)
    for factor, column, names in (
        ("scheme", "condition_name", {"Max-1": "Max 1", "Min-Max-9": "Min+Max 9"}),
        ("expertise", "expert_level", {"expert": "expert", "naive": "lay"}),
    ):
        for theirs, ours in names.items():
            cell = main[(main[column] == theirs) & (main["instr_type"] == "natural")]
            row = one(numbers, measure="accuracy", statistic="mean", condition="natural",
                      factor=factor, level=ours, factor2="")  # fmt: skip
            assert row["estimate"] == pytest.approx(cell["correct"].mean())
            assert row["n_trials"] == len(cell)
    cell = main[(main["condition_name"] == "Max-9") & (main["expert_level"] == "naive")]
    cell = cell[cell["instr_type"] == "optimized"]
    row = one(numbers, measure="accuracy", condition="synthetic", factor="scheme",
              level="Max 9", factor2="expertise", level2="lay")  # fmt: skip
    assert row["estimate"] == pytest.approx(cell["correct"].mean())
    row = one(numbers, measure="confidence_share", trials="correct", condition="synthetic",
              factor="confidence", level="3", factor2="expertise", level2="lay")  # fmt: skip
    lay = main[(main["expert_level"] == "naive") & main["correct"]]
    lay = lay[lay["instr_type"] == "optimized"]
    assert row["estimate"] == pytest.approx((lay["abs_conf_rating"] == 3).mean())


def test_halves_of_blocks(numbers: pd.DataFrame, released: pd.DataFrame) -> None:
    main = measured(released)
    place = main.groupby(["subject_id", "block_nr"]).cumcount()
    assert place.max() == 9
    for level, chosen in (("first", place < 5), ("second", place >= 5)):
        cell = main[chosen & (main["instr_type"] == "natural")]
        row = one(numbers, measure="accuracy", condition="natural", factor="block_half",
                  level=level)  # fmt: skip
        assert row["estimate"] == pytest.approx(cell["correct"].mean())


def test_ratings_and_their_change(tests: pd.DataFrame, numbers: pd.DataFrame, trials) -> None:
    rated = trials[trials["trial_type"] == "intuitiveness"]
    late = rated["trial"] > 100
    assert one(numbers, measure="intuitiveness", factor="moment", level="end", factor2="")[
        "estimate"
    ] == pytest.approx(rated.loc[late, "rating"].mean())
    own = rated.groupby(["participant", late])["rating"].mean().unstack()
    expected = stats.ttest_rel(own[True], own[False])
    row = one(tests, test="t_paired", measure="intuitiveness", contrast="end-beginning")
    assert row["p"] == pytest.approx(expected.pvalue)
    assert one(numbers, measure="intuitiveness_change")["estimate"] == pytest.approx(
        (own[True] - own[False]).mean()
    )


def test_the_trend_is_each_participants_own_line() -> None:
    random = np.random.default_rng(1)
    table = pd.DataFrame(
        {
            "participant": np.repeat([1, 2, 3], [10, 7, 1]),
            "progress": np.concatenate([np.linspace(0, 1, 10), np.linspace(0, 1, 7), [np.nan]]),
            "rt": random.normal(size=18),
        }
    )
    found = trend(table, "rt")
    assert list(found.index) == [1, 2]
    for person in (1, 2):
        own = table[table["participant"] == person]
        assert found[person] == pytest.approx(np.polyfit(own["progress"], own["rt"], 1)[0])


def test_order_of_unfinished_and_unnumbered_sessions() -> None:
    trials = table_of(2)
    trials["block"] = trials["block"].astype("Int64").mask(trials["participant"] == 1)
    found = with_order(trials)
    assert found.loc[found["participant"] == 1, "block_half"].isna().all()
    assert found["moment"].isna().all()
    only_ratings = trials.assign(trial_type="intuitiveness")
    assert (with_order(only_ratings)["moment"] == "beginning").all()


def test_equivalence_is_two_one_sided_tests() -> None:
    random = np.random.default_rng(2)
    first, second = random.normal(0.9, 0.03, size=10), random.normal(0.91, 0.04, size=13)
    row = equivalence_row(first, second, "expert-lay", "accuracy")
    assert row is not None
    bound = BOUNDS["accuracy"]
    lower = stats.ttest_ind(first + bound, second, equal_var=False, alternative="greater")
    upper = stats.ttest_ind(first - bound, second, equal_var=False, alternative="less")
    assert row["p"] == pytest.approx(max(lower.pvalue, upper.pvalue))
    assert row["statistic"] == pytest.approx(min(lower.statistic, -upper.statistic))
    # The 90 % interval lies inside the bounds exactly where the test says so.
    assert (row["p"] < 0.05) == (-bound < row["ci_low"] and row["ci_high"] < bound)
    differences = random.normal(0.04, 0.05, size=12)
    paired = equivalence_row(differences, None, "second-first", "accuracy")
    assert paired is not None
    lower = stats.ttest_1samp(differences, -bound, alternative="greater")
    upper = stats.ttest_1samp(differences, bound, alternative="less")
    assert paired["p"] == pytest.approx(max(lower.pvalue, upper.pvalue))
    assert equivalence_row(differences, None, "x", "rt") is None
    assert equivalence_row(np.ones(5), None, "x", "accuracy") is None


def test_conditions_between_participants_are_compared_as_groups() -> None:
    trials = table_of(8)
    odd = trials["participant"] % 2 == 1
    apart = trials[(odd & (trials["condition"] == "natural"))
                   | (~odd & (trials["condition"] == "synthetic"))]  # fmt: skip
    assert roles(apart) == {"condition": "between"}
    table = run_tests(apart)
    main = apart[apart["trial_type"] == "main"]
    means = main.groupby(["condition", "participant"])["correct"].mean().astype(float)
    expected = stats.ttest_ind(means["synthetic"], means["natural"], equal_var=False)
    row = one(table, test="t_independent", measure="accuracy", contrast="synthetic-natural")
    assert row["p"] == pytest.approx(expected.pvalue)
    anova = one(table, test="mixed_anova", measure="accuracy", contrast="condition")
    student = stats.ttest_ind(means["synthetic"], means["natural"])
    assert anova["statistic"] == pytest.approx(student.statistic**2)


def test_both_experiments_in_one_folder_give_the_tests_of_each_alone(
    tests: pd.DataFrame, released: pd.DataFrame, tmp_path: Path
) -> None:
    from tests.analysis.builders import released_trials, write_release

    source = write_release(tmp_path / "released", released_trials((1, 2, 3)))
    import_published(write_experiment_two(source, released), tmp_path / "data")
    both = load(tmp_path / "data").trials
    again = run_tests(with_codes(both[both["experiment"] == "II"]))
    pd.testing.assert_frame_equal(again, tests)
