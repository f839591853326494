"""Protocol buffers' wire format: the fields of a message, in order, without a schema.

Source: the "Encoding" chapter of the Protocol Buffers documentation.
"""

from __future__ import annotations

from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
_WIDTHS = {FIXED64: 8, FIXED32: 4}
_LONGEST_VARINT = 10


class WireError(ValueError):
    """The bytes are no message."""


def read_varint(data: memoryview, at: int) -> tuple[int, int]:
    """Read an unsigned integer of seven bits a byte, least significant first.

    Returns
    -------
    value, next : int
        The number, and where the following bytes start.
    """
    value = 0
    for i, byte in enumerate(data[at : at + _LONGEST_VARINT]):
        value |= (byte & 0x7F) << (7 * i)
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at + i + 1
    raise WireError(f"a number at byte {at} does not end")


def fields(data: memoryview) -> Iterator[tuple[int, int, int | memoryview]]:
    """Split a message.

    Parameters
    ----------
    data : memoryview
        The message's bytes.

    Yields
    ------
    number : int
        The field's number in its schema.
    kind : int
        `VARINT`, `FIXED64`, `BYTES` or `FIXED32`.
    value : int or memoryview
        The number for a varint; otherwise its bytes, not copied.

    Raises
    ------
    WireError
        If the bytes end within a field, or are no message at all.
    """
    at = 0
    while at < len(data):
        key, start = read_varint(data, at)
        number, kind = key >> 3, key & 7
        if number == 0:
            raise WireError(f"there is no field 0 (byte {at})")
        if kind == VARINT:
            value, at = read_varint(data, start)
            yield number, kind, value
            continue
        if kind == BYTES:
            length, start = read_varint(data, start)
        elif kind in _WIDTHS:
            length = _WIDTHS[kind]
        else:
            raise WireError(f"a field at byte {at} is of an unknown kind ({kind})")
        if start + length > len(data):
            raise WireError(f"a field at byte {at} is cut off")
        at = start + length
        yield number, kind, data[start:at]


def only_bytes(number: int, kind: int, value: int | memoryview) -> memoryview:
    """Give the bytes of a field that must hold bytes; `WireError` otherwise."""
    if kind != BYTES or isinstance(value, int):
        raise WireError(f"field {number} does not hold what it should")
    return value


def only_number(number: int, kind: int, value: int | memoryview) -> int:
    """Give the value of a field that must hold a varint; `WireError` otherwise."""
    if kind != VARINT or not isinstance(value, int):
        raise WireError(f"field {number} does not hold what it should")
    return value


def signed(value: int) -> int:
    """Read a 64-bit varint as a signed integer (two's complement)."""
    return value - (1 << 64) if value >= 1 << 63 else value
