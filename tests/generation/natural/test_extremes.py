from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from generation.natural import extremes
from generation.natural.extremes import RunningExtremes

# Equal values, both zeros, neighbours in the last bit, very large and very small ones.
VALUES = [-3.0, -1.0, -0.0, 0.0, 1.0, np.nextafter(np.float32(1), np.float32(2)), 3.4e38, -3.4e38]


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, int, list[int], int]:
    """Activations with many ties, how many are kept, an order of arrival, and a pass's size."""
    n, columns = draw(st.integers(1, 30)), draw(st.integers(1, 4))
    values = draw(st.lists(st.sampled_from(VALUES), min_size=n * columns, max_size=n * columns))
    order = draw(st.permutations(range(n)))
    table = np.array(values, dtype=np.float32).reshape(n, columns)
    return table, draw(st.integers(1, 12)), list(order), draw(st.integers(1, 10))


def check(running: RunningExtremes, table: np.ndarray, k: int) -> None:
    for column in range(table.shape[1]):
        ranked = sorted(
            np.flatnonzero(np.isfinite(table[:, column])).tolist(),
            key=lambda row: (table[row, column], row),
        )
        indices, values = running.of(column)
        assert indices[0].tolist() == ranked[:k]
        assert indices[1].tolist() == ranked[::-1][:k]
        np.testing.assert_array_equal(values, table[indices, column])
        if len(ranked) >= 2 * k:
            assert not set(indices[0]) & set(indices[1])


@settings(deadline=None)
@given(tables(), st.sampled_from([1, 3, 7, 512]), st.booleans())
def test_extremes_equal_a_full_sort_whatever_comes_when(  # type: ignore[no-untyped-def]
    case, waiting: int, interrupted: bool
) -> None:
    table, k, order, size = case
    before, extremes._WAITING = extremes._WAITING, waiting
    try:
        running = RunningExtremes(table.shape[1], k)
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            running.update(table[rows], rows)
            if interrupted:
                state = running.state()
                running = RunningExtremes(table.shape[1], k)
                running.restore(state)
        check(running, table, k)
    finally:
        extremes._WAITING = before


@given(tables(), st.data())
def test_what_is_no_number_has_no_place(case, data: st.DataObject) -> None:  # type: ignore[no-untyped-def]
    table, k, order, size = case
    odd = st.sampled_from([np.nan, np.inf, -np.inf])
    for row in data.draw(st.sets(st.integers(0, len(table) - 1), max_size=5)):
        table[row, data.draw(st.integers(0, table.shape[1] - 1))] = data.draw(odd)
    running = RunningExtremes(table.shape[1], k)
    for start in range(0, len(order), size):
        running.update(
            torch.from_numpy(table[order[start : start + size]]), order[start : start + size]
        )
    check(running, table, k)
    assert running.lost().tolist() == (~np.isfinite(table)).sum(axis=0).tolist()


def test_a_large_pass_is_taken_in_pieces_and_large_indices_are_exact() -> None:
    rng = np.random.default_rng(0)
    table = rng.integers(-5, 5, (1500, 3)).astype(np.float32)
    offset = 2**31 - 1500
    running = RunningExtremes(3, 40)
    running.update(table, range(offset, offset + 1500))
    for column in range(3):
        ranked = np.lexsort((np.arange(1500), table[:, column]))
        indices, _ = running.of(column)
        assert (indices[0] - offset).tolist() == ranked[:40].tolist()
        assert (indices[1] - offset).tolist() == ranked[::-1][:40].tolist()


def test_several_columns_at_once_and_a_foreign_state() -> None:
    running = RunningExtremes(6, 2)
    running.update(torch.arange(30.0).reshape(5, 6) % 7, range(5))
    indices, values = running.all([4, 1])
    assert indices.shape == values.shape == (2, 2, 2)
    np.testing.assert_array_equal(indices[1], running.of(1)[0])
    with pytest.raises(ValueError, match="does not belong"):
        RunningExtremes(6, 3).restore(running.state())
