"""Orders that keep experiments fair: Williams squares, balanced sides, batches by number."""

from __future__ import annotations

from typing import Literal

import numpy as np

Side = Literal["upper", "lower"]


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


def condition_order(conditions: tuple[str, ...], participant: int) -> tuple[str, ...]:
    """Order of the conditions for a participant number (1 or more): a row of the square."""
    orders = williams_orders(len(conditions))
    return tuple(conditions[i] for i in orders[(participant - 1) % len(orders)])


def main_batch(condition: str, participant: int, n_batches: int) -> int:
    """Batch of natural images that the main trials of a condition take.

    None takes batch n of participant n, natural n + 1, synthetic n + 2, wrapping within
    1 .. n_batches - 1 as published (Borowski et al. 2021, released experiment I: 20 batches);
    batch 0 is for practice and catch trials.
    """
    shift = {"none": 0, "natural": 1, "synthetic": 2}[condition]
    return 1 + (participant - 1 + shift) % (n_batches - 1)


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
