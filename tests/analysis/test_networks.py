"""Networks beside each other, against pingouin and laws that can be written down."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pingouin as pg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from analysis.cells import ordered
from analysis.networks import compare_networks, holm, networks_in
from tests.analysis.builders import session_rows

NAMES = ("alex", "goog", "squeeze")


def table(right: dict[str, np.ndarray], participants: int = 12, seed: int = 0) -> pd.DataFrame:
    """Answers to units of several networks in two conditions, right with given probabilities."""
    random = np.random.default_rng(seed)
    rows = [
        {
            "participant": person, "trial_type": "main", "condition": condition,
            "unit": f"layer{u % 4}@{name}:all:{u}", "correct": bool(random.random() < p),
        }
        for person in range(participants)
        for condition in ("synthetic", "natural")
        for name, chances in right.items()
        for u, p in enumerate(chances)
    ]  # fmt: skip
    return pd.DataFrame(rows).astype({"correct": "boolean"})


@pytest.fixture
def trials() -> pd.DataFrame:
    random = np.random.default_rng(1)
    return table(
        {
            name: np.clip(random.normal(middle, 0.12, 25), 0.05, 0.98)
            for name, middle in zip(NAMES, (0.6, 0.75, 0.78), strict=True)
        }
    )


def test_tests_are_those_of_pingouin(trials: pd.DataFrame) -> None:
    found = compare_networks(trials, "demo", bootstrap=500, seed=1)
    for condition, own in found.units.groupby("condition"):
        tests = found.tests[found.tests["condition"] == condition]
        whole = tests[tests["test"] == "kruskal_wallis"].iloc[0]
        expected = pg.kruskal(own, dv="accuracy", between="network").iloc[0]
        assert whole["statistic"] == pytest.approx(float(expected["H"]))
        assert whole["p"] == pytest.approx(float(expected.filter(like="p").iloc[-1]))
        assert whole["df"] == 2
        # Epsilon squared is H / (n - 1), the same as H (n + 1) / (n squared - 1).
        assert whole["effect"] == pytest.approx(float(expected["H"]) / (75 - 1))
        pairs = tests[tests["test"] == "mann_whitney"]
        known = pg.pairwise_tests(
            own, dv="accuracy", between="network", parametric=False, padjust="holm"
        )
        assert list(pairs["contrast"]) == [
            f"{a} - {b}" for a, b in zip(known["A"], known["B"], strict=True)
        ]
        np.testing.assert_allclose(pairs["statistic"], known["U_val"].astype(float))
        np.testing.assert_allclose(pairs["p"], known["p_unc"].astype(float), rtol=1e-6)
        np.testing.assert_allclose(pairs["p_holm"], known["p_corr"].astype(float), rtol=1e-6)


@settings(max_examples=5)
@given(st.lists(st.floats(0, 1, allow_subnormal=False), min_size=1, max_size=8))
def test_holms_correction_is_that_of_statsmodels(values: list[float]) -> None:
    p = np.array(values)
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], atol=1e-12)
    with_gap = holm(np.append(p, np.nan))
    np.testing.assert_array_equal(with_gap[:-1], holm(p))
    assert np.isnan(with_gap[-1])


def test_accuracies_are_means_over_units_with_a_bootstrap_over_units(trials: pd.DataFrame) -> None:
    found = compare_networks(trials, "demo", bootstrap=4000, seed=1)
    assert list(found.accuracies["network"]) == list(NAMES) * 2
    for _, row in found.accuracies.iterrows():
        own = trials[
            (trials["condition"] == row["condition"])
            & trials["unit"].str.contains(f"@{row['network']}:")
        ]
        values = own.assign(correct=own["correct"].astype(float)).groupby("unit")["correct"].mean()
        assert row["n_units"] == 25
        assert row["n_trials"] == 25 * 12
        assert row["accuracy"] == pytest.approx(values.mean())
        # The normal interval of a mean with the population's formula is the bootstrap's limit.
        half = 1.96 * values.std(ddof=0) / 5
        assert row["bootstrap_low"] == pytest.approx(values.mean() - half, abs=0.012)
        assert row["bootstrap_high"] == pytest.approx(values.mean() + half, abs=0.012)


def test_without_a_difference_one_in_twenty_is_found() -> None:
    rejected = 0
    for seed in range(60):
        made = table({name: np.full(20, 0.75) for name in NAMES}, participants=6, seed=seed)
        tests = compare_networks(made, "demo", bootstrap=1, seed=1).tests
        own = tests[(tests["test"] == "kruskal_wallis") & (tests["condition"] == "natural")]
        rejected += int(own["p"].iloc[0] < 0.05)
    # Binomial: 9 or more of 60 at 5 % has a probability of .003.
    assert rejected < 9


def test_order_of_conditions_and_missing_networks() -> None:
    made = table({name: np.full(6, 0.8) for name in NAMES})
    made = made[~((made["condition"] == "natural") & made["unit"].str.contains("@alex"))]
    found = compare_networks(made, "demo", bootstrap=10, seed=1)
    natural = found.tests[found.tests["condition"] == "natural"]
    assert list(natural["contrast"]) == ["all networks", "goog - squeeze"]
    assert networks_in(made) == list(NAMES)
    sure = compare_networks(table({n: np.ones(4) for n in NAMES}), "demo", bootstrap=9, seed=1)
    assert set(sure.tests["note"]) == {"all units have the same accuracy"}
    assert sure.tests["p"].isna().all()


def test_layers_are_ordered_network_by_network() -> None:
    names = ["fire10@b", "fire9@b", "fire2@b", "conv1@a", "conv2@b"]
    assert ordered(names, "layer") == ["conv1@a", "conv2@b", "fire2@b", "fire9@b", "fire10@b"]
    assert ordered([n.partition("@")[0] for n in names], "layer") == [
        "conv1", "conv2", "fire2", "fire9", "fire10",
    ]  # fmt: skip


def test_units_of_one_network_are_no_networks() -> None:
    rows = pd.DataFrame(session_rows(1, np.random.default_rng(0)))
    assert networks_in(rows.astype({"correct": "boolean"})) == []
