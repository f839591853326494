"""Where a power simulation takes its conditions, accuracies and spreads from."""

from __future__ import annotations

from pathlib import Path

import pytest

from analysis.analyse import Results
from analysis.load import load
from analysis.machine_spread import read_spread
from analysis.power_assumptions import PUBLISHED, assume
from analysis.simulated_design import Observers
from house.errors import UserError
from stimuli import Unit, add_machine
from tests.analysis.test_machine import prediction
from tests.analysis.test_own_factors import FACTORS, write_lab
from tests.stimuli.conftest import write_small_bank

PROTOCOL = """
name = "ours"
title = "x"
[design]
conditions = ["natural", "none", "synthetic"]
[trials]
main = 4
"""


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    path = tmp_path / "ours.toml"
    path.write_text(PROTOCOL)
    return path


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sessions whose protocol calls blurred-twice against none primary, not the usual pair."""
    text = FACTORS.replace('["sharp", "blurred-twice"]', '["none", "natural"]')
    root = tmp_path_factory.mktemp("power") / "data"
    return write_lab(root, text, ("synthetic", "natural", "none"))


def test_published_accuracies_are_those_of_the_published_data(published_results: Results) -> None:
    table = published_results.estimates
    rows = table[(table["measure"] == "accuracy") & (table["trials"] == "all")]
    rows = rows[(rows["factor"] == "") & (rows["statistic"] == "mean")]
    found = dict(zip(rows["condition"], rows["estimate"], strict=True))
    assert {name: round(value, 3) for name, value in found.items()} == PUBLISHED
    assert Observers().accuracy == (PUBLISHED["synthetic"], PUBLISHED["natural"])


@pytest.mark.parametrize(
    ("contrast", "accuracy"),
    [
        (None, (0.820, 0.922)),
        ("natural-synthetic", (0.922, 0.820)),
        ("none-natural", (0.431, 0.922)),
    ],
)
def test_each_condition_has_its_own_published_accuracy(
    ours: Path, contrast: str | None, accuracy: tuple[float, float]
) -> None:
    found = assume(protocol=str(ours), contrast=contrast)
    assert found.observers.accuracy == accuracy
    assert ("no references" in found.origin) == (contrast == "none-natural")
    assert assume(protocol=str(ours), contrast=contrast, accuracy=(0.6, 0.7)).observers.accuracy \
        == (0.6, 0.7)  # fmt: skip


def test_the_stated_contrast_of_the_data_is_planned(lab: Path, ours: Path) -> None:
    trials = load(lab).trials
    right = trials["correct"].astype(float).groupby(trials["condition"].astype(str)).mean()
    found = assume(lab)
    assert found.contrast == ("none", "natural")
    assert found.observers.accuracy == pytest.approx((right["none"], right["natural"]))
    # A protocol that states none plans what that of the data does; its own goes before it.
    found = assume(lab, str(ours))
    assert found.contrast == ("none", "natural")
    assert found.observers.accuracy == pytest.approx((right["none"], right["natural"]))
    ours.write_text(PROTOCOL + '[analysis]\ncontrast = ["natural", "synthetic"]\n')
    found = assume(lab, str(ours))
    assert found.contrast == ("natural", "synthetic")
    assert found.observers.accuracy == pytest.approx((right["natural"], right["synthetic"]))
    assert assume(lab, contrast="synthetic-none").contrast == ("synthetic", "none")
    assert assume(lab, str(ours), contrast="none-synthetic").contrast == ("none", "synthetic")


def test_a_banks_spread_is_taken_where_its_machine_knows_the_conditions(
    ours: Path, tmp_path: Path
) -> None:
    bank = tmp_path / "bank.h5"
    write_small_bank(bank, units=[Unit(f"fire2:1x1:{u}", "fire2", 0, "1x1", u) for u in range(8)])
    add_machine(bank, prediction(ids=tuple(f"fire2:1x1:{u}" for u in range(8))))
    pair = ("natural", "synthetic")
    spread = read_spread(bank, None, pair)
    found = assume(protocol=str(ours), bank=bank, contrast="natural-synthetic")
    assert (found.observers.unit_sd, found.observers.unit_slope_sd) == (
        spread.unit_sd, spread.unit_slope_sd,
    )  # fmt: skip
    found = assume(protocol=str(ours), bank=bank, contrast="none-synthetic")
    usual = Observers()
    assert (found.observers.unit_sd, found.observers.unit_slope_sd) == (
        usual.unit_sd, usual.unit_slope_sd,
    )  # fmt: skip
    assert "knows nothing of none" in found.origin
    with pytest.raises(UserError, match="says nothing of the condition none"):
        assume(protocol=str(ours), bank=bank, machine="lab", contrast="none-synthetic")
