"""What the rest of the report takes from signal detection, agreement and the mixed models."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analysis.analyse import Results
from analysis.cells import conditions
from analysis.figures_of_sensitivity import sensitivity
from analysis.further import further_estimates, with_models
from analysis.further_tables import further_context, primary_sentence
from analysis.inference import TEST_COLUMNS, run_tests
from analysis.intervals import Resamples
from analysis.measures import DETAIL_COLUMNS, ESTIMATE_COLUMNS
from analysis.model_tests import Model, fit_models
from analysis.prose import headline
from analysis.style import drawing_style
from tests.analysis.conftest import table_of
from tests.analysis.observers import answers

pytest.importorskip("gpboost", reason="gpboost has no wheel for this machine")


def resamples_of(trials: pd.DataFrame, bootstrap: int) -> Resamples:
    people, units = (int(trials[c].max()) + 1 for c in ("participant_code", "unit_code"))
    return Resamples.draw(people, units, bootstrap, 1)


def computed(trials: pd.DataFrame, bootstrap: int = 50) -> tuple[pd.DataFrame, pd.DataFrame]:
    models = fit_models(trials)
    resamples = resamples_of(trials, bootstrap)
    return further_estimates(trials, resamples, models, 1), with_models(run_tests(trials), models)


def test_rows_keep_the_tables_contract() -> None:
    numbers, tests = computed(table_of(6))
    assert set(ESTIMATE_COLUMNS) <= set(numbers.columns)
    assert set(TEST_COLUMNS) <= set(tests.columns)
    assert {"d_prime", "criterion", "auroc2", "meta_d", "m_ratio", "agreement", "cohen_kappa",
            "krippendorff_alpha", "glmm_sd"} <= set(numbers["measure"])  # fmt: skip
    assert set(numbers["statistic"]) == {"mean", "median"}
    assert set(numbers["trials"]) == {"all"}
    texts = ["condition", "factor", "level", "factor2", "level2", "note"]
    assert numbers[texts].map(lambda v: isinstance(v, str)).all().all()
    for column in ("statistic", "p", "effect", "ci_low"):
        assert tests[column].dtype == float
    assert tests["primary"].sum() == 1
    assert tests.loc[tests["primary"], "test"].item() == "glmm_slopes"


def test_where_slopes_cannot_be_fitted_the_smaller_model_is_primary() -> None:
    trials = table_of(6)
    models = [
        replace(model, fitted="the model could not be fitted")
        if model.test == "glmm_slopes"
        else model
        for model in fit_models(trials)
    ]
    tests = with_models(run_tests(trials), models)
    assert tests.loc[tests["primary"], "test"].tolist() == ["glmm"]
    numbers = further_estimates(trials, resamples_of(trials, 5), models, 1)
    sentence = primary_sentence(numbers, tests, conditions(trials))
    assert "too sure of itself where the difference does vary" in sentence


def test_primary_contrast_can_be_named() -> None:
    trials = table_of(6)
    tests = with_models(run_tests(trials), fit_models(trials), ("none", "natural"))
    row = tests[tests["primary"]].iloc[0]
    assert (row["test"], row["contrast"]) == ("glmm_slopes", "natural-none")


def test_every_participant_has_a_row() -> None:
    numbers, _ = computed(table_of(6))
    own = numbers[(numbers["measure"] == "d_prime") & (numbers["factor"] == "participant")]
    assert set(own["level"]) == {str(n) for n in range(1, 7)}
    mean = numbers[(numbers["measure"] == "d_prime") & (numbers["factor"] == "")]
    for _, row in mean.iterrows():
        part = own[own["condition"] == row["condition"]]
        assert part["estimate"].mean() == pytest.approx(row["estimate"])


def undefined(trials: pd.DataFrame, pair: str, *names: str) -> list[Model]:
    """All models of the trials, some of those of one contrast as if they could not be fitted."""
    return [
        replace(model, fitted="infinite odds")
        if model.contrast == pair and model.test in names
        else model
        for model in fit_models(trials)
    ]


@pytest.mark.parametrize("contrast", [None, ("none", "natural")])
def test_no_other_contrast_takes_the_primary_ones_place(
    contrast: tuple[str, str] | None,
) -> None:
    trials = table_of(6)
    names, numbers = conditions(trials), pd.DataFrame(columns=list(DETAIL_COLUMNS))
    pair = "synthetic-natural" if contrast is None else "natural-none"
    for lost, test in ((("glmm_slopes",), "glmm"),
                       (("glmm_slopes", "glmm"), "rm_anova_posthoc")):  # fmt: skip
        tests = with_models(run_tests(trials), undefined(trials, pair, *lost), contrast)
        row = tests[tests["primary"]]
        assert (row["test"].item(), row["contrast"].item()) == (test, pair)
    sentence = primary_sentence(numbers, tests, names)
    assert "is not defined for these data" in sentence
    # Without the paper's test either there is none, whatever else could be tested.
    alone = run_tests(trials)
    alone = alone[alone["test"] != "rm_anova_posthoc"]
    tests = with_models(alone, undefined(trials, pair, "glmm_slopes", "glmm"), contrast)
    row = tests[tests["primary"]]
    assert (row["test"].item(), row["contrast"].item()) == ("glmm_slopes", pair)
    assert np.isnan(row["p"].item())
    assert primary_sentence(numbers, tests, names) == (
        f"Primary analysis: {pair.replace('-', ' against ')}. It cannot be computed from these "
        "data: infinite odds."
    )


def test_a_stated_contrast_that_the_data_lack_is_said_and_not_replaced() -> None:
    trials = table_of(6)
    tests = with_models(run_tests(trials), fit_models(trials), ("blurred", "natural"))
    row = tests[tests["primary"]]
    assert (row["test"].item(), row["contrast"].item()) == ("glmm_slopes", "blurred-natural")
    assert np.isnan(row["p"].item())
    assert tests["p"].dtype == float
    assert tests["n"].dtype.kind == "i"
    names, numbers = conditions(trials), pd.DataFrame(columns=list(DETAIL_COLUMNS))
    said = "both blurred and natural are wanted, and the data do not have them"
    assert said in primary_sentence(numbers, tests, names)
    assert said in headline(tests, names)


def test_headline_is_about_the_primary_contrast() -> None:
    trials = table_of(6)
    tests = with_models(run_tests(trials), fit_models(trials), ("none", "natural"))
    assert "accurate with natural references than with no references" in headline(
        tests, conditions(trials)
    )


@pytest.mark.parametrize(
    ("person", "unit", "words"),
    [
        (0.0, 1.2, "Units differ more"),
        (1.2, 0.0, "Participants differ at least as much"),
        (0.0, 0.0, "Neither units nor participants"),
    ],
)
def test_says_what_differs_more(person: float, unit: float, words: str) -> None:
    trials = answers(
        np.random.default_rng(3), participants=14, units=14, participant_sd=person, unit_sd=unit,
        d_prime={"synthetic": 1.0, "natural": 1.8},
    )  # fmt: skip
    numbers, tests = computed(trials)
    sentence = primary_sentence(numbers, tests, conditions(trials))
    assert sentence.startswith("Primary analysis: the logistic mixed model")
    assert words in sentence


def test_tables_and_figure_of_published_data(published_results: Results) -> None:
    found = further_context(
        published_results.estimates, published_results.tests, ["synthetic", "natural", "none"]
    )
    cells = {(row[0], row[1]): row for row in found["sensitivity"].rows}
    assert cells["Sensitivity d′", "synthetic"][2].startswith("1.31 ±")
    assert cells["Sensitivity d′", "natural"][2].startswith("1.97 ±")
    # Participants saw different batches: no trial is shared.
    assert not found["agreement"].rows
    first, second = found["models"].rows[:2]
    assert first[:3] == [
        "Logistic mixed model",
        "synthetic − natural",
        "odds ratio 0.33 [0.18, 0.62]",
    ]
    assert first[3:7] == ["t(9) = −4.00", ".003", "0.04 (0.34)", "0.94 (0.66)"]
    assert second[2] == "odds ratio 0.35 [0.23, 0.54]"
    assert "odds ratio 0.33 [0.18, 0.62], t(9) = −4.00, p = .003" in found["primary"].replace(
        "\xa0", " "
    )
    assert "Units differ more" in found["primary"]
    with drawing_style():
        picture = sensitivity(published_results.trials, published_results.estimates)
    assert picture is not None
    assert "synthetic 1.31" in picture.alt
    assert "standard errors" in picture.caption


def test_no_figure_of_nothing() -> None:
    trials = table_of(3)
    numbers, _ = computed(trials)
    empty = numbers[numbers["measure"] == "agreement"]
    assert sensitivity(trials, empty) is None
