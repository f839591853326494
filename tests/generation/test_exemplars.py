from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from generation.exemplars import RunningExtremes, record
from generation.networks import Network
from generation.photographs import Pool
from stimuli.photographs import load_photographs


@st.composite
def tables(draw: st.DrawFn) -> tuple[np.ndarray, int, list[int], int]:
    """Activations with many ties, how many are kept, an order of arrival, and a pass's size."""
    n, columns = draw(st.integers(1, 30)), draw(st.integers(1, 4))
    values = draw(st.lists(st.integers(-3, 3), min_size=n * columns, max_size=n * columns))
    order = draw(st.permutations(range(n)))
    table = np.array(values, dtype=np.float32).reshape(n, columns)
    return table, draw(st.integers(1, 12)), list(order), draw(st.integers(1, 10))


@given(tables())
def test_extremes_equal_a_full_sort_whatever_comes_when(case) -> None:  # type: ignore[no-untyped-def]
    table, k, order, size = case
    running = RunningExtremes(table.shape[1], k)
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        running.update(table[rows], rows)
    for column in range(table.shape[1]):
        ranked = sorted(range(len(table)), key=lambda row: (table[row, column], row))
        indices, values = running.of(column)
        assert indices[0].tolist() == ranked[:k]
        assert indices[1].tolist() == ranked[::-1][:k]
        np.testing.assert_array_equal(values, table[indices, column])
        if len(table) >= 2 * k:
            assert not set(indices[0]) & set(indices[1])


def test_one_pass_finds_what_each_unit_alone_would(network: Network) -> None:
    photographs = load_photographs()[::20]
    pool = Pool(photographs, 64, 48, 0)
    counted: list[int] = []
    found = record(network, pool, ["fire2", "fire6"], 4, 5, counted.append)
    assert sum(counted) == len(photographs)
    images = np.stack([pool.image(index) for index in range(len(photographs))])
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    for layer, extremes in found.items():
        values = network.activations(x, [layer])[layer].numpy()
        for column in (0, 17, values.shape[1] - 1):
            indices, recorded = extremes.of(column)
            order = np.argsort(values[:, column], kind="stable")
            assert indices[0].tolist() == order[:4].tolist()
            assert indices[1].tolist() == order[::-1][:4].tolist()
            np.testing.assert_allclose(recorded, values[indices, column], rtol=1e-3, atol=0.05)
