"""The two transforms of Winograd's minimal filtering F(4x4, 3x3), on rows of tiles.

Their matrices come from five points (0, p, -p, q, -q) and infinity; `generation.synthesis.winograd`
has them and the products between.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from generation.kernels.compiled import compiled, store, wide


@compiled
def transform_input(
    first: int, last: int, x: Any, mask: Any, masked: bool, top: int, into: Any, spectra: Any
) -> None:
    """Transform the 6 x 6 windows of some rows of tiles.

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
    into : ndarray of float32 (6, 6)
        The matrix.
    spectra : ndarray (36, P, C)
        Of the format of x; gets the windows' spectra.
    """
    _, height, width, channels = x.shape
    down, across = -(-height // 4), -(-width // 4)
    span = (4 * across + 2) * channels
    given = np.zeros((6, span), np.float32)
    rows = np.empty((6, span), np.float32)
    result = np.empty(channels, np.float32)
    for r in range(first, last):
        n, y = (top + r) // down, (top + r) % down * 4 - 1
        for a in range(6):
            line = given[a]
            if not 0 <= y + a < height:
                line[:] = 0
                continue
            inner = line[channels : (width + 1) * channels]
            _load(x[n, y + a].reshape(-1), mask[n, y + a].reshape(-1), masked, inner)
        _combine_input(given[0], given[2], given[4], into[0, 0], into[0, 2], into[0, 4], rows[0])
        for i in range(1, 5):
            m = into[i]
            _combine_four(given[1], given[2], given[3], given[4], m[1], m[2], m[3], m[4], rows[i])
        _combine_input(given[1], given[3], given[5], into[5, 1], into[5, 3], into[5, 5], rows[5])
        for tile in range(across):
            p = r * across + tile
            for i in range(6):
                line = rows[i, tile * 4 * channels : (tile * 4 + 6) * channels]
                d0, d1 = line[:channels], line[channels : 2 * channels]
                d2, d3 = line[2 * channels : 3 * channels], line[3 * channels : 4 * channels]
                d4, d5 = line[4 * channels : 5 * channels], line[5 * channels :]
                _combine_input(d0, d2, d4, into[0, 0], into[0, 2], into[0, 4], result)
                store(result, spectra[6 * i, p])
                for j in range(1, 5):
                    m = into[j]
                    _combine_four(d1, d2, d3, d4, m[1], m[2], m[3], m[4], result)
                    store(result, spectra[6 * i + j, p])
                _combine_input(d1, d3, d5, into[5, 1], into[5, 3], into[5, 5], result)
                store(result, spectra[6 * i + 5, p])


@compiled
def _load(line: Any, mask: Any, masked: bool, out: Any) -> None:
    if masked:
        for c in range(len(out)):
            out[c] = wide(line[c]) if mask[c] > 0 else np.float32(0)
    else:
        for c in range(len(out)):
            out[c] = wide(line[c])


@compiled
def _combine_input(a: Any, b: Any, c: Any, u: Any, v: Any, w: Any, out: Any) -> None:
    for k in range(len(out)):
        out[k] = u * a[k] + v * b[k] + w * c[k]


@compiled
def _combine_four(a: Any, b: Any, c: Any, d: Any, u: Any, v: Any, w: Any, x: Any, out: Any) -> None:
    for k in range(len(out)):
        out[k] = (u * a[k] + v * b[k]) + (w * c[k] + x * d[k])


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
    """Write the 4 x 4 results of some rows of tiles.

    Parameters
    ----------
    first, last, top : int
        As for `transform_input`.
    products : ndarray (36, P, O)
        float32, or bfloat16 as int16.
    bias : ndarray of float32 (O,)
    rectify : bool
        Let a ReLU follow.
    out_matrix : ndarray of float32 (4, 6)
        The matrix.
    result : ndarray (N, H, W, O)
        Of the format of `products`.
    """
    _, height, width, leaving = result.shape
    down, across = -(-height // 4), -(-width // 4)
    half = np.empty((4, 6, across * leaving), np.float32)
    row = np.empty(leaving, np.float32)
    for r in range(first, last):
        n, y = (top + r) // down, (top + r) % down * 4
        for j in range(6):
            for a in range(4):
                _combine_six(
                    products[j, r * across : (r + 1) * across].reshape(-1),
                    products[6 + j, r * across : (r + 1) * across].reshape(-1),
                    products[12 + j, r * across : (r + 1) * across].reshape(-1),
                    products[18 + j, r * across : (r + 1) * across].reshape(-1),
                    products[24 + j, r * across : (r + 1) * across].reshape(-1),
                    products[30 + j, r * across : (r + 1) * across].reshape(-1),
                    out_matrix[a],
                    half[a, j],
                )
        for a in range(min(4, height - y)):
            for tile in range(across):
                start, end = tile * leaving, (tile + 1) * leaving
                for b in range(min(4, width - 4 * tile)):
                    _combine_six(
                        half[a, 0, start:end],
                        half[a, 1, start:end],
                        half[a, 2, start:end],
                        half[a, 3, start:end],
                        half[a, 4, start:end],
                        half[a, 5, start:end],
                        out_matrix[b],
                        row,
                    )
                    if rectify:
                        for c in range(leaving):
                            row[c] = max(row[c] + bias[c], np.float32(0))
                    else:
                        for c in range(leaving):
                            row[c] += bias[c]
                    store(row, result[n, y + a, 4 * tile + b])


@compiled
def _combine_six(a: Any, b: Any, c: Any, d: Any, e: Any, f: Any, m: Any, out: Any) -> None:
    u, v, w, x, y, z = m[0], m[1], m[2], m[3], m[4], m[5]
    for k in range(len(out)):
        out[k] = (
            (u * wide(a[k]) + v * wide(b[k]))
            + (w * wide(c[k]) + x * wide(d[k]))
            + (y * wide(e[k]) + z * wide(f[k]))
        )
