"""The part that is kept of Pillow's bilinear resize: the same pixels in a third of the time."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from generation.kernels.resizing import DIGITS, resample_columns, resample_rows

_Weights = tuple[npt.NDArray[np.int64], npt.NDArray[np.int32]]


@functools.lru_cache(maxsize=256)
def bilinear_weights(size: int, new_size: int) -> _Weights:
    """Give what each new pixel along an axis is made of, as Pillow has it.

    A triangle as wide as two old pixels, or as two new ones where these are larger; weights are
    rounded to whole numbers of 2^-22.

    Returns
    -------
    first : ndarray of int64, shape (new_size,)
        The first old pixel.
    weights : ndarray of int32, shape (new_size, T)
        Of it and those after it.
    """
    scale = size / new_size
    stretch = max(scale, 1.0)
    centre = (np.arange(new_size) + 0.5) * scale
    first = np.maximum((centre - stretch + 0.5).astype(np.int64), 0)
    last = np.minimum((centre + stretch + 0.5).astype(np.int64), size)
    place = first[:, None] + np.arange((last - first).max())
    weights = np.maximum(1 - np.abs((place - centre[:, None] + 0.5) * (1 / stretch)), 0.0)
    weights[place >= last[:, None]] = 0
    # One after the other, as Pillow adds them up: numpy would in another order.
    total = np.zeros(new_size)
    for column in weights.T:
        total = total + column
    weights /= total[:, None]
    return first, (weights * (1 << DIGITS) + 0.5).astype(np.int32)


def resized_part(
    image: npt.NDArray[np.uint8], width: int, height: int, left: int, top: int, size: int
) -> npt.NDArray[np.uint8]:
    """Resize a picture and cut a square out of it.

    Parameters
    ----------
    image : ndarray of uint8, shape (H, W, 3)
    width, height : int
        Of the whole picture after the resize.
    left, top : int
        Of the square.
    size : int
        Its side. What of it lies beyond the picture is black.

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)
    """
    x0, x1 = max(left, 0), min(left + size, width)
    y0, y1 = max(top, 0), min(top + size, height)
    part = np.ascontiguousarray(image)
    # Columns first, as Pillow does: what lies between is rounded to whole numbers.
    first, weights = (array[y0:y1] for array in bilinear_weights(part.shape[0], height))
    if height == part.shape[0]:
        begin, end = y0, y1
    else:
        begin = int(first[0])
        end = min(int(first[-1]) + weights.shape[1], part.shape[0])
    part = _columns(part, begin, end, width, x0, x1)
    if height != image.shape[0]:
        rows = np.empty((y1 - y0, x1 - x0, 3), dtype=np.uint8)
        resample_rows(part, first - begin, weights, rows)
        part = rows
    if part.shape == (size, size, 3):
        return part
    whole = np.zeros((size, size, 3), dtype=np.uint8)
    whole[y0 - top : y1 - top, x0 - left : x1 - left] = part
    return whole


def _columns(
    image: npt.NDArray[np.uint8], begin: int, end: int, width: int, x0: int, x1: int
) -> npt.NDArray[np.uint8]:
    """Give some rows with some of the new columns."""
    if width == image.shape[1]:
        return np.ascontiguousarray(image[begin:end, x0:x1])
    first, weights = (array[x0:x1] for array in bilinear_weights(image.shape[1], width))
    out = np.empty((end - begin, x1 - x0, 3), dtype=np.uint8)
    resample_columns(image, begin, first, weights, out)
    return out
