"""Sizes of windows, as people write them."""

from __future__ import annotations

from house.errors import UserError


def window_size(text: str) -> tuple[int, int]:
    """Read a size such as 1280x800.

    Raises
    ------
    UserError
        For anything else.
    """
    width, mark, height = text.lower().partition("x")
    if not mark or not width.isdigit() or not height.isdigit() or not int(width) * int(height):
        raise UserError(
            f'"{text}" is no size',
            where="--size",
            remedy="Give width and height in pixels, such as 1280x800.",
        )
    return int(width), int(height)
