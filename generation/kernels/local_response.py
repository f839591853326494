"""Local response normalisation, a position's channels at a time."""

from __future__ import annotations

from typing import Any

import numpy as np

from generation.kernels.compiled import compiled, store, wide


@compiled
def normalise(first: int, last: int, x: Any, out: Any, root: Any, alpha: Any, bias: Any) -> None:
    """Write ``x (bias + alpha S)^-1/2``, S the sum of squares over five neighbours either side.

    Parameters
    ----------
    first, last : int
        Range of positions.
    x, out : ndarray (P, C)
        float32, or bfloat16 as int16.
    root : ndarray of float32 (P, C)
        Gets ``(bias + alpha S)^-1/2``.
    alpha, bias : float32
    """
    channels = x.shape[1]
    squares = np.zeros(channels + 10, np.float32)
    row = np.empty(channels, np.float32)
    for p in range(first, last):
        given, inverse = x[p], root[p]
        for c in range(channels):
            number = wide(given[c])
            squares[c + 5] = number * number
        for c in range(channels):
            total = _window(squares, c)
            inverse[c] = np.float32(1) / np.sqrt(bias + alpha * total)
        for c in range(channels):
            row[c] = wide(given[c]) * inverse[c]
        store(row, out[p])


@compiled
def normalise_backward(
    first: int, last: int, x: Any, above: Any, root: Any, out: Any, alpha: Any
) -> None:
    """Write the gradient by ``x`` for the gradient ``above`` by the result, as `normalise`."""
    channels = x.shape[1]
    weighted = np.zeros(channels + 10, np.float32)
    row = np.empty(channels, np.float32)
    outer = np.empty(channels, np.float32)
    for p in range(first, last):
        given, inverse, gradient = x[p], root[p], above[p]
        for c in range(channels):
            part = wide(gradient[c]) * inverse[c]
            outer[c] = part
            weighted[c + 5] = part * wide(given[c]) * inverse[c] * inverse[c]
        for c in range(channels):
            row[c] = outer[c] - alpha * _window(weighted, c) * wide(given[c])
        store(row, out[p])


@compiled
def _window(padded: Any, c: int) -> Any:
    low = (padded[c] + padded[c + 1]) + (padded[c + 2] + padded[c + 3])
    high = (padded[c + 6] + padded[c + 7]) + (padded[c + 8] + padded[c + 9])
    return low + (padded[c + 4] + padded[c + 5]) + high + padded[c + 10]
