"""Directions that do not belong to a bank's units are refused before any work."""

from __future__ import annotations

from typing import Any

import pytest

from generation.networks.network import REGISTRY
from generation.recipe import Recipe
from generation.units.recipe_units import select
from house.errors import UserError

SPEC = REGISTRY["squeezenet1_1"]
UNITS = ("fire2:1x1:30", "fire4:3x3:200")


def recipe(directions: dict[str, dict[int, float]], **more: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "t",
            "units": [{"unit": unit} for unit in UNITS],
            "synthesis": {"objective": "direction", "directions": directions},
            **more,
        }
    )


GOOD = {UNITS[0]: {0: 1.0, 127: -2.0}, UNITS[1]: {255: 1.0}}


def test_directions_of_all_units_pass() -> None:
    assert [unit.unit_id for unit in select(recipe(GOOD), SPEC).units] == list(UNITS)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({UNITS[1]: {256: 1.0}}, "names channel 256. fire4 has 256 channels, counted from 0"),
        ({UNITS[0]: {3: 0.0}}, "no channel with a weight other than 0"),
        ({UNITS[0]: {}}, "no channel with a weight other than 0"),
        ({"fire2:1x1:31": {3: 1.0}}, 'fire2:1x1:31 is no unit of this bank. Did you mean "fire2'),
    ],
)
def test_a_wrong_direction_is_named(changes: dict[str, dict[int, float]], message: str) -> None:
    with pytest.raises(UserError) as caught:
        select(recipe({**GOOD, **changes}), SPEC)
    assert str(caught.value).startswith("synthesis.directions: ")
    assert message in str(caught.value)


def test_a_unit_without_a_direction_is_named() -> None:
    with pytest.raises(UserError, match="gives fire4:3x3:200 no direction"):
        select(recipe({UNITS[0]: {0: 1.0}}), SPEC)


def test_fewer_units_than_directions_are_no_mistake_of_the_recipe() -> None:
    assert len(select(recipe(GOOD, limit=1), SPEC).units) == 1
