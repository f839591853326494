"""What a protocol plans, read from its text: contrast, units, trials of a participant."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import BaseModel
from typer.testing import CliRunner

from analysis.__main__ import app
from analysis.planned_design import (
    OwnTrials,
    PlannedConditions,
    PlannedProtocol,
    PlannedTrials,
    PlannedUnits,
    read_planned,
)
from experiment.design_tables import Counts, Design, Trials, Units
from experiment.protocol import Protocol
from house.errors import UserError
from stimuli import Unit

TEXT = """
name = "ours"
title = "x"
[design]
conditions = ["natural", "blurred", "synthetic"]
schemes = ["Max 1", "Max 9"]
[trials]
main = 10
[trials.blurred]
main = 6
[units]
main_sets = ["a", "b"]
[analysis]
contrast = ["blurred", "natural"]
"""


def bank(**sizes: int) -> list[Unit]:
    return [
        Unit(f"3a:1x1:{name}{i}", "3a", 0, "1x1", i, role="main", set=name.strip("_"))
        for name, size in sizes.items()
        for i in range(size)
    ] + [Unit("3a:1x1:p", "3a", 0, "1x1", 99, role="practice", set="a")]


@pytest.fixture
def ours(tmp_path: Path) -> str:
    path = tmp_path / "ours.toml"
    path.write_text(TEXT)
    return str(path)


def test_published_experiments() -> None:
    """Experiment I: 45 units; II: four sets of 20, one a scheme, each once in a condition."""
    one, two = (read_planned(f"borowski2021_experiment{n}") for n in (1, 2))
    assert (one.contrast, one.units, one.units_each) == (("synthetic", "natural"), 45, 45)
    assert (two.contrast, two.units, two.units_each) == (("synthetic", "natural"), 80, 80)
    assert one.same_units
    assert "over 4 schemes" in two.origin


def test_a_bank_says_how_many_all_are(ours: str) -> None:
    assert read_planned("demo").units is None
    planned = read_planned("demo", bank=bank(_=8))
    assert (planned.units, planned.units_each, planned.same_units) == (8, 8, True)
    # Six of 12 and six of the 4 of the other set.
    planned = read_planned(ours, bank=bank(a=12, b=4))
    assert (planned.contrast, planned.units, planned.units_each) == (("blurred", "natural"), 16, 10)
    assert not planned.same_units
    assert "10 units with natural" in planned.origin
    assert "drawn for each condition" in planned.origin


def test_contrast_of_the_command_line_goes_first(ours: str) -> None:
    planned = read_planned(ours, "natural-synthetic")
    assert (planned.contrast, planned.units_each) == (("natural", "synthetic"), 20)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('["natural", "blurred", "synthetic"]', '["natural"]', "one condition"),
        ('["natural", "blurred", "synthetic"]', "[]", "design.conditions"),
        ("main = 10", 'main = "ten"', "main"),
        ("[design]", "[desig]", "design"),
        ('"a", "b"', '"a", "c"', 'in the set "c"'),
        ("[trials]", "[trials", "not valid TOML"),
        ("main = 10", "main = -1", "`trials.main` should be greater than or equal to 0, found -1"),
        ("main = 6", "main = 'six'", "trials.blurred.*`main`"),
        ('"blurred", "natural"]\n', '"blurred", "none"]\n', 'no contrast "blurred-none"'),
    ],
)
def test_what_cannot_be_planned_is_said(ours: str, old: str, new: str, said: str) -> None:
    path = Path(ours)
    path.write_text(TEXT.replace(old, new))
    with pytest.raises(UserError, match=said):
        read_planned(ours, "natural-synthetic" if said == "one condition" else None, bank(a=3, b=3))


def test_the_datas_contrast_holds_where_the_protocol_names_none(ours: str) -> None:
    other = ("synthetic", "blurred")
    assert read_planned(ours, otherwise=other).contrast == ("blurred", "natural")
    path = Path(ours)
    path.write_text(TEXT.partition("[analysis]")[0])
    assert read_planned(ours).contrast == ("synthetic", "natural")
    assert read_planned(ours, otherwise=other).contrast == other
    assert read_planned(ours, "natural-blurred", otherwise=other).contrast == ("natural", "blurred")
    with pytest.raises(UserError, match='no contrast "none-natural"'):
        read_planned(ours, otherwise=("none", "natural"))


@pytest.mark.parametrize(
    ("mine", "theirs"),
    [
        (PlannedConditions, Design),
        (PlannedTrials, Trials),
        (PlannedUnits, Units),
        (OwnTrials, Counts),
        (PlannedProtocol, Protocol),
    ],
)
def test_what_is_read_of_a_protocol_is_what_the_experiment_has(
    mine: type[BaseModel], theirs: type[BaseModel]
) -> None:
    for name, field in mine.model_fields.items():
        its = theirs.model_fields[name]
        assert field.is_required() == its.is_required()
        default, other = field.get_default(), its.get_default()
        if isinstance(default, BaseModel):
            assert isinstance(other, BaseModel)
            assert default.model_dump() == {
                n: getattr(other, n) for n in type(default).model_fields
            }
        else:
            assert default == other


def test_unknown_contrast_and_protocol(ours: str) -> None:
    with pytest.raises(UserError, match='no contrast "natural-none"') as caught:
        read_planned(ours, "natural-none")
    assert "natural, blurred and synthetic" in str(caught.value.remedy)
    with pytest.raises(UserError, match="no embedded protocol"):
        read_planned("nothing")


def test_command_plans_for_the_protocol(ours: str, tmp_path: Path) -> None:
    arguments = ["power", "--protocol", ours, "--participants", "4", "--simulations", "10",
                 "--test", "t_paired", "--out", str(tmp_path), "--quiet"]  # fmt: skip
    unknown = CliRunner().invoke(app, arguments)
    assert "right with blurred images" in str(unknown.exception)
    arguments += ["--accuracy", "0.7,0.9"]
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    facts = json.loads((tmp_path / "power.json").read_text())
    assert facts["design"]["units"] == [12]
    assert facts["power"][0]["trials_each"] == 24
    assert "protocol “ours”, blurred against natural" in facts["assumptions"]
    assert facts["contrast"] == ["blurred", "natural"]
    assert facts["observers"]["accuracy"] == [0.7, 0.9]
    assert "protocol “ours”" in (tmp_path / "power.html").read_text()
    refused = CliRunner().invoke(app, ["power", "--protocol", "demo", "--out", str(tmp_path)])
    assert refused.exit_code != 0
    assert "Give --bank" in str(getattr(refused.exception, "remedy", ""))
