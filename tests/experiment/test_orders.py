"""Orders: squares, batches, sides."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment.orders import (
    balanced_sides,
    condition_order,
    longest_run,
    main_batch,
    williams_orders,
)


@pytest.mark.parametrize("count", range(1, 8))
def test_williams_orders_balance_places_and_neighbours(count: int) -> None:
    orders = williams_orders(count)
    assert all(sorted(order) == list(range(count)) for order in orders)
    for place in range(count):
        assert len(set(Counter(order[place] for order in orders).values())) == 1
    neighbours = Counter(pair for order in orders for pair in pairwise(order))
    assert len(neighbours) == count * (count - 1)
    assert len(set(neighbours.values())) <= 1


def test_six_participants_see_all_orders_of_three_conditions() -> None:
    conditions = ("none", "natural", "synthetic")
    assert len({condition_order(conditions, n) for n in range(1, 7)}) == 6
    assert condition_order(conditions, 1) == condition_order(conditions, 7)


@given(st.integers(1, 500), st.integers(4, 30))
def test_conditions_take_different_batches_and_never_the_one_for_practice(
    participant: int, n_batches: int
) -> None:
    drawn = [main_batch(c, participant, n_batches) for c in ("none", "natural", "synthetic")]
    assert len(set(drawn)) == 3
    assert all(1 <= batch < n_batches for batch in drawn)


@pytest.mark.parametrize(
    ("participant", "expected"),
    # Released experiment I: none n, natural n + 1, synthetic n + 2; 20 becomes 1, 21 becomes 2.
    [(1, (1, 2, 3)), (10, (10, 11, 12)), (18, (18, 19, 1)), (19, (19, 1, 2))],
)
def test_batches_are_the_published_ones(participant: int, expected: tuple[int, ...]) -> None:
    found = tuple(main_batch(c, participant, 20) for c in ("none", "natural", "synthetic"))
    assert found == expected


@given(st.integers(0, 60), st.integers(1, 5), st.integers(0, 2**32))
def test_sides_are_balanced_and_runs_short(count: int, limit: int, seed: int) -> None:
    sides = balanced_sides(count, np.random.default_rng(seed), limit)
    assert len(sides) == count
    assert abs(sides.count("upper") - sides.count("lower")) == count % 2
    assert longest_run(sides) <= limit


def test_the_odd_side_is_drawn() -> None:
    odd = [balanced_sides(5, np.random.default_rng(s), 4).count("upper") for s in range(60)]
    assert set(odd) == {2, 3}


def test_orders_of_sides_are_about_equally_likely() -> None:
    rng = np.random.default_rng(1)
    found = Counter(tuple(balanced_sides(4, rng, 4)) for _ in range(3000))
    assert len(found) == 6
    # Binomial(3000, 1/6) has SD 20.4; five of them either way.
    assert all(abs(n - 500) < 102 for n in found.values())


def test_longest_run() -> None:
    assert longest_run([]) == 0
    assert longest_run(["upper"]) == 1
    assert longest_run(["upper", "lower", "lower", "lower", "upper", "upper"]) == 3
