from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from generation.natural.shard_plan import FAN, MergeTree, Span, divide, gaps, shard_length, tile

SPANS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 30)).map(lambda s: Span(s[0], s[0] + s[1])),
    max_size=12,
)


@given(SPANS, st.integers(0, 20), st.integers(21, 90), st.integers(1, 15))
def test_what_is_there_and_what_is_missing_cover_everything_once(
    found: list[Span], first: int, last: int, length: int
) -> None:
    there = tile(found, first, last)
    missing = [span for gap in gaps(there, first, last) for span in divide(gap, length)]
    assert set(there) <= set(found)
    assert all(span.last - span.first <= length for span in missing)
    covered = [index for span in sorted([*there, *missing]) for index in range(*span)]
    assert covered == list(range(first, last))
    # Nothing was passed over that had room.
    for span in found:
        if first <= span.first and span.last <= last:
            assert any(span.first < other.last and other.first < span.last for other in there)


def test_a_merged_shard_is_taken_before_its_parts() -> None:
    parts = [Span(0, 10), Span(10, 20), Span(20, 30)]
    assert tile([*parts, Span(0, 30)], 0, 40) == [Span(0, 30)]
    assert tile([*parts, Span(0, 20)], 0, 40) == [Span(0, 20), Span(20, 30)]
    assert tile(parts, 10, 40) == [Span(10, 20), Span(20, 30)]


@given(st.integers(1, 3 * FAN * FAN), st.randoms(use_true_random=False))
def test_shards_become_one_by_merging_neighbours_in_any_order(leaves: int, random) -> None:  # type: ignore[no-untyped-def]
    spans = divide(Span(0, 3 * leaves), 3)
    tree = MergeTree(spans)
    waiting = list(spans)
    random.shuffle(waiting)
    whole: list[Span] = []
    while waiting:
        span = waiting.pop(random.randrange(len(waiting)))
        whole.append(span)
        children = tree.finished(span)
        if children:
            assert 2 <= len(children) <= FAN
            assert all(a.last == b.first for a, b in pairwise(children))
            for child in children:
                whole.remove(child)
            waiting.append(Span(children[0].first, children[-1].last))
    assert whole == [Span(0, 3 * leaves)]


@given(st.integers(1, 10**7), st.integers(1, 512), st.integers(1, 64), st.integers(1, 2000))
def test_shards_are_whole_passes_and_no_larger_than_may_be_lost(
    photographs: int, workers: int, images: int, most: int
) -> None:
    length = shard_length(photographs, workers, images, most)
    assert length % images == 0
    assert images <= length <= images * most
    # Where there is enough for all, everybody has some.
    if photographs >= 4 * workers * images:
        assert -(-photographs // length) >= workers
