"""Decoding photographs as published: bilinear resize of the shorter side, centre crop."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, UnidentifiedImageError

from generation.natural.resampling import resized_part

# What Pillow raises for files that are no image, damaged, or suspiciously large.
UNDECODABLE = (
    OSError,
    ValueError,
    SyntaxError,
    TypeError,
    KeyError,
    IndexError,
    OverflowError,
    struct.error,
    zlib.error,
    NotImplementedError,
    Image.DecompressionBombError,
)

# How reasons begin that leave a picture out because of its size, not because it is damaged.
TOO_SMALL = "too small"
# A picture that is many times longer than wide would be resized to gigabytes for its centre.
LONGEST = 20
_WHITE = (255, 255, 255, 255)


@dataclass(frozen=True)
class Decoding:
    """How photographs become pixels.

    Attributes
    ----------
    resize : int
        Shorter side in pixels after the bilinear resize.
    size : int
        Side of the centre crop.
    decoder : str
        "pillow", or "draft": see `generation.natural.settings.Natural`.
    upright : bool
        Whether to carry out the rotation that a camera noted.
    shortest_side : int
        Pictures whose shorter side has fewer pixels are refused.
    """

    resize: int
    size: int
    decoder: str = "pillow"
    upright: bool = True
    shortest_side: int = 1


def decode(source: Path | bytes, how: Decoding) -> npt.NDArray[np.uint8]:
    """Decode an image.

    Anything that Pillow reads becomes 8-bit RGB: the first picture of an animation, grey of 16
    bits by its upper 8, CMYK by Pillow's plain conversion, transparency over white.

    Parameters
    ----------
    source : Path or bytes
        The file, or what is in it.
    how : Decoding

    Returns
    -------
    ndarray of uint8, shape (size, size, 3)

    Raises
    ------
    One of `UNDECODABLE`
        If it is no image, damaged, or of a kind whose white is not known.
    """
    with Image.open(io.BytesIO(source) if isinstance(source, bytes) else source) as file:
        _check_shape(file.size, how)
        if how.decoder == "draft":
            # Twice the side that is needed leaves the resampling enough to average over.
            file.draft("RGB", (2 * how.resize, 2 * how.resize))
        file.load()
        turn = _turn(file) if how.upright else None
        image = to_rgb(file)
    if turn is not None:
        image = image.transpose(turn)
    width, height = image.size
    shorter = min(width, height)
    target = (int(how.resize * width / shorter), int(how.resize * height / shorter))
    left, top = (round((length - how.size) / 2) for length in target)
    return resized_part(np.asarray(image), *target, left, top, how.size)


def to_rgb(image: Image.Image) -> Image.Image:
    """Turn a picture of any mode into 8-bit RGB."""
    if image.mode.startswith("I"):
        return _from_deep_grey(image)
    if image.mode == "F":
        raise ValueError("floating-point pixels: nobody can tell which value is white")
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        picture = image.convert("RGBA")
        # Under full transparency lies whatever a program left there; paper is white.
        return Image.alpha_composite(Image.new("RGBA", picture.size, _WHITE), picture).convert(
            "RGB"
        )
    return image.convert("RGB")


def _from_deep_grey(image: Image.Image) -> Image.Image:
    values = np.asarray(image)
    if values.min() < 0 or values.max() > 0xFFFF:
        raise ValueError("32-bit pixels: nobody can tell which value is white")
    return Image.fromarray((values >> 8).astype(np.uint8)).convert("RGB")


def _turn(image: Image.Image) -> Image.Transpose | None:
    """Find what brings a picture upright that a camera stored turned or mirrored."""
    try:
        return _TURNS.get(image.getexif().get(_ORIENTATION, 1))
    except UNDECODABLE:
        # Damaged notes about a sound picture.
        return None


_ORIENTATION = 0x0112
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def shorter_side(data: bytes) -> int:
    """Give the pixels of the shorter side of a picture that can be decoded."""
    with Image.open(io.BytesIO(data)) as file:
        width, height = file.size
        return int(min(width, height))


def reason_of(error: Exception) -> str:
    """Say for people why a picture cannot be decoded: one of `UNDECODABLE`."""
    if isinstance(error, UnidentifiedImageError):
        # Pillow's own words show the address of a buffer.
        return "no image of a known kind"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


def _check_shape(size: tuple[int, int], how: Decoding) -> None:
    if min(size) < how.shortest_side:
        raise ValueError(f"{TOO_SMALL}: {size[0]} x {size[1]} pixels")
    if max(size) > LONGEST * max(min(size), 1):
        raise ValueError(f"{size[0]} x {size[1]} pixels are a stripe, no picture")
