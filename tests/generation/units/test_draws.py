"""Draws of units, above all the published one."""

from __future__ import annotations

import csv
import hashlib
import os
from pathlib import Path

import pytest

from generation.networks.network import network_spec
from generation.recipe import Recipe, load_recipe
from generation.units.recipe_units import select, select_units
from house.errors import UserError
from stimuli import Unit

SPEC = network_spec("inception_v1")
# SHA-256 over "set layer:branch:channel" of the 140 published units of sets b to h, sorted, a
# line each; computed once from the authors' lists.
PUBLISHED_SHA256 = "538a9e83d35f63d64de35aba850f8b6fcd18bd61484c48444b4494a0c6764ee7"
FOLDER = Path(os.environ.get("BOROWSKI2021_DATA", "/nowhere")) / "units"
needs_lists = pytest.mark.skipif(
    not FOLDER.is_dir(), reason="the authors' lists are not here (BOROWSKI2021_DATA)"
)


def published(name: str) -> list[tuple[dict[str, str], str]]:
    """Rows of one of the authors' lists, and the unit of each."""
    lines = (FOLDER / f"{name}.csv").read_text(encoding="utf-8").splitlines()[1:]
    rows = [{k: v.strip() for k, v in row.items()} for row in csv.DictReader(lines)]
    return [
        (row, f"{row['layer_name']}:{row['kernel_size']}:{row['feature_map_number']}")
        for row in rows
    ]


def experiment(number: int) -> tuple[Unit, ...]:
    recipe, spec, _ = load_recipe(f"borowski2021_experiment{number}")
    return select_units(recipe, spec)


def all_sets() -> dict[str, list[str]]:
    """Every set of experiment II's recipe, the unused one too."""
    recipe, spec, _ = load_recipe("borowski2021_experiment2")
    data = recipe.model_dump()
    sets = data["draws"][0]["sets"]
    data["draws"][0]["sets"] = {name: role.replace("unused", "main") for name, role in sets.items()}
    found: dict[str, list[str]] = {}
    for unit in select_units(Recipe.model_validate(data), spec):
        found.setdefault(unit.set, []).append(unit.unit_id)
    return found


def test_the_golden_draw_gives_the_140_published_units_of_experiment_2() -> None:
    sets = all_sets()
    lines = sorted(f"{name} {unit}" for name in "bcdefgh" for unit in sets[name])
    assert len(lines) == 140
    assert hashlib.sha256("\n".join(lines).encode()).hexdigest() == PUBLISHED_SHA256


@needs_lists
def test_every_set_of_experiment_2_is_the_published_one() -> None:
    sets = all_sets()
    for name in "abcdefgh":
        expected = [unit for _, unit in published(f"experiment_II_set_{name}")]
        assert sets[name] == expected
    assert sets[""] == [unit for _, unit in published("experiment_II_warm_up_trials")]


def test_roles_of_experiment_2s_sets() -> None:
    roles = {(unit.set, unit.role) for unit in experiment(2)}
    assert roles == {
        *((name, "main") for name in "abcd"),
        ("e", "catch"),
        ("f", "practice"),
        ("g", "practice"),
        ("", "intuitiveness"),
    }
    assert {unit.selection for unit in experiment(2) if unit.set} == {"random"}


def test_experiment_1_has_a_unit_of_every_branch_and_one_picked_by_hand_in_each_layer() -> None:
    units = experiment(1)
    main = [unit for unit in units if unit.role == "main"]
    assert len(main) == 45
    for layer in SPEC.layers:
        chosen = [(u.branch, u.selection) for u in main if u.layer == layer.name]
        expected = [(branch.name, "random") for branch in layer.branches]
        assert sorted(chosen) == sorted([*expected, ("pool", "hand-picked")])
    practice = [unit.set for unit in units if unit.role == "practice"]
    assert practice == ["i-m"] * 5 + ["n-r"] * 5 + ["s-w"] * 5
    assert sum(unit.role == "intuitiveness" for unit in units) == 3


@needs_lists
def test_experiment_1_is_the_published_list() -> None:
    units = experiment(1)
    sampled = {
        unit: "hand-picked" if row["channel_number"] == "1" else "random"
        for row, unit in published("experiment_I_sampled_trials")
    }
    assert {u.unit_id: u.selection for u in units if u.role == "main"} == sampled
    practice = {
        unit: next(name for name in ("i-m", "n-r", "s-w") if name[0] <= code <= name[-1])
        for row, unit in published("experiment_I_practice_and_explanation_trials")
        if (code := row["layer_number"]) >= "i"
    }
    assert {u.unit_id: u.set for u in units if u.role == "practice"} == practice
    rated = [unit for _, unit in published("experiment_I_warm_up_trials")]
    assert [u.unit_id for u in units if u.role == "intuitiveness"] == rated


def chosen(**more: object) -> tuple[Unit, ...]:
    return select(Recipe.model_validate({"name": "a", **more}), SPEC).units


def test_another_seed_gives_other_units_and_an_earlier_set_does_not_depend_on_a_later() -> None:
    draw = {"method": "published2021", "layers": ["mixed3a"], "seed": 28}
    two = chosen(draws=[{**draw, "sets": {"b": "main", "c": "main"}}])
    one = chosen(draws=[{**draw, "sets": {"b": "main"}}])
    other = chosen(draws=[{**draw, "seed": 29, "sets": {"b": "main"}}])
    assert set(one) < set(two)
    assert set(one) != set(other)


def test_units_that_are_named_are_not_drawn_and_none_left_is_an_error() -> None:
    last = [{"unit": f"mixed3a:pool:{c}"} for c in range(224, 256) if c != 240]
    draw = {"method": "published2021", "layers": ["mixed3a"], "branches": ["pool"]}
    units = chosen(units=last, draws=[{**draw, "sets": {"b": "catch"}}])
    assert [u.channel for u in units if u.role == "catch"] == [240]
    with pytest.raises(UserError, match="no unit is left in mixed3a pool for set c"):
        chosen(units=last, draws=[{**draw, "sets": {"b": "catch", "c": "catch"}}])


@pytest.mark.parametrize(
    ("draw", "message"),
    [
        ({"method": "published2021"}, "draws `sets`"),
        ({"method": "published2021", "sets": {"b": "main"}, "count": 2}, "not `set` or `count`"),
        ({"sets": {"b": "main"}}, "belongs to the method"),
        ({"sets": {"b c": "main"}}, "pattern"),
        ({"count": 0}, "greater than or equal to 1"),
    ],
)
def test_draws_that_contradict_themselves(draw: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe.model_validate({"name": "a", "draws": [draw]})


def test_all_units_of_the_network() -> None:
    units = chosen(draws=[{"count": "all"}])
    assert len(units) == len({unit.unit_id for unit in units}) == 5484
    assert [u.channel for u in units if u.layer == "mixed4a"] == list(range(508))
