"""Resampling of 8-bit pictures in whole numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from generation.kernels.compiled import compiled

# Binary digits of a weight behind the point.
DIGITS = 22


@compiled
def resample_columns(image: Any, top: int, first: Any, weights: Any, out: Any) -> None:
    """Write some rows of a picture with other columns.

    Parameters
    ----------
    image : ndarray of uint8 (H, W, 3)
    top : int
        Row that `out` begins with.
    first : ndarray of int64 (w,)
        The first column that each new one is made of.
    weights : ndarray of int32 (w, T)
        What each of T columns from there on counts, in 2^-`DIGITS`; more than there are count 0.
    out : ndarray of uint8 (h, w, 3)
    """
    rows, columns, _ = out.shape
    width = image.shape[1]
    half = np.int32(1 << (DIGITS - 1))
    # Indices without a sign need not be looked at for being negative.
    one, two, three = np.uintp(1), np.uintp(2), np.uintp(3)
    counts = np.empty(columns, np.uintp)
    for x in range(columns):
        counts[x] = min(weights.shape[1], width - first[x])
    for y in range(rows):
        row, target = image[top + y].reshape(-1), out[y].reshape(-1)
        for x in range(columns):
            red, green, blue = half, half, half
            start = np.uintp(3 * first[x])
            for t in range(counts[x]):
                weight, place = weights[x, t], start + three * t
                red += weight * np.int32(row[place])
                green += weight * np.int32(row[place + one])
                blue += weight * np.int32(row[place + two])
            target[3 * x] = _byte(red)
            target[3 * x + 1] = _byte(green)
            target[3 * x + 2] = _byte(blue)


@compiled
def resample_rows(image: Any, first: Any, weights: Any, out: Any) -> None:
    """Write a picture (h, w, 3) with other rows than `image` (H, w, 3), as `resample_columns`."""
    height = image.shape[0]
    taps = weights.shape[1]
    sums = np.empty(3 * image.shape[1], np.int32)
    for y in range(out.shape[0]):
        sums[:] = 1 << (DIGITS - 1)
        for t in range(min(taps, height - first[y])):
            _add_weighted(sums, image[first[y] + t].reshape(-1), weights[y, t])
        target = out[y].reshape(-1)
        for x in range(len(sums)):
            target[x] = _byte(sums[x])


@compiled
def _add_weighted(sums: Any, row: Any, weight: Any) -> None:
    for x in range(len(sums)):
        sums[x] += weight * np.int32(row[x])


@compiled
def _byte(total: Any) -> Any:
    return np.uint8(min(max(total >> DIGITS, 0), 255))
