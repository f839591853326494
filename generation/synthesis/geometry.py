"""Where the pixels of a resized or rotated picture come from."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt


def scaled_size(size: int, scale: float) -> int:
    """Side after the resize: the product in 32-bit floats, cut to an integer (240 -> 228, 246)."""
    return int(np.float32(scale) * np.float32(size))


@functools.lru_cache(maxsize=64)
def resize_taps(size: int, new_size: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Bilinear interpolation without half-pixel centres along one axis.

    Returns
    -------
    index : ndarray of int64, shape (2, new_size)
        The pixels before and after position ``i * size / new_size`` for every i; at the end the
        last one is both.
    weight : ndarray of float32, shape (2, new_size)
        Theirs; they add up to 1.
    """
    position = np.arange(new_size, dtype=np.float64) * (size / new_size)
    lower = np.minimum(np.floor(position).astype(np.int64), size - 1)
    weight = position - lower
    index = np.stack([lower, np.minimum(lower + 1, size - 1)])
    return index, np.stack([1 - weight, weight]).astype(np.float32)


@functools.lru_cache(maxsize=64)
def resize_matrix(size: int, new_size: int) -> npt.NDArray[np.float32]:
    """Write `resize_taps` as a matrix: float32 (new_size, size)."""
    index, weight = resize_taps(size, new_size)
    matrix = np.zeros((new_size, size), dtype=np.float32)
    np.add.at(matrix, (np.arange(new_size), index), weight)
    return matrix


@functools.lru_cache(maxsize=256)
def rotation_index(size: int, degrees: float) -> npt.NDArray[np.int64]:
    """Where each pixel of a rotated square picture comes from, by nearest neighbour.

    Returns
    -------
    ndarray of int64, shape (size * size,)
        Flat source index of every target pixel; ``size * size`` where the source lies outside
        (filled with zero).
    """
    angle = np.deg2rad(degrees)
    cosine, sine = np.cos(angle), np.sin(angle)
    centre = (size - 1) / 2
    y, x = np.mgrid[0:size, 0:size] - centre
    source_x = _round_half_away(cosine * x - sine * y + centre)
    source_y = _round_half_away(sine * x + cosine * y + centre)
    inside = (source_x >= 0) & (source_x < size) & (source_y >= 0) & (source_y < size)
    return np.where(inside, source_y * size + source_x, size * size).ravel()


def _round_half_away(values: npt.NDArray[np.float64]) -> npt.NDArray[np.int64]:
    # Rounded to 1e-6 first: cosines of exact cases must not decide ties by their last bit.
    near = np.round(values, 6)
    return (np.sign(near) * np.floor(np.abs(near) + 0.5)).astype(np.int64)


@functools.lru_cache(maxsize=256)
def rotation_uses(size: int, degrees: float) -> list[npt.NDArray[np.int64]]:
    """Which target pixels each source pixel went to: the transpose of `rotation_index`.

    Returns
    -------
    list of ndarray of int64, shape (2, M)
        Flat (source, target) pairs; within each entry of the list a source stands once, so that
        adding at the sources is an assignment and its order does not matter.
    """
    index = rotation_index(size, degrees)
    targets = np.flatnonzero(index < size * size)
    order = np.argsort(index[targets], kind="stable")
    targets, sources = targets[order], index[targets][order]
    rank = np.arange(len(sources)) - np.searchsorted(sources, sources, side="left")
    return [np.stack([sources[rank == r], targets[rank == r]]) for r in range(rank.max() + 1)]


def matrix_taps(
    matrix: npt.NDArray[np.float32],
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
    """Write a matrix with few entries a row as gathers.

    Returns
    -------
    index : ndarray of int64, shape (T, rows)
    weight : ndarray of float32, shape (T, rows)
        ``matrix @ x`` is the sum over t of ``weight[t] * x[index[t]]``; unused taps weigh 0.
    """
    count = np.maximum((matrix != 0).sum(axis=1).max(), 1)
    index = np.argsort(matrix == 0, axis=1, kind="stable")[:, :count]
    weight = np.take_along_axis(matrix, index, axis=1)
    return index.T.copy(), weight.T.copy()
