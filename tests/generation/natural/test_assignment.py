from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.natural.assignment import (
    check_separate,
    deal,
    deal_percentile,
    deal_released,
    percentile_window,
)


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
    check_separate(ranks)


def test_published_shape_and_seeds() -> None:
    ranks = deal(20, 10, np.random.default_rng(1))
    assert ranks[:, 0].max() == 19
    assert ranks[:, 9].min() == 180
    assert (ranks == deal(20, 10, np.random.default_rng(1))).all()
    assert (ranks != deal(20, 10, np.random.default_rng(2))).any()


def test_batches_of_two_pair_a_query_with_one_less_extreme_reference() -> None:
    ranks = deal(20, 2, np.random.default_rng(3))
    assert sorted(ranks[:, 0]) == list(range(20))
    assert sorted(ranks[:, 1]) == list(range(20, 40))


@given(st.integers(1, 25), st.integers(2, 12), st.integers(0, 2**32))
def test_batches_of_two_are_the_beginning_of_larger_ones(
    batches: int, positions: int, seed: int
) -> None:
    small = deal(batches, 2, np.random.default_rng(seed))
    large = deal(batches, positions, np.random.default_rng(seed))
    assert (large[:, :2] == small).all()


def test_nothing_to_deal_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        deal(0, 3, np.random.default_rng(0))
    with pytest.raises(ValueError, match="as many batches"):
        deal_released(9, 10, 0, 0)


def released_by_hand(sign: int, channel: int) -> list[list[int]]:
    """Follow the description of the released code step by step, in its own order."""
    images = list(range(200))  # extremes in ascending activation, as that code lists them
    np.random.seed(channel + sign)  # noqa: NPY002
    shuffled: list[int] = []
    for start in range(0, 200, 20):
        bin_ = images[start : start + 20]
        shuffled += [bin_[place] for place in np.random.permutation(20)]  # noqa: NPY002
    return [[shuffled[batch + 10 * i] for i in range(10)] for batch in range(20)]


@pytest.mark.parametrize("channel", [0, 43, 507])
def test_released_deal_is_the_released_slip(channel: int) -> None:
    state = np.random.get_state()  # noqa: NPY002
    by_hand = {sign: released_by_hand(sign, channel) for sign in (0, 1)}
    np.random.set_state(state)  # noqa: NPY002
    # Minimal: ascending activation is most extreme first, the query is image 0 of its batch.
    np.testing.assert_array_equal(deal_released(20, 10, 0, channel), by_hand[0])
    # Maximal: the query is image 9, and the last of 200 is the most extreme.
    ranks = deal_released(20, 10, 1, channel)
    assert [[199 - rank for rank in reversed(row)] for row in ranks.tolist()] == by_hand[1]


@given(st.integers(0, 2000), st.sampled_from([0, 1]))
def test_released_deal_has_its_known_faults(channel: int, sign: int) -> None:
    ranks = deal_released(20, 10, sign, channel)
    check_separate(ranks)
    # Bins 0 to 5 of ten are reached, of the last half its places only.
    used = set(ranks.ravel().tolist())
    assert len(used) == 110
    if sign:
        # Four of ten bins, and half of a fifth, are never shown: the strongest.
        assert min(used) >= 80
        assert len(used & set(range(80, 100))) == 10
    else:
        assert max(used) < 120
        assert used >= set(range(100))
    # Batches ten apart share nine of their ten images.
    assert len(set(ranks[0]) & set(ranks[10])) == 9


@given(st.integers(1, 12), st.integers(2, 10), st.integers(0, 99))
def test_percentile_deal_takes_queries_from_the_last_ranks(
    batches: int, positions: int, seed: int
) -> None:
    ranks = deal_percentile(batches, positions, np.random.default_rng(seed))
    references = batches * (positions - 1)
    assert sorted(ranks.ravel()) == list(range(batches * positions))
    assert set(ranks[:, 0]) == set(range(references, references + batches))
    for position in range(1, positions):
        assert set(ranks[:, position] // batches) == {position - 1}


@given(st.data())
def test_percentile_window_lies_around_the_percentile(data: st.DataObject) -> None:
    n = data.draw(st.integers(40, 200))
    values = np.array(
        data.draw(st.lists(st.integers(-4, 4), min_size=n, max_size=n)), dtype=np.float32
    )
    unreadable = data.draw(st.sets(st.integers(0, n - 1), max_size=3))
    values[list(unreadable)] = np.nan
    sign = data.draw(st.sampled_from([0, 1]))
    percentile = data.draw(st.floats(51, 99))
    count, references = data.draw(st.integers(1, 6)), data.draw(st.integers(0, 8))
    window = percentile_window(values, sign, percentile, count, references)
    ranked = sorted(set(range(n)) - unreadable, key=lambda i: (values[i], i), reverse=bool(sign))
    first = ranked.index(window[0])
    assert ranked[first : first + count] == window.tolist()
    assert first >= references
    assert first + count <= len(ranked) // 2
    # Centred, unless references or the median are in the way.
    wanted = (1 - percentile / 100) * (len(ranked) - 1) - (count - 1) / 2
    if references + 1 <= wanted <= len(ranked) // 2 - count - 1:
        assert abs(first - wanted) <= 0.5


def test_percentile_window_needs_room() -> None:
    with pytest.raises(ValueError, match="too few"):
        percentile_window(np.arange(40, dtype=np.float32), 1, 95, 10, 11)


def test_an_image_twice_in_a_batch_is_noticed() -> None:
    check_separate(np.array([[[3, 1, 2], [3, 5, 4]]]))
    with pytest.raises(ValueError, match="twice"):
        check_separate(np.array([[[3, 1, 2], [3, 5, 3]]]))
