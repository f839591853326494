"""How a listing of photographs is divided among workers and put together again. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

# Shards that are merged at a time.
FAN = 8
# Shards a worker, so that the last ones of the slowest worker take little time.
_PORTIONS = 4


class Span(NamedTuple):
    """Photographs `first` to `last` (exclusive) of a listing."""

    first: int
    last: int


def tile(found: Iterable[Span], first: int, last: int) -> list[Span]:
    """Choose disjoint spans within `first` to `last`, in order; of overlapping ones the longest.

    What overlaps is left from a build that ended between writing a merged shard and deleting
    its parts.
    """
    chosen: list[Span] = []
    within = [span for span in found if first <= span.first < span.last <= last]
    for span in sorted(within, key=lambda span: (span.first - span.last, span.first)):
        if all(span.last <= other.first or other.last <= span.first for other in chosen):
            chosen.append(span)
    return sorted(chosen)


def gaps(chosen: Sequence[Span], first: int, last: int) -> list[Span]:
    """Give what disjoint spans in order leave open between `first` and `last`."""
    edges = [first, *(edge for span in chosen for edge in span), last]
    return [Span(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]


def divide(gap: Span, length: int) -> list[Span]:
    """Cut a gap into spans of `length` photographs; the last one may be shorter."""
    return [
        Span(first, min(first + length, gap.last)) for first in range(gap.first, gap.last, length)
    ]


def shard_length(photographs: int, workers: int, images_per_pass: int, most_passes: int) -> int:
    """Choose how many photographs a shard holds: whole passes of the network.

    Passes are the same whoever makes them, so the length changes no activation.

    Parameters
    ----------
    photographs : int
        Of the whole listing.
    workers : int
        Tasks that run at a time.
    images_per_pass : int
    most_passes : int
        Passes that may be lost with a worker.
    """
    share = -(-photographs // (_PORTIONS * workers * images_per_pass))
    return images_per_pass * max(1, min(share, most_passes))


class MergeTree:
    """Which shards are merged when: neighbours, `FAN` at a time, until one is left.

    Parameters
    ----------
    leaves : sequence of Span
        Disjoint neighbours in order, without gaps.
    """

    def __init__(self, leaves: Sequence[Span]) -> None:
        self._place = {span: (0, number) for number, span in enumerate(leaves)}
        self._levels = [len(leaves)]
        while self._levels[-1] > 1:
            self._levels.append(-(-self._levels[-1] // FAN))
        self._ready: dict[tuple[int, int], list[Span]] = {}

    def finished(self, span: Span) -> list[Span]:
        """Note a whole shard; give those that can now be merged into one, if any."""
        level, number = self._place.pop(span)
        while level + 1 < len(self._levels):
            level, number = level + 1, number // FAN
            children = self._ready.setdefault((level, number), [])
            children.append(span)
            expected = min(FAN, self._levels[level - 1] - number * FAN)
            if len(children) < expected:
                return []
            del self._ready[level, number]
            if expected > 1:
                merged = Span(min(children).first, max(children).last)
                self._place[merged] = (level, number)
                return sorted(children)
        return []
