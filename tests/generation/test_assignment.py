from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.assignment import deal


@given(st.integers(1, 25), st.integers(1, 12), st.integers(0, 2**32))
def test_every_rank_is_dealt_once_and_each_position_is_one_bin(
    batches: int, positions: int, seed: int
) -> None:
    ranks = deal(batches, positions, np.random.default_rng(seed))
    assert ranks.shape == (batches, positions)
    assert sorted(ranks.ravel()) == list(range(batches * positions))
    for position in range(positions):
        assert set(ranks[:, position] // batches) == {position}
    # The query is more extreme than every reference of its batch, and none of them.
    if positions > 1:
        assert (ranks[:, :1] < ranks[:, 1:]).all()


def test_published_shape_and_seeds() -> None:
    ranks = deal(20, 10, np.random.default_rng(1))
    assert ranks[:, 0].max() == 19
    assert ranks[:, 9].min() == 180
    assert (ranks == deal(20, 10, np.random.default_rng(1))).all()
    assert (ranks != deal(20, 10, np.random.default_rng(2))).any()


def test_nothing_to_deal_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        deal(0, 3, np.random.default_rng(0))
