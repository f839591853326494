"""Transforms one pixel at a time, in 64-bit numpy."""

from __future__ import annotations

import math

import numpy as np


def resize_twin(image: np.ndarray, new_size: int) -> np.ndarray:
    """Bilinear without half-pixel centres, one pixel at a time."""
    size = image.shape[0]
    out = np.zeros((new_size, new_size))
    for i in range(new_size):
        for j in range(new_size):
            y, x = i * size / new_size, j * size / new_size
            y0, x0 = math.floor(y), math.floor(x)
            y1, x1 = min(y0 + 1, size - 1), min(x0 + 1, size - 1)
            fy, fx = y - y0, x - x0
            top = image[y0, x0] * (1 - fx) + image[y0, x1] * fx
            bottom = image[y1, x0] * (1 - fx) + image[y1, x1] * fx
            out[i, j] = top * (1 - fy) + bottom * fy
    return out


def rotate_twin(image: np.ndarray, degrees: float) -> np.ndarray:
    """Nearest neighbour about the middle, zero outside, one pixel at a time."""
    size = image.shape[0]
    middle = (size - 1) / 2
    a = math.radians(degrees)
    out = np.zeros_like(image)
    for i in range(size):
        for j in range(size):
            x = math.cos(a) * (j - middle) - math.sin(a) * (i - middle) + middle
            y = math.sin(a) * (j - middle) + math.cos(a) * (i - middle) + middle
            xi, yi = math.floor(x + 0.5), math.floor(y + 0.5)
            if 0 <= xi < size and 0 <= yi < size:
                out[i, j] = image[yi, xi]
    return out
