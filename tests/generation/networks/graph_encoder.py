"""An encoder of TensorFlow graphs, written for the tests from the published message definitions."""

from __future__ import annotations

import struct

import numpy as np


def varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def field(number: int, value: int | bytes | str | float) -> bytes:
    if isinstance(value, float):
        return varint(number << 3 | 5) + struct.pack("<f", value)
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    data = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(data)) + data


def shape_message(shape: tuple[int, ...]) -> bytes:
    return b"".join(field(2, field(1, size)) for size in shape)


CODES = {"float32": 1, "float64": 2, "int32": 3, "int64": 9, "bool": 10, "float16": 19}


def tensor_message(array: np.ndarray) -> bytes:
    return (
        field(1, CODES[array.dtype.name])
        + field(2, shape_message(array.shape))
        + field(4, np.ascontiguousarray(array).tobytes())
    )


def attribute(key: str, value: bytes) -> bytes:
    return field(5, field(1, key) + field(2, value))


def node_message(name: str, op: str, *attributes: bytes, inputs: tuple[str, ...] = ()) -> bytes:
    body = field(1, name) + field(2, op)
    body += b"".join(field(3, entry) for entry in inputs)
    return field(1, body + field(4, "/cpu:0") + b"".join(attributes))


def const_node(name: str, tensor: bytes | np.ndarray) -> bytes:
    message = tensor if isinstance(tensor, bytes) else tensor_message(tensor)
    return node_message(
        name, "Const", attribute("dtype", field(6, 1)), attribute("value", field(8, message))
    )


def lrn_node(name: str, *, radius: int = 5, bias: float = 2.0, beta: float = 0.5) -> bytes:
    return node_message(
        name,
        "LRN",
        attribute("alpha", field(4, 1e-4)),
        attribute("beta", field(4, beta)),
        attribute("bias", field(4, bias)),
        attribute("depth_radius", field(3, radius)),
        inputs=("maxpool0",),
    )
