"""Crop, resize, rotation and crop of a group's images in one go, and their transpose.

All images are moved alike, so their numbers lie side by side while they are: whole stretches of
memory are then moved instead of single numbers.
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
    images : ndarray of float32 (N, 3, H, W)
    out : ndarray of float32 (N, h, w, 3)
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
    count = last - first
    lanes = -(-3 * count // LANES) * LANES
    side, square = taps.shape[1], taps[1, -1] + 1
    height, width = out.shape[1:3]
    picture = np.empty(square * square * lanes, np.float32)
    for y in range(square):
        pixels = picture[y * square * lanes : (y + 1) * square * lanes]
        if 3 * count < lanes:
            pixels[:] = 0
        for n in range(count):
            _mix(images[first + n], before[0] + y, before[1], square, pixels[3 * n :], lanes)
    line = np.empty(width * lanes, np.float32)
    for y in range(height):
        line[:] = 0
        begin = (after[0] + y) * side + after[1]
        _carry(line, picture, turn[begin : begin + width], taps, weights, lanes, False)
        for n in range(count):
            _copy(line[3 * n :], lanes, out[first + n, y].reshape(-1), 3, width)


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
    """Write the gradient by the images (N, 3, H, W) for that by the moved ones (N, h, w, 3)."""
    count = last - first
    lanes = -(-3 * count // LANES) * LANES
    side, square = taps.shape[1], taps[1, -1] + 1
    height, width = gradient.shape[1:3]
    picture = np.zeros(square * square * lanes, np.float32)
    line = np.zeros(width * lanes, np.float32)
    for y in range(height):
        for n in range(count):
            _copy(gradient[first + n, y].reshape(-1), 3, line[3 * n :], lanes, width)
        begin = (after[0] + y) * side + after[1]
        _carry(line, picture, turn[begin : begin + width], taps, weights, lanes, True)
    out[first:last, :, : before[0]] = 0
    out[first:last, :, before[0] + square :] = 0
    for y in range(square):
        pixels = picture[y * square * lanes : (y + 1) * square * lanes]
        for n in range(count):
            _part(pixels[3 * n :], lanes, out[first + n], before[0] + y, before[1], square)


@compiled
def _carry(
    line: Any, picture: Any, sources: Any, taps: Any, weights: Any, lanes: int, back: bool
) -> None:
    # A row of moved pixels, from the four that each is made of, or back to them.
    side, square = taps.shape[1], taps[1, -1] + 1
    for x in range(len(sources)):
        if sources[x] == side * side:
            continue
        i, j = sources[x] // side, sources[x] % side
        for a in range(2):
            for b in range(2):
                start = (taps[a, i] * square + taps[b, j]) * lanes
                weight = weights[a, i] * weights[b, j]
                for lane in range(0, lanes, LANES):
                    here, there = x * lanes + lane, start + lane
                    if back:
                        add_lanes(picture, there, line, here, weight)
                    else:
                        add_lanes(line, here, picture, there, weight)


@compiled
def _mix(image: Any, y: int, left: int, width: int, pixels: Any, lanes: int) -> None:
    reds, greens, blues = (
        image[0, y, left : left + width],
        image[1, y, left : left + width],
        image[2, y, left : left + width],
    )
    for x in range(width):
        pixels[x * lanes] = reds[x]
        pixels[x * lanes + 1] = greens[x]
        pixels[x * lanes + 2] = blues[x]


@compiled
def _part(pixels: Any, lanes: int, image: Any, y: int, left: int, width: int) -> None:
    for colour in range(3):
        image[colour, y, :left] = 0
        image[colour, y, left + width :] = 0
    reds, greens, blues = (
        image[0, y, left : left + width],
        image[1, y, left : left + width],
        image[2, y, left : left + width],
    )
    for x in range(width):
        reds[x] = pixels[x * lanes]
        greens[x] = pixels[x * lanes + 1]
        blues[x] = pixels[x * lanes + 2]


@compiled
def _copy(pixels: Any, step: int, out: Any, stride: int, width: int) -> None:
    for x in range(width):
        out[x * stride] = pixels[x * step]
        out[x * stride + 1] = pixels[x * step + 1]
        out[x * stride + 2] = pixels[x * step + 2]
