"""Factors and the contrast that a protocol names: read from the plan, tested, drawn."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from analysis.analyse import Results, analyse
from analysis.figures import pictures
from analysis.load import Dataset, load
from analysis.outputs import write_report
from analysis.stated import Stated, read_stated
from house.errors import UserError
from participants import DataFolder, Plan, SessionInfo, write_table

FACTORS = """
[factors.amount]
column = "scheme"
levels = { nine = ["Max 9", "Min+Max 9"], one = ["Max 1", "Min+Max 1"] }

[factors.minimal]
column = "scheme"
levels = { without = ["Max 1", "Max 9"], with = ["Min+Max 1", "Min+Max 9"] }

[factors.training]
column = "participant"
levels = { trained = ["1-6"], untrained = ["7-12"] }

[factors.depth]
column = "layer"
levels = { late = ["fire9"], early = ["fire2"] }

[analysis]
contrast = ["sharp", "blurred-twice"]
"""
SCHEMES = ("Max 1", "Min+Max 1", "Max 9", "Min+Max 9")


def write_lab(root: Path, text: str, conditions: tuple[str, ...]) -> Path:
    """Twelve people, two groups of expertise, three layers, four schemes."""
    random = np.random.default_rng(17)
    sha = hashlib.sha256(text.encode()).hexdigest()
    for participant in range(1, 13):
        group = "surgeon" if participant <= 6 else "student"
        rows: list[dict[str, Any]] = []
        for scheme in SCHEMES:
            for condition in conditions:
                for unit in range(6):
                    layer = ("fire2", "fire5", "fire9")[unit % 3]
                    chance = 0.6 + 0.1 * (layer == "fire9") + 0.15 * (group == "surgeon")
                    right = bool(random.random() < chance + 0.1 * ("9" in scheme))
                    rows.append(
                        {
                            "participant": participant, "session": 1, "block": 1 + len(rows) // 6,
                            "trial": len(rows) + 1, "trial_type": "main", "condition": condition,
                            "scheme": scheme, "unit": f"{layer}:1x1:{unit}", "layer": layer,
                            "branch": "1x1", "selection": "random", "batch": 1,
                            "correct_position": "upper", "choice": "upper" if right else "lower",
                            "correct": right, "confidence": int(random.integers(1, 4)),
                            "rt": float(random.lognormal(1, 0.4)), "expertise": group,
                        }
                    )  # fmt: skip
        plan = Plan(
            protocol="ours", protocol_sha256=sha, protocol_text=text, bank_name="b",
            bank_sha256="1" * 64, participant=participant, session=1, seed=1, blocks=(),
        )  # fmt: skip
        info = SessionInfo(
            participant=participant, session=1, protocol="ours", kind="human",
            protocol_sha256=sha, completed="2026-11-24T10:00:00+00:00", expertise=group,
        )  # fmt: skip
        write_table(DataFolder(root).create(plan, info).table_path, rows)
    return root


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    root = tmp_path_factory.mktemp("lab") / "data"
    return load(write_lab(root, FACTORS, ("blurred-twice", "sharp")))


@pytest.fixture(scope="module")
def results(lab: Dataset) -> Results:
    (found,) = analyse(lab, bootstrap=20)
    return found


def test_trials_have_the_levels_in_the_protocols_order(lab: Dataset) -> None:
    trials = lab.trials
    assert lab.factors == {"ours": {"amount": "scheme", "minimal": "scheme",
                                    "training": "participant", "depth": "layer"}}  # fmt: skip
    assert list(trials["depth"].cat.categories) == ["late", "early"]
    assert set(trials.loc[trials["layer"] == "fire9", "depth"]) == {"late"}
    assert trials.loc[trials["layer"] == "fire5", "depth"].isna().all()
    assert ((trials["training"] == "trained") == (trials["participant"] <= 6)).all()
    (said,) = [s for s in lab.statements if s.startswith("Factor depth")]
    assert said == (
        "Factor depth: layer fire5 is in none of its levels; 192 main trials left out of what "
        "concerns it."
    )


def test_estimates_have_rows_of_every_level(lab: Dataset, results: Results) -> None:
    numbers = results.estimates
    rows = numbers[(numbers["measure"] == "accuracy") & (numbers["trials"] == "all")]
    own = rows[(rows["factor"] == "depth") & (rows["condition"] == "sharp")]
    assert own["level"].tolist() == ["late", "early"]
    part = lab.trials[(lab.trials["depth"] == "late") & (lab.trials["condition"] == "sharp")]
    assert own["estimate"].iloc[0] == pytest.approx(part["correct"].astype(float).mean())
    assert own["n_trials"].tolist() == [96, 96]
    pair = rows[(rows["factor"] == "amount") & (rows["factor2"] == "training")]
    assert len(pair) == 2 * 2 * 2


def test_the_contrast_of_the_protocol_is_primary(results: Results) -> None:
    (row,) = (row for _, row in results.tests[results.tests["primary"]].iterrows())
    assert (row["test"], row["contrast"]) == ("glmm_slopes", "blurred-twice-sharp")


def test_factors_within_agree_with_statsmodels(lab: Dataset, tmp_path: Path) -> None:
    """Condition, amount and minimal, all within participants: AnovaRM of the cells' means."""
    from statsmodels.stats.anova import AnovaRM

    text = FACTORS.split("[factors.training]")[0]
    root = write_lab(tmp_path / "data", text, ("blurred-twice", "sharp"))
    for path in root.glob("sub-*/ses-*/trials.tsv"):
        path.write_text(path.read_text().replace("surgeon", "n/a").replace("student", "n/a"))
    (found,) = analyse(load(root), bootstrap=0)
    tests = found.tests
    anova = tests[(tests["test"] == "mixed_anova") & (tests["measure"] == "accuracy")]
    trials = found.trials.assign(
        y=found.trials["correct"].astype(float), participant=found.trials["participant"].astype(int)
    )
    for name in ("condition", "amount", "minimal"):
        trials[name] = trials[name].astype(str)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        reference = AnovaRM(
            trials[["participant", "condition", "amount", "minimal", "y"]],
            "y", "participant", within=["condition", "amount", "minimal"], aggregate_func="mean",
        ).fit().anova_table  # fmt: skip
    expected = {name.replace(":", "*"): row["F Value"] for name, row in reference.iterrows()}
    assert dict(zip(anova["contrast"], anova["statistic"], strict=True)) == pytest.approx(expected)


def test_a_factor_that_names_the_groups_is_tested_as_they_are(results: Results) -> None:
    """Training parts the participants as expertise does, so every test must be the same."""
    tests = results.tests[results.tests["test"] == "t_independent"]
    own = tests[tests["contrast"] == "trained-untrained"]
    groups = tests[tests["contrast"] == "student-surgeon"]
    assert len(own) == len(groups) > 0
    assert own["statistic"].to_numpy() == pytest.approx(-groups["statistic"].to_numpy())
    assert own["p"].to_numpy() == pytest.approx(groups["p"].to_numpy())


def test_levels_within_participants_are_compared_in_each_condition(results: Results) -> None:
    tests = results.tests
    rows = tests[(tests["contrast"] == "late-early") & (tests["test"] == "t_paired")]
    assert rows["level"].tolist() == ["blurred-twice", "sharp"]
    assert set(rows["adjustment"]) == {"bonferroni x 2"}
    inside = tests[(tests["factor"] == "amount") & (tests["test"] == "t_paired")]
    assert inside["level"].tolist() == ["nine", "one"]


def test_report_shows_them(lab: Dataset, results: Results, tmp_path: Path) -> None:
    old = tmp_path / "figures" / "accuracy_by_another_factor.svg"
    old.parent.mkdir()
    old.touch()
    write_report(lab, tmp_path, bootstrap=0)
    page = (tmp_path / "report.html").read_text()
    facts = json.loads((tmp_path / "numbers.json").read_text())
    assert facts["factors"]["ours"]["depth"] == "layer"
    assert facts["contrasts"] == {"ours": ["sharp", "blurred-twice"]}
    for text in ("Accuracy by amount", "Accuracy by training", "late − early",
                 "trained − untrained", "blurred-twice against sharp"):  # fmt: skip
        assert text in page, text
    drawn = {p.name for p in pictures(results.trials, results.estimates, results.factors)}
    assert {"accuracy_by_depth", "time_and_confidence_by_training"} <= drawn
    assert (tmp_path / "figures" / "accuracy_by_depth.svg").exists()
    # A figure of a factor that these data do not have would pass for one of theirs.
    assert not old.exists()


def test_nothing_stated_is_nothing_done() -> None:
    assert read_stated("", "plan.json") == Stated()
    assert read_stated('name = "demo"\n', "plan.json") == Stated()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[factors.scheme]\ncolumn = 'layer'\nlevels = {a = ['x'], b = ['y']}", "something else"),
        ("[factors.depth]\ncolumn = 'rt'\nlevels = {a = ['x'], b = ['y']}", "factors.depth.column"),
        ("[factors.depth]\ncolum = 'layer'\n", "colum"),
        ("[analysis]\ncontrast = ['a']\n", "contrast"),
        ("[factors", "not valid TOML"),
    ],
)
def test_what_cannot_be_is_refused_with_the_place(text: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        read_stated(text, "sub-001/ses-01/plan.json, protocol ours")
    assert "plan.json" in str(caught.value.where)


def test_two_versions_keep_their_own_levels(tmp_path: Path) -> None:
    root = write_lab(tmp_path / "data", FACTORS, ("blurred-twice", "sharp"))
    other = FACTORS.replace(
        'late = ["fire9"], early = ["fire2"]', 'late = ["fire2"], mid = ["fire5"]'
    )
    other = other.replace('contrast = ["sharp", "blurred-twice"]', 'contrast = ["a", "b"]')
    sha = hashlib.sha256(other.encode()).hexdigest()
    folder = DataFolder(root).find(12, 1)
    folder.write_plan(folder.plan.model_copy(update={"protocol_text": other,
                                                     "protocol_sha256": sha}))  # fmt: skip
    folder.update_info(protocol_sha256=sha)
    found = load(root)
    fire2 = found.trials[found.trials["layer"] == "fire2"]
    assert set(fire2.loc[fire2["participant"] == 12, "depth"]) == {"late"}
    assert set(fire2.loc[fire2["participant"] == 1, "depth"]) == {"early"}
    assert list(found.trials["depth"].cat.categories) == ["late", "early", "mid"]
    assert found.contrasts == {"ours": ("sharp", "blurred-twice")}
    assert any("different primary contrasts" in s for s in found.statements)
