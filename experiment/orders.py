"""Orders that keep experiments fair: Williams squares, balanced sides, batches by number."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, TypeVar

import numpy as np

Side = Literal["upper", "lower"]
Item = TypeVar("Item")


def williams_orders(count: int) -> list[tuple[int, ...]]:
    """Orders of `count` conditions in which each follows each other equally often.

    Parameters
    ----------
    count : int
        Number of conditions, 1 or more.

    Returns
    -------
    list of tuple of int
        `count` orders for an even count, twice as many for an odd one. Every condition is
        equally often at every place, and every ordered pair of neighbours occurs equally often
        (Williams 1949, Australian Journal of Scientific Research A 2, 149-168).
    """
    first = [0]
    for step in range(1, count):
        first.append((step + 1) // 2 if step % 2 else count - step // 2)
    square = [tuple((item + shift) % count for item in first) for shift in range(count)]
    if count % 2 == 0 or count == 1:
        return square
    return square + [order[::-1] for order in square]


def williams_order(items: tuple[Item, ...], row: int) -> tuple[Item, ...]:
    """Order of the items in a row of their Williams square; rows begin again after the last."""
    orders = williams_orders(len(items))
    return tuple(items[i] for i in orders[row % len(orders)])


@dataclass(frozen=True)
class Rows:
    """Which rows of its squares a participant has; all count from 0."""

    schemes: int
    conditions: int
    sets: int


def counterbalance(
    number: int, schemes: int, conditions: int, sets: int = 1, *, published: bool = False
) -> Rows:
    """Cross the orders of schemes and conditions with the assignment of sets of units.

    Parameters
    ----------
    number : int
        Of the participant within the group, from 1.
    schemes, conditions, sets : int
        Number of rows that each has.
    published : bool
        As in experiment II of Borowski et al. (2021): sets move with the order of schemes, so
        that each set was only ever shown with its scheme at one place.

    Returns
    -------
    Rows
        Every `schemes` participants have each order of schemes once. Their sets move on by one
        from group to group and so does the starting condition, so that after ``schemes x sets x
        conditions`` participants every combination has occurred equally often, and early ends
        leave each of the three nearly balanced.
    """
    place, group = (number - 1) % schemes, (number - 1) // schemes
    if published or sets == 1:
        return Rows(place, group % conditions, (number - 1) % sets)
    common = math.lcm(conditions, sets)
    return Rows(place, (group + group // common) % conditions, (place + group) % sets)


def main_batch(
    condition: str,
    conditions: Iterable[str],
    number: int,
    n_batches: int,
    step: int = 1,
    participants: int = 1,
) -> int:
    """Batch of images that the main trials of a condition take; batch 0 is never one of them.

    Of the conditions that occur, none comes first, natural one batch later, synthetic last. The
    first moves on by `step` every `participants` participants and begins again after the last
    batch: in experiment I of Borowski et al. (2021) none took batch n of participant n (19 main
    batches); in experiment II natural took 2 floor((n - 1) / 4) + 1.
    """
    present: list[str] = [c for c in ("none", "natural", "synthetic") if c in set(conditions)]
    place = present.index(condition)
    return 1 + (step * ((number - 1) // participants) + place) % (n_batches - 1)


def block_sizes(count: int, blocks: int, number: int) -> list[int]:
    """Cut `count` trials into blocks as equal as can be.

    The blocks that are one longer move on with the participant number: of 45 trials in 4 blocks,
    block (number - 1) mod 4 has 12 (Borowski et al. 2021, experiment I).
    """
    base, longer = divmod(count, blocks)
    return [base + ((i - (number - 1)) % blocks < longer) for i in range(blocks)]


def longest_run(sides: list[Side]) -> int:
    """Length of the longest run of the same side; 0 for an empty list."""
    longest = current = 0
    for i, side in enumerate(sides):
        current = current + 1 if i and side == sides[i - 1] else 1
        longest = max(longest, current)
    return longest


def balanced_sides(count: int, rng: np.random.Generator, limit: int) -> list[Side]:
    """Draw sides in random order, both equally often, with no run longer than `limit`.

    Parameters
    ----------
    count : int
        Number of trials. An odd one gets its last side by a coin.
    rng : numpy.random.Generator
        Drawn from.
    limit : int
        Longest allowed run; 1 alternates.

    Returns
    -------
    list of {"upper", "lower"}
        Every permitted sequence of the drawn counts is equally likely: sequences are drawn
        until one holds the limit, or, where this is rare, built from left to right.
    """
    uppers = count // 2 + (int(rng.integers(2)) if count % 2 else 0)
    plain: list[Side] = [*["upper"] * uppers, *["lower"] * (count - uppers)]  # type: ignore[list-item]
    for _ in range(200):
        drawn = [plain[i] for i in rng.permutation(count)]
        if longest_run(drawn) <= limit:
            return drawn
    return _built(uppers, count - uppers, rng, limit)


def spread_sides(
    cells: Sequence[Hashable], rng: np.random.Generator, limit: int, before: Sequence[Side] = ()
) -> list[Side]:
    """Draw sides for trials in order of presentation: balanced in each cell, without long runs.

    Parameters
    ----------
    cells : sequence
        The cell of each trial, such as its condition, scheme and trial type. Within each cell
        both sides occur equally often (one more by a coin where the number is odd).
    rng : numpy.random.Generator
        Drawn from.
    limit : int
        Longest run of one side, over all trials in order and whatever their cells.
    before : sequence of {"upper", "lower"}
        Sides of trials that come before and stay as they are.

    Returns
    -------
    list of {"upper", "lower"}
        Sides are drawn at random; then a trial within a run that is too long changes its side
        with a random trial of its cell until no run is. Where that cannot be (a limit of 1 and
        several odd cells, say), the limit holds within each cell.
    """
    places: dict[Hashable, list[int]] = {}
    for i, cell in enumerate(cells):
        places.setdefault(cell, []).append(i)
    upper = np.zeros(len(cells), dtype=bool)
    for members in places.values():
        uppers = len(members) // 2 + (int(rng.integers(2)) if len(members) % 2 else 0)
        upper[rng.permutation(members)[:uppers]] = True
    start = len(before)
    sides = [*(side == "upper" for side in before), *upper.tolist()]
    for _ in range(20 * len(cells) + 100):
        wrong = _within_long_runs(sides, limit, start)
        if not wrong:
            return ["upper" if side else "lower" for side in sides[start:]]
        i = wrong[int(rng.integers(len(wrong)))]
        others = [start + j for j in places[cells[i - start]] if sides[start + j] != sides[i]]
        if others:
            j = others[int(rng.integers(len(others)))]
            sides[i], sides[j] = sides[j], sides[i]
    found: list[Side] = ["upper"] * len(cells)
    for members in places.values():
        for i, side in zip(members, balanced_sides(len(members), rng, limit), strict=True):
            found[i] = side
    return found


def _within_long_runs(sides: list[bool], limit: int, start: int) -> list[int]:
    """Places from `start` on that lie in a run longer than `limit`."""
    found: list[int] = []
    begin = 0
    for i in range(1, len(sides) + 1):
        if i == len(sides) or sides[i] != sides[begin]:
            if i - begin > limit:
                found += range(max(begin, start), i)
            begin = i
    return found


def _built(uppers: int, lowers: int, rng: np.random.Generator, limit: int) -> list[Side]:
    """Build a sequence side by side, never into a dead end."""
    left = {"upper": uppers, "lower": lowers}
    sides: list[Side] = []
    while left["upper"] or left["lower"]:
        allowed = [side for side in left if _possible(sides, side, left, limit)]
        weights = np.array([left[side] for side in allowed], dtype=float)
        side = allowed[int(rng.choice(len(allowed), p=weights / weights.sum()))]
        left[side] -= 1
        sides.append(side)  # type: ignore[arg-type]
    return sides


def _possible(sides: list[Side], side: str, left: dict[str, int], limit: int) -> bool:
    """Say whether `side` can be next such that the rest can still be laid out."""
    if not left[side]:
        return False
    other = "lower" if side == "upper" else "upper"
    run = 1
    for previous in reversed(sides):
        if previous != side:
            break
        run += 1
    same_left, other_left = left[side] - 1, left[other]
    if run > limit:
        return False
    # The other side's groups lie between this side's: k groups hold at most k x limit.
    same_fits = same_left <= (limit - run) + other_left * limit
    other_fits = other_left <= (same_left + 1) * limit
    return same_fits and other_fits
