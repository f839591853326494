from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.networks.network import network_spec
from generation.networks.preprocessing import Preprocessing
from generation.networks.spec import Branch, Layer, NetworkSpec
from generation.recipe import Recipe, load_recipe
from generation.recipe_overrides import Overrides
from generation.units.recipe_units import select
from generation.units.strata import _scaled
from house.errors import UserError

INCEPTION = network_spec("inception_v1")


def small_network(widths: list[tuple[int, ...]]) -> NetworkSpec:
    layers = []
    for index, parts in enumerate(widths):
        ends = [sum(parts[: i + 1]) for i in range(len(parts))]
        branches = [
            Branch(f"b{i}", end - n, end - 1)
            for i, (n, end) in enumerate(zip(parts, ends, strict=True))
        ]
        layers.append(Layer(f"l{index}", index, tuple(branches)))
    pre = Preprocessing(1.0, (0.0, 0.0, 0.0), bgr=False)
    return NetworkSpec(
        "small", "", lambda: None, tuple(layers), pre, (0.0, 1.0), None, "", "", 224
    )  # fmt: skip


@given(st.integers(1, 30), st.integers(1, 30))
def test_relative_depth_keeps_the_ends_and_the_order(count: int, into: int) -> None:
    places = [_scaled(index, count, into) for index in range(count)]
    assert places == sorted(places)
    assert places[0] == 0
    if count > 1:
        assert places[-1] == into - 1
        for index, place in enumerate(places):
            assert abs(place - index * (into - 1) / (count - 1)) <= 0.5
    if count == into:
        assert places == list(range(count))


@pytest.mark.parametrize("number", [1, 2])
def test_the_embedded_network_keeps_counts_roles_and_sets(number: int) -> None:
    name = f"borowski2021_experiment{number}"
    own, spec, _ = load_recipe(name)
    published = select(own, spec)
    recipe, spec, _ = load_recipe(name, Overrides(network="embedded"))
    found = select(recipe, spec)
    assert spec.name == "squeezenet1_1"
    assert (published.named_for, found.named_for) == ("", "inception_v1")
    assert Counter((u.role, u.set) for u in found.units) == Counter(
        (u.role, u.set) for u in published.units
    )
    assert len({u.unit_id for u in found.units}) == len(published.units)
    for unit in found.units:
        branch = spec.layer(unit.layer).branch(unit.branch)
        assert branch.first <= unit.channel <= branch.last
        assert spec.layer(unit.layer).index == unit.layer_index
    assert {u.selection for u in found.units} == {"random"}
    strata = Counter(found.strata[f"{u.layer} {u.branch}"] for u in published.units)
    assert strata == Counter(f"{u.layer} {u.branch}" for u in found.units)
    assert found.strata["mixed3a 1x1"] == "fire2 1x1"
    assert found.strata["mixed5b pool"] == "fire9 3x3"
    said = found.describe(spec.name)
    assert "mixed5b → fire9" in said
    assert "pool → 3x3" in said
    again, spec, _ = load_recipe(name, Overrides(network="squeezenet1_1"))
    assert select(again, spec) == found
    other, spec, _ = load_recipe(name, Overrides(network="embedded", seed=1))
    assert select(other, spec).units != found.units


def test_a_network_of_the_same_build_has_layer_for_layer_and_branch_for_branch() -> None:
    recipe, spec, _ = load_recipe("borowski2021_experiment1", Overrides(network="googlenet"))
    for theirs, ours in select(recipe, spec).strata.items():
        assert ours == theirs.replace("mixed", "inception")


def test_a_network_that_has_the_units_gets_them() -> None:
    recipe = Recipe.model_validate(
        {"name": "a", "named_for": "inception_v1", "units": [{"unit": "mixed3a:1x1:3"}]}
    )
    found = select(recipe, INCEPTION)
    assert ([u.unit_id for u in found.units], found.named_for) == (["mixed3a:1x1:3"], "")


def test_a_stratum_with_too_few_channels_and_limits() -> None:
    recipe, _, _ = load_recipe("borowski2021_experiment2")
    tiny = small_network([(3, 3), (3, 3)])
    with pytest.raises(UserError, match="too few channels in l0 b0"):
        select(recipe, tiny)
    wide = small_network([(40, 80), (40, 80), (40, 80)])
    assert len(select(recipe, wide).units) == 143
    for limit in (1, 2, 9, 100, 143, 500):
        chosen = select(recipe.model_copy(update={"limit": limit}), wide).units
        assert len(chosen) == min(limit, 143)
        if limit <= 80:
            assert {u.role for u in chosen} == {"main"}
        if 1 < limit < 80:
            assert {chosen[0].layer_index, 2} <= {u.layer_index for u in chosen}


def test_without_named_for_wrong_layers_are_an_error() -> None:
    recipe = Recipe.model_validate({"name": "a", "units": [{"unit": "mixed3a:1x1:3"}]})
    with pytest.raises(UserError, match='no layer "mixed3a"'):
        select(recipe, network_spec("squeezenet1_1"))
