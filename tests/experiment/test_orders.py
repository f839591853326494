"""Orders: squares, batches, sides."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiment.orders import (
    Rows,
    balanced_sides,
    block_sizes,
    counterbalance,
    longest_run,
    main_batch,
    spread_sides,
    williams_order,
    williams_orders,
)

CONDITIONS = ("none", "natural", "synthetic")


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
    assert len({williams_order(conditions, n) for n in range(6)}) == 6
    assert williams_order(conditions, 0) == williams_order(conditions, 6)


@given(st.integers(1, 500), st.integers(4, 30))
def test_conditions_take_different_batches_and_never_the_one_for_practice(
    participant: int, n_batches: int
) -> None:
    drawn = [main_batch(c, CONDITIONS, participant, n_batches) for c in CONDITIONS]
    assert len(set(drawn)) == 3
    assert all(1 <= batch < n_batches for batch in drawn)


@pytest.mark.parametrize(
    ("participant", "expected"),
    # Released experiment I: none n, natural n + 1, synthetic n + 2; 20 becomes 1, 21 becomes 2.
    [(1, (1, 2, 3)), (10, (10, 11, 12)), (18, (18, 19, 1)), (19, (19, 1, 2))],
)
def test_batches_are_the_published_ones(participant: int, expected: tuple[int, ...]) -> None:
    found = tuple(main_batch(c, CONDITIONS, participant, 20) for c in CONDITIONS)
    assert found == expected


@pytest.mark.parametrize(("participant", "natural"), [(1, 1), (4, 1), (5, 3), (8, 3), (13, 7)])
def test_batches_of_experiment_two(participant: int, natural: int) -> None:
    """Natural 2 ((n - 1) div 4) + 1, synthetic one more."""
    conditions = ("synthetic", "natural")
    assert main_batch("natural", conditions, participant, 20, 2, 4) == natural
    assert main_batch("synthetic", conditions, participant, 20, 2, 4) == natural + 1


def test_every_combination_of_rows_occurs_once_in_thirty_two_participants() -> None:
    rows = [counterbalance(n, 4, 2, 4) for n in range(1, 33)]
    assert len(set(rows)) == 32
    for first in range(0, 32, 8):
        eight = rows[first : first + 8]
        assert Counter(r.schemes for r in eight) == dict.fromkeys(range(4), 2)
        assert Counter(r.conditions for r in eight) == dict.fromkeys(range(2), 4)
        assert Counter(r.sets for r in eight) == dict.fromkeys(range(4), 2)
        # Each order of schemes begins with each condition once.
        assert len({(r.schemes, r.conditions) for r in eight}) == 8


def test_published_rows() -> None:
    assert counterbalance(6, 4, 2, 4, published=True) == Rows(1, 1, 1)
    assert counterbalance(9, 4, 2, 4, published=True) == Rows(0, 0, 0)
    assert counterbalance(2, 1, 2) == Rows(0, 1, 0)


@given(st.integers(0, 60), st.integers(1, 7), st.integers(1, 500))
def test_blocks_are_as_equal_as_can_be(count: int, blocks: int, number: int) -> None:
    sizes = block_sizes(count, blocks, number)
    assert len(sizes) == blocks
    assert sum(sizes) == count
    assert max(sizes) - min(sizes) <= 1


@pytest.mark.parametrize("number", range(1, 9))
def test_the_long_block_moves_on(number: int) -> None:
    assert block_sizes(45, 4, number).index(12) == (number - 1) % 4


@given(
    st.lists(st.sampled_from("abc"), max_size=80),
    st.integers(2, 5),
    st.lists(st.sampled_from(["upper", "lower"]), max_size=4),
    st.integers(0, 2**32),
)
def test_sides_of_mixed_cells(cells: list[str], limit: int, before: list[str], seed: int) -> None:
    sides = spread_sides(cells, np.random.default_rng(seed), limit, before)  # type: ignore[arg-type]
    assert len(sides) == len(cells)
    for cell in set(cells):
        own = [side for side, c in zip(sides, cells, strict=True) if c == cell]
        assert abs(own.count("upper") - own.count("lower")) == len(own) % 2


@given(st.integers(0, 2**32))
def test_no_run_over_a_whole_session_is_long(seed: int) -> None:
    cells = [str(i % 2) + ("catch" if i % 6 == 5 else "main") for i in range(200)]
    before = ["upper", "upper", "upper"]
    sides = spread_sides(cells, np.random.default_rng(seed), 4, before)  # type: ignore[arg-type]
    assert longest_run(["upper", "upper", "upper", *sides]) <= 4


def test_a_limit_that_cannot_hold_over_everything_holds_in_each_cell() -> None:
    cells = ["a"] * 3 + ["b"] * 3
    sides = spread_sides(cells, np.random.default_rng(1), 1, ["upper", "upper"])
    assert longest_run(sides[:3]) == longest_run(sides[3:]) == 1


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
