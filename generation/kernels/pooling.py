"""Maxima of rectified maps and their gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from generation.kernels.compiled import compiled, store, wide

# In place of the place of a maximum where nothing is positive.
NOWHERE = 255
# Numbers kept for later are added to this place, so that sums with it stay above all places.
_NONE = 1 << 12


@compiled
def rectified_maxima(
    first: int, last: int, x: Any, out: Any, where: Any, kernel: int, stride: int, pad: Any
) -> None:
    """Write the maxima of windows, or zero where nothing in one is positive.

    Non-negative bfloat16 are ordered as the integers of their bits.

    Parameters
    ----------
    first, last : int
        Range of images.
    x : ndarray (N, H, W, C)
        float32, or bfloat16 as int16.
    out : ndarray (N, h, w, C)
        Of the same format.
    where : ndarray of uint8 (N, h, w, C)
        Gets the place in the window, row by row, or `NOWHERE`.
    kernel, stride : int
        Positions.
    pad : tuple of int
        Before the rows and the columns.
    """
    _, height, width, channels = x.shape
    _, down, across, _ = out.shape
    column, above = np.empty(width * channels, x.dtype), np.empty(width * channels, np.int16)
    best, place = np.empty(channels, x.dtype), np.empty(channels, np.int16)
    for n in range(first, last):
        for i in range(down):
            top = i * stride - pad[0]
            # A window may lie beyond the edge as a whole where sizes are rounded up.
            column[:] = 0
            above[:] = _NONE
            for y in range(max(top, 0), min(top + kernel, height)):
                _larger(column, above, x[n, y].reshape(-1), np.int16((y - top) * kernel))
            for j in range(across):
                left = j * stride - pad[1]
                best[:] = 0
                place[:] = _NONE
                for z in range(max(left, 0), min(left + kernel, width)):
                    _larger_beside(
                        best,
                        place,
                        column[z * channels : (z + 1) * channels],
                        above[z * channels : (z + 1) * channels],
                        np.int16(z - left),
                    )
                maxima, places = out[n, i, j], where[n, i, j]
                for c in range(channels):
                    maxima[c] = best[c]
                for c in range(channels):
                    places[c] = np.uint8(min(place[c], np.int16(NOWHERE)))


@compiled
def _larger(best: Any, place: Any, row: Any, here: Any) -> None:
    for c in range(len(row)):
        better = row[c] > best[c]
        best[c] = row[c] if better else best[c]
        place[c] = here if better else place[c]


@compiled
def _larger_beside(best: Any, place: Any, row: Any, above: Any, here: Any) -> None:
    for c in range(len(row)):
        better = row[c] > best[c]
        best[c] = row[c] if better else best[c]
        place[c] = above[c] + here if better else place[c]


@compiled
def rectified_maxima_backward(
    first: int, last: int, above: Any, where: Any, out: Any, kernel: int, stride: int, pad: Any
) -> None:
    """Write the gradient by the input (N, H, W, C) for that by the maxima, as their function."""
    if stride == 1:
        _gather(first, last, above, where, out, kernel, pad)
    else:
        _scatter(first, last, above, where, out, kernel, stride, pad)


@compiled
def _gather(first: int, last: int, above: Any, where: Any, out: Any, kernel: int, pad: Any) -> None:
    # Whole rows for each place in the window: without strides they lie side by side.
    _, height, width, channels = out.shape
    _, down, across, _ = above.shape
    sums = np.empty(width * channels, np.float32)
    for n in range(first, last):
        for y in range(height):
            sums[:] = 0
            for i in range(max(y + pad[0] - kernel + 1, 0), min(y + pad[0] + 1, down)):
                gradient, places = above[n, i].reshape(-1), where[n, i].reshape(-1)
                for b in range(kernel):
                    left, right = max(pad[1] - b, 0), min(width + pad[1] - b, across)
                    shift = (b - pad[1]) * channels
                    start, end = left * channels, right * channels
                    _add_where(
                        sums[start + shift : end + shift],
                        gradient[start:end],
                        places[start:end],
                        np.uint8((y + pad[0] - i) * kernel + b),
                    )
            store(sums, out[n, y].reshape(-1))


@compiled
def _add_where(sums: Any, gradient: Any, places: Any, here: Any) -> None:
    for c in range(len(sums)):
        sums[c] += wide(gradient[c]) if places[c] == here else np.float32(0)


@compiled
def _scatter(
    first: int, last: int, above: Any, where: Any, out: Any, kernel: int, stride: int, pad: Any
) -> None:
    _, height, width, channels = out.shape
    _, down, across, _ = above.shape
    # Rows of the input with their sides, of which as many are open at a time as a window has.
    wide_row = (max(width, (across - 1) * stride + kernel) + pad[1] + kernel) * channels
    # One more takes what belongs nowhere, which is faster than asking.
    open_rows = np.zeros((kernel + 1) * wide_row, np.float32)
    offsets = np.full(256, kernel * wide_row)
    for n in range(first, last):
        open_rows[:] = 0
        for i in range(down):
            for a in range(kernel):
                for b in range(kernel):
                    start = (i * stride + a) % kernel * wide_row
                    offsets[a * kernel + b] = start + b * channels
            for j in range(across):
                gradient, places = above[n, i, j], where[n, i, j]
                base = j * stride * channels
                for c in range(channels):
                    open_rows[base + c + offsets[places[c]]] += wide(gradient[c])
            # Rows are counted from the first of padding; those that no later window has are done.
            opened = i * stride
            closed = height + pad[0] if i == down - 1 else opened + stride
            for r in range(opened, closed):
                start = r % kernel * wide_row
                inside = pad[0] <= r < pad[0] + height
                if r < opened + kernel:
                    row = open_rows[start : start + wide_row]
                    if inside:
                        sums = row[pad[1] * channels : (pad[1] + width) * channels]
                        store(sums, out[n, r - pad[0]].reshape(-1))
                    row[:] = 0
                elif inside:
                    out[n, r - pad[0]] = 0
