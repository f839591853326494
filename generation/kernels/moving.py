"""Crop, resize, rotation and crop of a group's images in one go, and their transpose.

All images are moved alike, so their numbers lie side by side while they are: whole rows of memory
are then moved instead of single numbers.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from generation.kernels.compiled import LANES, add_lanes, compiled


@compiled
def move(
    first: int,
    last: int,
    images: Any,
    out: Any,
    before: Any,
    taps: Any,
    weights: Any,
    turn: Any,
    after: Any,
) -> None:
    """Write moved images.

    Parameters
    ----------
    first, last : int
        Range of images.
    images : ndarray of float32 (N, C, H, W)
    out : ndarray of float32 (N, h, w, C)
    before : tuple of int
        First row and column of the square that is resized.
    taps : ndarray of int64 (2, side)
        Along either axis, the two pixels of that square between which each one after the resize
        lies.
    weights : ndarray of float32 (2, side)
        Theirs.
    turn : ndarray of int64 (side * side,)
        Where each pixel after the rotation comes from; ``side * side`` for nowhere, which is 0.
    after : tuple of int
        First row and column that is kept.
    """
    colours = images.shape[1]
    count = (last - first) * colours
    lanes = -(-count // LANES) * LANES
    square = taps[1, -1] + 1
    picture = np.empty(square * square * lanes, np.float32)
    for y in range(square):
        line = picture[y * square * lanes : (y + 1) * square * lanes]
        if count < lanes:
            line[:] = 0
        for p in range(count):
            row = images[first + p // colours, p % colours, before[0] + y]
            _spread_out(row[before[1] : before[1] + square], line[p:], lanes)
    side = taps.shape[1]
    _, height, width, _ = out.shape
    line = np.empty(width * lanes, np.float32)
    for y in range(height):
        line[:] = 0
        for x in range(width):
            source = turn[(after[0] + y) * side + after[1] + x]
            if source < side * side:
                i, j = source // side, source % side
                for a in range(2):
                    for b in range(2):
                        start = (taps[a, i] * square + taps[b, j]) * lanes
                        weight = weights[a, i] * weights[b, j]
                        for lane in range(0, lanes, LANES):
                            add_lanes(line, x * lanes + lane, picture, start + lane, weight)
        for p in range(count):
            row = out[first + p // colours, y].reshape(-1)
            _bring_over(line[p:], lanes, row[p % colours :], colours, width)


@compiled
def move_back(
    first: int,
    last: int,
    gradient: Any,
    out: Any,
    before: Any,
    taps: Any,
    weights: Any,
    turn: Any,
    after: Any,
) -> None:
    """Write the gradient by the images (N, C, H, W) for that by the moved ones (N, h, w, C)."""
    colours = out.shape[1]
    count = (last - first) * colours
    lanes = -(-count // LANES) * LANES
    square = taps[1, -1] + 1
    picture = np.zeros(square * square * lanes, np.float32)
    side = taps.shape[1]
    _, height, width, _ = gradient.shape
    line = np.zeros(width * lanes, np.float32)
    for y in range(height):
        for p in range(count):
            row = gradient[first + p // colours, y].reshape(-1)
            _bring_over(row[p % colours :], colours, line[p:], lanes, width)
        for x in range(width):
            source = turn[(after[0] + y) * side + after[1] + x]
            if source < side * side:
                i, j = source // side, source % side
                for a in range(2):
                    for b in range(2):
                        start = (taps[a, i] * square + taps[b, j]) * lanes
                        weight = weights[a, i] * weights[b, j]
                        for lane in range(0, lanes, LANES):
                            add_lanes(picture, start + lane, line, x * lanes + lane, weight)
    for p in range(count):
        plane = out[first + p // colours, p % colours]
        plane[: before[0]] = 0
        plane[before[0] + square :] = 0
        for y in range(square):
            row = plane[before[0] + y]
            row[: before[1]] = 0
            row[before[1] + square :] = 0
            inner = row[before[1] : before[1] + square]
            _gather_in(picture[y * square * lanes + p :], lanes, inner)


@compiled
def _spread_out(row: Any, line: Any, step: int) -> None:
    for x in range(len(row)):
        line[x * step] = row[x]


@compiled
def _gather_in(line: Any, step: int, row: Any) -> None:
    for x in range(len(row)):
        row[x] = line[x * step]


@compiled
def _bring_over(source: Any, step: int, target: Any, stride: int, count: int) -> None:
    for x in range(count):
        target[x * stride] = source[x * step]
