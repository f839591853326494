"""Units over a network's depth."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.networks.network import network_spec
from generation.sweep.units import draw_over_depth, quotas_of
from generation.units.recipe_units import parse_unit
from house.errors import UserError


@given(
    st.lists(st.integers(0, 9), min_size=1, max_size=12),
    st.integers(0, 60),
    st.integers(0, 99),
)
def test_quotas_are_as_even_as_room_allows(room: list[int], count: int, seed: int) -> None:
    count = min(count, sum(room))
    quotas = quotas_of(room, count, np.random.default_rng(seed))
    assert sum(quotas) == count
    assert all(quota <= most for quota, most in zip(quotas, room, strict=True))
    # A layer that got fewer than another by two or more had no room.
    for quota, most in zip(quotas, room, strict=True):
        assert quota == most or quota >= max(quotas) - 1


@given(st.integers(1, 30), st.integers(0, 99))
def test_fewer_units_than_layers_are_spread_over_the_depth(count: int, seed: int) -> None:
    quotas = quotas_of([5] * 30, count, np.random.default_rng(seed))
    places = np.flatnonzero(quotas)
    assert len(places) == count
    for run, place in zip(np.array_split(np.arange(30), count), places, strict=True):
        assert place in run


def test_every_layer_that_could_get_one_more_sometimes_does() -> None:
    seen: Counter[int] = Counter()
    for seed in range(300):
        seen.update(np.flatnonzero(quotas_of([9] * 8, 3, np.random.default_rng(seed))).tolist())
    # Runs of 3, 3 and 2 layers: a third, or half, of the draws each.
    assert all(70 <= seen[layer] <= 130 for layer in range(6))
    assert all(120 <= seen[layer] <= 180 for layer in (6, 7))


def test_units_are_the_networks_distinct_and_the_same_for_the_same_seed() -> None:
    spec = network_spec("squeezenet1_1")
    units = draw_over_depth(spec, 84, "main", 1)
    assert len({unit.unit_id for unit in units}) == 84
    counts = Counter(unit.layer for unit in units)
    assert set(counts) == {layer.name for layer in spec.layers}
    assert max(counts.values()) - min(counts.values()) <= 1
    assert [unit.layer_index for unit in units] == sorted(unit.layer_index for unit in units)
    for unit in units:
        assert parse_unit(spec, unit.unit_id, selection="random") == unit
    assert draw_over_depth(spec, 84, "main", 1) == units
    assert draw_over_depth(spec, 84, "main", 2) != units
    taken = {unit.unit_id for unit in units}
    practice = draw_over_depth(spec, 8, "practice", 1, taken)
    assert not taken & {unit.unit_id for unit in practice}
    assert {unit.role for unit in practice} == {"practice"}
    # Both branches of a layer are drawn from.
    assert {unit.branch for unit in units} == {"1x1", "3x3"}


def test_all_units_can_be_drawn_and_no_more() -> None:
    spec = network_spec("squeezenet1_1")
    total = sum(layer.channels for layer in spec.layers)
    units = draw_over_depth(spec, total, "main", 0)
    assert len({unit.unit_id for unit in units}) == total
    with pytest.raises(UserError, match=f"cannot draw {total + 1} main units"):
        draw_over_depth(spec, total + 1, "main", 0)
