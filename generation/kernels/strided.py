"""The gradient of a strided convolution by its input: products with its kernel, added in place."""

from __future__ import annotations

from typing import Any

import numpy as np

from generation.kernels.compiled import LANES, add_lanes, compiled


@compiled
def add_windows(first: int, last: int, products: Any, out: Any, stride: int, pad: Any) -> None:
    """Add to rows of one image what its windows give to them.

    Parameters
    ----------
    first, last : int
        Range of the rows.
    products : ndarray (h, w, kernel, columns)
        float32, or bfloat16 as int16: for each window its rows, pixel by pixel, and zeros until
        there are whole `LANES`.
    out : ndarray of float32 (H, W, C)
        Added to.
    stride : int
        Pixels.
    pad : tuple of int
        Rows and columns of pixels of the first window that lie before `out`.
    """
    down, across, kernel, columns = products.shape
    _, width, channels = out.shape
    step = stride * channels
    # Windows that do not overlap are added one after the other: a processor waits where it reads
    # in parts what it has just written.
    apart = -(-columns // step)
    begin = pad[1] * channels
    flat = products.reshape(-1)
    one = np.float32(1)
    line = np.empty(max((across - 1) * step + columns, begin + width * channels), np.float32)
    for y in range(first, last):
        row = out[y].reshape(-1)
        line[:] = 0
        line[begin : begin + width * channels] = row
        for k in range((y + pad[0]) % stride, kernel, stride):
            i = (y + pad[0] - k) // stride
            if 0 <= i < down:
                for phase in range(apart):
                    for j in range(phase, across, apart):
                        start = ((i * across + j) * kernel + k) * columns
                        for c in range(0, columns, LANES):
                            add_lanes(line, j * step + c, flat, start + c, one)
        row[:] = line[begin : begin + width * channels]
