"""Participants beside a machine observer, against laws and other people's code."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pingouin as pg
import pytest
from typer.testing import CliRunner

from analysis.__main__ import app
from analysis.load import load
from analysis.machine import compare, decisions_of, reliability, shown_with
from analysis.machine_section import draw_machine
from analysis.machine_spread import machine_spread
from analysis.sections import Section, write_section_files
from analysis.words import proportion
from house.errors import UserError
from stimuli import MachinePrediction, StimulusBank, Unit, add_machine
from stimuli.machine import CONDITIONS, SCHEMES
from stimuli.machine_summary import summarise
from tests.analysis.builders import change_table, write_sessions
from tests.stimuli.conftest import write_small_bank

NETWORKS = ("goog", "squeeze")
UNITS = tuple(f"fire{u + 2}@{NETWORKS[u // 4]}:{('1x1', '3x3')[u % 2]}:{u}" for u in range(8))


def prediction(
    decision: np.ndarray | None = None, ids: tuple[str, ...] = UNITS, batches: int = 2
) -> MachinePrediction:
    shape = (len(ids), batches, len(CONDITIONS), len(SCHEMES))
    if decision is None:
        decision = np.random.default_rng(4).normal(0.5, 1, shape)
    return MachinePrediction(
        "lab",
        ids,
        np.asarray(np.broadcast_to(decision, shape), dtype=np.float32).copy(),
        np.full(shape, 0.5, np.float32),
        {"similarity": {"name": "made up"}},
        (np.random.default_rng(6).binomial(100, 0.5, shape) / 100).astype(np.float32),
    )


def answers(
    right: np.ndarray, participants: int, seed: int = 0, ids: tuple[str, ...] = UNITS
) -> pd.DataFrame:
    """One answer of everybody to every unit in both conditions, right with given probabilities."""
    random = np.random.default_rng(seed)
    rows = [
        {
            "participant": person, "session": 1, "trial_type": "main", "condition": condition,
            "scheme": "Min+Max 9", "unit": name, "layer": name.split(":")[0], "batch": 1,
            "correct": bool(random.random() < right[u]),
        }
        for person in range(1, participants + 1)
        for condition in CONDITIONS
        for u, name in enumerate(ids)
    ]  # fmt: skip
    return pd.DataFrame(rows).astype({"correct": "boolean", "batch": "Int64"})


def test_every_trial_gets_its_own_decision_variable() -> None:
    made = prediction()
    random = np.random.default_rng(1)
    rows = pd.DataFrame(
        {
            "unit": random.choice(UNITS, 200),
            "batch": random.integers(0, 2, 200),
            "condition": random.choice(CONDITIONS, 200),
            "scheme": random.choice(SCHEMES, 200),
        }
    )
    expected = [made.of(*row) for row in rows.itertuples(index=False)]
    np.testing.assert_allclose(decisions_of(rows, made), expected)
    for column, value in (("unit", "fire9:1x1:1"), ("batch", 2), ("batch", -1), ("batch", None),
                          ("condition", "none"), ("scheme", "Max 2")):  # fmt: skip
        assert np.isnan(decisions_of(rows.assign(**{column: value}), made)).all()


def test_agreement_is_that_of_scipys_and_pingouins_correlations() -> None:
    ids = tuple(f"fire2:1x1:{u}" for u in range(30))
    right = np.linspace(0.5, 0.95, len(ids))
    made = prediction(ids=ids)
    trials = answers(right, 15, ids=ids)
    found = compare(trials, "demo", made, bootstrap=4000, seed=1)
    assert list(found.agreement["condition"]) == ["synthetic", "natural"]
    for _, row in found.agreement.iterrows():
        own = trials[trials["condition"] == row["condition"]]
        people = own.assign(correct=own["correct"].astype(float)).groupby("unit")["correct"].mean()
        machine = np.array(
            [made.of(unit, 1, row["condition"], "Min+Max 9") for unit in people.index]
        )
        ranked = pg.corr(people, machine, method="spearman")
        plain = pg.corr(people, machine)
        assert row["spearman"] == pytest.approx(float(ranked["r"].iloc[0]))
        assert row["pearson"] == pytest.approx(float(plain["r"].iloc[0]))
        assert row["people_accuracy"] == pytest.approx(people.mean())
        assert row["machine_accuracy"] == pytest.approx((machine > 0).mean())
        # The same bootstrap, resample by resample, with other draws.
        random = np.random.default_rng(9)
        resampled = []
        for _ in range(4000):
            drawn = random.integers(len(people), size=len(people))
            if np.ptp(people.to_numpy()[drawn]) and np.ptp(machine[drawn]):
                resampled.append(np.corrcoef(people.to_numpy()[drawn], machine[drawn])[0, 1])
        low, high = np.percentile(resampled, [2.5, 97.5])
        assert row["pearson_low"] == pytest.approx(low, abs=0.05)
        assert row["pearson_high"] == pytest.approx(high, abs=0.05)
        assert row["spearman_low"] < row["spearman"] < row["spearman_high"]
    table = found.units[found.units["condition"] == "natural"].set_index("unit")
    assert table["machine_decision"].to_dict() == pytest.approx(
        {u: made.of(u, 1, "natural", "Min+Max 9") / made.scale for u in ids}
    )


def test_a_machine_that_knows_the_order_agrees_and_one_that_knows_nothing_does_not() -> None:
    ids = tuple(f"fire2:1x1:{u}" for u in range(60))
    right = np.linspace(0.3, 0.98, 60)
    trials = answers(right, 40, ids=ids)
    knows = prediction(right[:, None, None, None], ids)
    row = compare(trials, "demo", knows, bootstrap=1000, seed=1).agreement.iloc[0]
    assert row["spearman"] > 0.9
    assert row["spearman_low"] > 0.85
    assert row["p"] < 1e-10
    blind = prediction(np.random.default_rng(3).normal(size=(60, 1, 1, 1)), ids)
    row = compare(trials, "demo", blind, bootstrap=1000, seed=1).agreement.iloc[0]
    assert row["spearman_low"] < 0 < row["spearman_high"]


def test_every_experiment_has_a_figure_of_its_own() -> None:
    made = compare(answers(np.full(8, 0.8), 5), "demo", prediction(), bootstrap=0, seed=1)
    names = [
        draw_machine(made, list(CONDITIONS[:shown]), label, place).name
        for shown, label, place in ((2, "one", 1), (1, "two", 2), (2, "three", 3), (2, "", 1))
    ]
    assert names == ["machine_1", "machine_2", "machine_3", "machine"]


def test_reliability_is_the_share_of_true_variance() -> None:
    ids = tuple(f"fire2:1x1:{u}" for u in range(400))
    right = np.random.default_rng(2).uniform(0.4, 1.0, 400)
    trials = answers(right, 10, ids=ids)
    own = trials[trials["condition"] == "natural"]
    true, noise = right.var(), (right * (1 - right)).mean() / 10
    assert reliability(own, "natural", 1) == pytest.approx(true / (true + noise), abs=0.06)
    assert np.isnan(reliability(own[own["participant"] <= 3], "natural", 1))


def test_what_cannot_be_compared_says_why() -> None:
    right = np.full(len(UNITS), 0.8)
    few = answers(right, 5)
    few = few[few["unit"].isin(UNITS[:3])]
    row = compare(few, "demo", prediction(), bootstrap=10, seed=1).agreement.iloc[0]
    assert row["note"] == "fewer than 4 units"
    assert np.isnan(row["spearman"])
    same = compare(answers(np.ones(8), 5), "demo", prediction(), bootstrap=10, seed=1)
    assert "all the same" in same.agreement["note"].iloc[0]
    lost = answers(right, 5)
    lost.loc[lost["unit"] == UNITS[0], "unit"] = "elsewhere:1x1:0"
    assert compare(lost, "demo", prediction(), bootstrap=10, seed=1).notes == [
        "The prediction knows nothing of 10 main trials."
    ]


@pytest.mark.parametrize(("level", "slope"), [(0.8, 0.5), (0.4, 0.0), (0.0, 0.0)])
def test_spread_between_units_is_found_again(level: float, slope: float) -> None:
    random = np.random.default_rng(5)
    units, batches = 3000, 4
    own, difference = random.normal(0, 1, (2, units))
    noise = random.normal(0, 1, (units, batches, 2)) / np.sqrt(2)
    d = (
        np.array([1.5, 2.0])
        + level * own[:, None]
        + slope * np.array([-0.5, 0.5]) * difference[:, None]
    )
    # Columns are synthetic, natural; the file's order is the other one. d' is sqrt(2) D / SD.
    values = d[:, None, :] / np.sqrt(2) * np.sqrt(0.5) + noise
    ids = tuple(f"fire2:1x1:{u}" for u in range(units))
    decision = np.repeat(values[:, :, ::-1, None], len(SCHEMES), axis=3)
    found = machine_spread(prediction(decision * 3.7, ids, batches), "here")
    assert found.unit_sd == pytest.approx(level, abs=0.06)
    assert found.unit_slope_sd == pytest.approx(slope, abs=0.12)
    assert found.d_primes == pytest.approx((1.5, 2.0), abs=0.06)


def test_a_spread_is_that_of_the_contrast() -> None:
    made = prediction()
    one = machine_spread(made, "here", ("synthetic", "natural"))
    two = machine_spread(made, "here", ("natural", "synthetic"))
    assert two.d_primes == one.d_primes[::-1]
    assert two.unit_slope_sd == one.unit_slope_sd
    assert "(natural and synthetic, Min+Max 9;" in two.origin
    with pytest.raises(UserError, match="says nothing of the condition none"):
        machine_spread(made, "here", ("natural", "none"))


def test_a_spread_needs_units_batches_and_both_conditions() -> None:
    for made in (
        prediction(ids=UNITS[:2]),
        prediction(batches=1),
        replace(prediction(), decision=np.full((8, 2, 2, 4), np.nan, np.float32)),
    ):
        with pytest.raises(UserError, match="three units, two batches"):
            machine_spread(made, "here")


@pytest.fixture
def bank(tmp_path: Path) -> Path:
    units = [
        Unit(name, name.split(":")[0], u, name.split(":")[1], u) for u, name in enumerate(UNITS)
    ]
    path = tmp_path / "bank.h5"
    write_small_bank(path, units=units)
    add_machine(path, prediction())
    return path


@pytest.fixture
def data(bank: Path, tmp_path: Path) -> Path:
    with StimulusBank(bank) as opened:
        content = opened.content_sha256
    root = write_sessions(
        tmp_path / "data", 6, info_changes={"bank_name": "small", "bank_sha256": content}
    )
    for path in root.glob("sub-*/ses-*/trials.tsv"):
        change_table(path, _of_two_networks)
    return root


def _of_two_networks(rows: pd.DataFrame) -> pd.DataFrame:
    units = rows["channel"].astype(int).map(dict(enumerate(UNITS)))
    return rows.assign(unit=units, layer=units.str.partition(":")[0])


def test_a_report_compares_with_the_machine_and_networks_with_each_other(
    bank: Path, data: Path, tmp_path: Path
) -> None:
    out = tmp_path / "report"
    command = ["report", str(data), "--out", str(out), "--bootstrap", "50", "--quiet"]
    done = CliRunner().invoke(app, [*command, "--bank", str(bank)])
    assert done.exit_code == 0, done.output
    page = (out / "report.html").read_text(encoding="utf-8")
    assert 'href="#machine"' in page
    assert "Participants and the machine" in page
    assert "made up" in page
    assert "Own references, dealt" in page
    for line in summarise(prediction()):
        if line.scheme == "Min+Max 9":
            dealt = f"{proportion(line.dealt.value)} [{proportion(line.dealt.low)}, "
            assert dealt in page
    assert page.count("data:image/svg+xml;base64") == len(list((out / "figures").glob("*.svg")))
    assert {"machine.svg", "networks.png"} <= {p.name for p in (out / "figures").iterdir()}
    assert len(pd.read_csv(out / "machine_units.csv")) == 16
    numbers = json.loads((out / "numbers.json").read_text(encoding="utf-8"))
    assert [row["condition"] for row in numbers["machine_agreement"]] == ["synthetic", "natural"]
    # The units are of two networks.
    assert 'href="#networks"' in page
    assert "goog − squeeze" in page
    tests = pd.read_csv(out / "networks_tests.csv")
    assert list(tests["test"]) == ["kruskal_wallis", "mann_whitney"] * 3
    assert len(pd.read_csv(out / "networks.csv")) == 6
    # What an earlier report left behind goes.
    (machine, networks) = (
        Section(key, key, files={name: pd.DataFrame({"a": [1]})})
        for key, name in (("machine", "machine_units.csv"), ("networks", "networks.csv"))
    )
    write_section_files(out, [machine])
    assert {p.name for p in out.glob("[mn]*.csv")} == {"machine_units.csv"}
    write_section_files(out, [networks])
    assert {p.name for p in out.glob("[mn]*.csv")} == {"networks.csv"}


def test_another_bank_is_refused_and_other_sessions_are_left_out(
    bank: Path, data: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.h5"
    write_small_bank(other, seed=8)
    command = ["report", str(data), "--out", str(tmp_path / "r"), "--bootstrap", "0", "--quiet"]
    done = CliRunner().invoke(app, [*command, "--bank", str(other)])
    assert isinstance(done.exception, UserError)
    assert "no predictions of a machine" in str(done.exception)
    dataset = load(data)
    with pytest.raises(UserError, match="none of these sessions was shown this bank"):
        shown_with(dataset, "0" * 64, "b.h5")
    sessions = dataset.sessions.copy()
    content = sessions["bank_sha256"].iloc[0]
    sessions.loc[0, "bank_sha256"] = "0" * 64
    own, notes = shown_with(replace(dataset, sessions=sessions), content, "b.h5")
    assert len(own) == 5
    assert notes == ["1 session of 6 with another bank are left out of this comparison."]
    lonely = CliRunner().invoke(app, [*command, "--machine", "lab"])
    assert "--bank" in str(lonely.exception)


def test_power_takes_its_spread_from_a_bank(bank: Path, tmp_path: Path) -> None:
    command = ["power", "--participants", "4", "--units", "20", "--simulations", "10",
               "--test", "t_paired", "--quiet", "--out", str(tmp_path / "power")]  # fmt: skip
    done = CliRunner().invoke(app, [*command, "--bank", str(bank)])
    assert done.exit_code == 0, done.exception
    facts = json.loads((tmp_path / "power" / "power.json").read_text(encoding="utf-8"))
    spread = machine_spread(prediction(), "here")
    assert facts["observers"]["unit_sd"] == spread.unit_sd
    assert facts["observers"]["unit_slope_sd"] == spread.unit_slope_sd
    assert facts["observers"]["accuracy"] == [0.82, 0.922]
    assert "machine observer “lab” over 8 units" in facts["assumptions"]
    lonely = CliRunner().invoke(app, [*command, "--machine", "lab"])
    assert isinstance(lonely.exception, UserError)
