"""The two transforms of Winograd's minimal filtering F(t x t, 3x3), on rows of tiles.

Their matrices come from points (p, -p, q, -q), infinity and, where tiles have a side of 4 instead
of 3, zero, and are zero where that makes them so; `generation.synthesis.winograd` has them and the
products between.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from generation.kernels.compiled import compiled, store, wide


@compiled
def transform_input(
    first: int, last: int, x: Any, mask: Any, masked: bool, top: int, into: Any, spectra: Any
) -> None:
    """Transform the windows of some rows of tiles.

    Parameters
    ----------
    first, last : int
        Range of rows of tiles; those of an image follow each other.
    x : ndarray (N, H, W, C)
        float32, or bfloat16 as int16; a border of zeros is thought around it.
    mask : ndarray (N, H, W, C)
        Where `masked`, x counts as zero where this is not positive.
    top : int
        Row of tiles, from the first image's first on, that `spectra` begins with.
    into : ndarray of float32 (w, w)
        The matrix; windows have a side of w = t + 2, which is 5 or 6.
    spectra : ndarray (w w, P, C)
        Of the format of x; gets the windows' spectra.
    """
    _, height, width, channels = x.shape
    window = into.shape[0]
    tile = window - 2
    down, across = -(-height // tile), -(-width // tile)
    span = (tile * across + 2) * channels
    given = np.zeros((window, span), np.float32)
    rows = np.empty((window, span), np.float32)
    result = np.empty((window, channels), np.float32)
    for r in range(first, last):
        n, y = (top + r) // down, (top + r) % down * tile - 1
        for a in range(window):
            line = given[a]
            if not 0 <= y + a < height:
                line[:] = 0
                continue
            inner = line[channels : (width + 1) * channels]
            _load(x[n, y + a].reshape(-1), mask[n, y + a].reshape(-1), masked, inner)
        _combine_window(given, into, rows)
        for t in range(across):
            p = r * across + t
            for i in range(window):
                line = rows[i, t * tile * channels : (t * tile + window) * channels]
                _combine_window(line.reshape(window, channels), into, result)
                for j in range(window):
                    store(result[j], spectra[window * i + j, p])


@compiled
def _combine_window(d: Any, m: Any, out: Any) -> None:
    if len(m) == 6:
        _combine_three(d[0], d[2], d[4], m[0, 0], m[0, 2], m[0, 4], out[0])
        for i in (1, 3):
            _combine_pair(d[1], d[2], d[3], d[4], m[i, 1:5], out[i], out[i + 1])
        _combine_three(d[1], d[3], d[5], m[5, 1], m[5, 3], m[5, 5], out[5])
    else:
        for i in (0, 2):
            _combine_pair(d[0], d[1], d[2], d[3], m[i, :4], out[i], out[i + 1])
        _combine_three(d[0], d[2], d[4], m[4, 0], m[4, 2], m[4, 4], out[4])


@compiled
def _load(line: Any, mask: Any, masked: bool, out: Any) -> None:
    if masked:
        for c in range(len(out)):
            out[c] = wide(line[c]) if mask[c] > 0 else np.float32(0)
    else:
        for c in range(len(out)):
            out[c] = wide(line[c])


@compiled
def _combine_three(a: Any, b: Any, c: Any, u: Any, v: Any, w: Any, out: Any) -> None:
    for k in range(len(out)):
        out[k] = u * a[k] + v * b[k] + w * c[k]


@compiled
def _combine_pair(a: Any, b: Any, c: Any, d: Any, m: Any, plus: Any, minus: Any) -> None:
    # The row of a point's opposite has every other sign turned.
    u, v, w, x = m[0], m[1], m[2], m[3]
    for k in range(len(plus)):
        one, other = u * a[k] + w * c[k], v * b[k] + x * d[k]
        plus[k] = other + one
        minus[k] = other - one


@compiled
def transform_output(
    first: int,
    last: int,
    products: Any,
    bias: Any,
    rectify: bool,
    top: int,
    out_matrix: Any,
    result: Any,
) -> None:
    """Write the results of some rows of tiles.

    Parameters
    ----------
    first, last, top : int
        As for `transform_input`.
    products : ndarray (w w, P, O)
        float32, or bfloat16 as int16.
    bias : ndarray of float32 (O,)
    rectify : bool
        Let a ReLU follow.
    out_matrix : ndarray of float32 (t, w)
        The matrix.
    result : ndarray (N, H, W, O)
        Of the format of `products`.
    """
    _, height, width, leaving = result.shape
    tile, window = out_matrix.shape
    down, across = -(-height // tile), -(-width // tile)
    half = np.empty((window, tile, across * leaving), np.float32)
    row = np.empty((tile, leaving), np.float32)
    for r in range(first, last):
        n, y = (top + r) // down, (top + r) % down * tile
        start, end = r * across, (r + 1) * across
        for j in range(window):
            d0 = products[j, start:end].reshape(-1)
            d1 = products[window + j, start:end].reshape(-1)
            d2 = products[2 * window + j, start:end].reshape(-1)
            d3 = products[3 * window + j, start:end].reshape(-1)
            d4 = products[4 * window + j, start:end].reshape(-1)
            d5 = products[(window - 1) * window + j, start:end].reshape(-1)
            _combine_all(d0, d1, d2, d3, d4, d5, out_matrix, half[j])
        for a in range(min(tile, height - y)):
            for t in range(across):
                start, end = t * leaving, (t + 1) * leaving
                _combine_all(
                    half[0, a, start:end],
                    half[1, a, start:end],
                    half[2, a, start:end],
                    half[3, a, start:end],
                    half[4, a, start:end],
                    half[window - 1, a, start:end],
                    out_matrix,
                    row,
                )
                for b in range(min(tile, width - tile * t)):
                    if rectify:
                        for c in range(leaving):
                            row[b, c] = max(row[b, c] + bias[c], np.float32(0))
                    else:
                        for c in range(leaving):
                            row[b, c] += bias[c]
                    store(row[b], result[n, y + a, tile * t + b])


@compiled
def _combine_all(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, m: Any, out: Any) -> None:
    if len(m) == 4:
        _outputs_of_six(a, b, c, d, e, f, m, out[0], out[1], out[2], out[3])
    else:
        _outputs_of_five(a, b, c, d, e, m, out[0], out[1], out[2])


@compiled
def _outputs_of_six(
    a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, m: Any, y0: Any, y1: Any, y2: Any, y3: Any
) -> None:
    p1, q1, p2, q2, p3, q3 = m[1, 1], m[1, 3], m[2, 1], m[2, 3], m[3, 1], m[3, 3]
    for k in range(len(y0)):
        one, other = wide(b[k]), wide(c[k])
        s, t = one + other, one - other
        one, other = wide(d[k]), wide(e[k])
        u, v = one + other, one - other
        y0[k] = wide(a[k]) + (s + u)
        y1[k] = p1 * t + q1 * v
        y2[k] = p2 * s + q2 * u
        y3[k] = p3 * t + q3 * v + wide(f[k])


@compiled
def _outputs_of_five(
    a: Any, b: Any, c: Any, d: Any, e: Any, m: Any, y0: Any, y1: Any, y2: Any
) -> None:
    p1, q1, p2, q2 = m[1, 0], m[1, 2], m[2, 0], m[2, 2]
    for k in range(len(y0)):
        one, other = wide(a[k]), wide(b[k])
        s, t = one + other, one - other
        one, other = wide(c[k]), wide(d[k])
        u, v = one + other, one - other
        y0[k] = s + u
        y1[k] = p1 * t + q1 * v
        y2[k] = p2 * s + q2 * u + wide(e[k])
