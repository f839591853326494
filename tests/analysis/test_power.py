"""Power by simulation, against laws that can be written down."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from analysis.pilot import LOGIT_TO_D_PRIME, read_pilot
from analysis.power import Design, enough, p_value_of, power_curve
from analysis.simulated_design import Answers, Observers, simulate
from house.errors import UserError
from tests.analysis.observers import answers


@given(
    st.floats(0.55, 0.98), st.floats(0.55, 0.98), st.floats(0, 0.5), st.floats(0, 1.5),
    st.floats(0, 1),
)  # fmt: skip
def test_middle_observer_gives_the_accuracy_over_all(
    first: float, second: float, person: float, unit: float, slope: float
) -> None:
    """E[Phi(d / sqrt 2)] over normal d, by Gauss-Hermite quadrature."""
    observers = Observers((first, second), person, unit, 0.0, slope)
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    spread = np.sqrt(person**2 + unit**2 + slope**2 / 4)
    for middle, wanted in zip(observers.d_primes(), (first, second), strict=True):
        over_all = weights @ stats.norm.cdf((middle + spread * nodes) / np.sqrt(2))
        assert over_all / weights.sum() == pytest.approx(wanted, abs=1e-4)


def test_simulated_answers_have_the_accuracies_and_the_design() -> None:
    found = simulate(np.random.default_rng(1), Observers(), 400, 100, repeats=2)
    assert len(found.correct) == 400 * 100 * 2 * 2
    assert found.correct[found.first].mean() == pytest.approx(0.820, abs=0.03)
    assert found.correct[~found.first].mean() == pytest.approx(0.922, abs=0.03)
    cells = pd.DataFrame({"p": found.participant, "u": found.unit, "c": found.first})
    assert set(cells.value_counts()) == {2}


def test_a_participant_may_see_some_of_the_units_only() -> None:
    found = simulate(np.random.default_rng(1), Observers(), 6, 20, units_each=5)
    seen = pd.DataFrame({"p": found.participant, "u": found.unit}).groupby("p")["u"].nunique()
    assert set(seen) == {5}
    assert found.unit.max() < 20
    assert len(found.correct) == 6 * 5 * 2


def test_units_may_be_drawn_for_each_condition() -> None:
    found = simulate(np.random.default_rng(1), Observers(), 300, 20, units_each=5, same_units=False)
    table = pd.DataFrame({"p": found.participant, "u": found.unit, "c": found.first})
    assert set(table.groupby(["p", "c"])["u"].nunique()) == {5}
    both = table.groupby(["p", "u"])["c"].nunique()
    # Of five units drawn, each is among the other five with probability 1/4.
    assert (both == 2).sum() / 300 == pytest.approx(1.25, abs=0.2)


def test_t_over_participants_is_scipys_and_has_its_known_power() -> None:
    """Without spread between units the paired t's power follows from the noncentral t."""
    observers = Observers((0.70, 0.80), 0.0, 0.0, 0.0, 0.0)
    table = power_curve(
        observers, Design((10,), (30,)), tests=["t_paired"], simulations=1500, seed=2
    )
    # Variance of a participant's difference of two proportions of 30 answers.
    d_z = 0.10 / np.sqrt((0.7 * 0.3 + 0.8 * 0.2) / 30)
    limit = stats.t.ppf(0.975, 9)
    shift = d_z * np.sqrt(10)
    expected = stats.nct.sf(limit, 9, shift) + stats.nct.cdf(-limit, 9, shift)
    row = table.iloc[0]
    assert row["power"] == pytest.approx(expected, abs=0.04)
    assert row["ci_low"] < row["power"] < row["ci_high"]
    found = simulate(np.random.default_rng(3), observers, 8, 12)
    frame = pd.DataFrame({"p": found.participant, "f": found.first, "y": found.correct})
    wide = frame.groupby(["p", "f"])["y"].mean().unstack()
    assert p_value_of(found, "t_paired") == pytest.approx(
        stats.ttest_rel(wide[True], wide[False]).pvalue
    )


def test_more_participants_find_more_and_the_seed_decides() -> None:
    pytest.importorskip("gpboost")
    design = Design((6, 14), (15,))
    table = power_curve(Observers((0.7, 0.86)), design, simulations=40, seed=5)
    assert table["power"].is_monotonic_increasing
    assert 0.05 < table["power"].iloc[0] < table["power"].iloc[1]
    again = power_curve(Observers((0.7, 0.86)), design, simulations=40, seed=5)
    pd.testing.assert_frame_equal(table, again)
    # A point does not depend on which others are computed.
    alone = power_curve(Observers((0.7, 0.86)), Design((14,), (15,)), simulations=40, seed=5)
    assert alone["rejected"].iloc[0] == table["rejected"].iloc[1]


def test_undefined_experiments_count_as_not_found() -> None:
    same = Answers(
        np.repeat([0, 1], 4), np.tile([0, 1], 4), np.tile([True, True, False, False], 2),
        np.ones(8),
    )  # fmt: skip
    assert np.isnan(p_value_of(same, "t_paired"))
    table = power_curve(
        Observers((0.999, 0.999), 0, 0, 0, 0),
        Design((2,), (2,)),
        tests=["t_paired"],
        simulations=30,
    )
    assert table["undefined"].iloc[0] > 20
    assert table["rejected"].iloc[0] == 0


def test_enough_is_the_smallest_that_reaches() -> None:
    table = pd.DataFrame(
        {"test": "glmm", "participants": [5, 10, 20], "units": 20, "power": [0.5, 0.81, 0.99]}
    )
    assert enough(table, "glmm", 20, 0.8) == 10
    assert enough(table, "glmm", 20, 0.995) is None


def test_pilot_gives_design_and_spreads() -> None:
    """Spreads of d' from 40 participants x 60 units: within 0.15 of those simulated."""
    pytest.importorskip("gpboost")
    trials = answers(
        np.random.default_rng(3), participants=40, units=60, participant_sd=0.3, unit_sd=0.7,
        d_prime={"synthetic": 1.2, "natural": 2.0},
    )  # fmt: skip
    pilot = read_pilot(trials, None, "pilot")
    assert (pilot.contrast, pilot.units, pilot.units_each, pilot.repeats) == (
        ("synthetic", "natural"), 60, 60, 1,
    )  # fmt: skip
    own = trials["condition"] == "natural"
    assert pilot.observers.accuracy[1] == pytest.approx(float(trials.loc[own, "correct"].mean()))
    assert pilot.observers.participant_sd == pytest.approx(0.3, abs=0.15)
    assert pilot.observers.unit_sd == pytest.approx(0.7, abs=0.15)
    assert pytest.approx(0.83, abs=0.01) == LOGIT_TO_D_PRIME


def test_pilot_refuses_what_it_cannot_use() -> None:
    trials = answers(
        np.random.default_rng(3), participants=3, units=5, d_prime={"synthetic": 1, "natural": 2}
    )
    with pytest.raises(UserError, match='no contrast "natural-none"'):
        read_pilot(trials, "natural-none", "pilot")
    with pytest.raises(UserError, match="every answer with natural images is right"):
        perfect = trials.assign(correct=trials["correct"] | (trials["condition"] == "natural"))
        read_pilot(perfect, None, "pilot")
    with pytest.raises(UserError, match="several experiments"):
        read_pilot(trials.assign(experiment=["a", "b"] * (len(trials) // 2)), None, "pilot")


def test_command_writes_page_table_and_figure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from typer.testing import CliRunner

    from analysis.__main__ import app

    out = tmp_path / "power"
    arguments = ["power", "--out", str(out), "--participants", "4,8", "--units", "10",
                 "--test", "t_paired,t_units", "--simulations", "20"]  # fmt: skip
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "With 10 units" in result.output
    assert {p.name for p in out.iterdir()} == {
        "power.html", "power.csv", "power.json", "power.png", "power.svg",
    }  # fmt: skip
    table = pd.read_csv(out / "power.csv")
    assert list(table["participants"]) == [4, 4, 8, 8]
    assert (table["standard_error"] < 0.12).all()
    facts = json.loads((out / "power.json").read_text())
    assert facts["observers"]["accuracy"] == [0.82, 0.922]
    page = (out / "power.html").read_text()
    assert 'src="http' not in page
    assert "t over units" in page


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--participants", "ten"], "whole numbers of at least 2"),
        (["--units", "1"], "whole numbers of at least 2"),
        (["--accuracy", "0.8"], "two proportions between 0 and 1"),
        (["--accuracy", "82,92"], "two proportions between 0 and 1"),
        (["--test", "anova"], 'does not know "anova"'),
        (["--contrast", "a-b"], "none was given"),
        (["/no/such/place"], "no such data folder"),
    ],
)
def test_bad_input_is_explained(arguments: list[str], message: str) -> None:
    from typer.testing import CliRunner

    from analysis.__main__ import app

    result = CliRunner().invoke(app, ["power", "--simulations", "10", *arguments])
    assert isinstance(result.exception, UserError)
    assert message in str(result.exception)
