"""Constants of a frozen TensorFlow graph (``.pb``), read without TensorFlow.

Field numbers are those of TensorFlow's ``graph.proto``, ``node_def.proto``, ``attr_value.proto``,
``tensor.proto`` and ``tensor_shape.proto``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from generation.networks.protobuf_wire import (
    BYTES,
    VARINT,
    WireError,
    fields,
    only_bytes,
    only_number,
    read_varint,
    signed,
)
from house.errors import UserError

_MOST_ELEMENTS = 1 << 28


@dataclass(frozen=True)
class _Kind:
    """An element type: numpy's, the field that lists its values, and how one is written there."""

    dtype: str
    values_field: int
    written: str | None  # numpy type of a fixed-width value; None for varints


_KINDS = {
    1: _Kind("<f4", 5, "<f4"),
    2: _Kind("<f8", 6, "<f8"),
    3: _Kind("<i4", 7, None),
    9: _Kind("<i8", 10, None),
    10: _Kind("|b1", 11, None),
    19: _Kind("<f2", 13, None),
}


@dataclass(frozen=True)
class Node:
    """A node of a graph; attributes are undecoded messages."""

    name: str
    op: str
    attributes: dict[str, memoryview]

    def number(self, attribute: str) -> float | None:
        """Give a float or integer attribute, or None where the node has no readable one."""
        try:
            for field, kind, value in fields(self.attributes.get(attribute, memoryview(b""))):
                if field == 3:
                    return signed(only_number(field, kind, value))
                if field == 4 and not isinstance(value, int) and len(value) == 4:
                    return float(np.frombuffer(value, "<f4")[0])
        except WireError:
            pass
        return None


def read_nodes(path: Path) -> list[Node]:
    """Read the nodes of a frozen graph.

    Raises
    ------
    UserError
        If the file is missing, damaged, or no graph.
    """
    path = Path(path)
    try:
        data = memoryview(path.read_bytes())
    except OSError as error:
        raise UserError(f"the graph cannot be read ({error.strerror})", where=str(path)) from error
    try:
        nodes = [
            _node(only_bytes(number, kind, value))
            for number, kind, value in fields(data)
            if number == 1
        ]
    except (WireError, UnicodeDecodeError) as error:
        raise _damaged(path, error) from error
    if not nodes:
        raise UserError("this file holds no graph", where=str(path), remedy=_WHAT_TO_GIVE)
    return nodes


def read_constants(path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read the numeric constants of a frozen graph.

    Parameters
    ----------
    path : Path
        A serialised ``GraphDef``.

    Returns
    -------
    dict of str to ndarray
        Node name to array (float16/32/64, int32/64 or bool), in TensorFlow's layout; constants
        of other types, such as strings, are left out.

    Raises
    ------
    UserError
        If the file is missing, damaged, or no graph.
    """
    return constants(read_nodes(path), path)


def constants(nodes: list[Node], path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Decode the numeric constants among nodes; see `read_constants`.

    Parameters
    ----------
    nodes : list of Node
        From `read_nodes`.
    path : Path
        Their file, for messages.
    """
    found = {}
    for node in nodes:
        if node.op != "Const":
            continue
        try:
            array = _constant(node)
        except (WireError, ValueError, OverflowError) as error:
            raise _damaged(path, error, f"constant {node.name}") from error
        if array is not None:
            found[node.name] = array
    return found


_WHAT_TO_GIVE = "Give a frozen TensorFlow graph: one .pb file that holds nodes and weights."


def _damaged(path: Path, error: Exception, part: str = "") -> UserError:
    subject = f"{part} is" if part else "this is no frozen graph, or it is"
    return UserError(
        f"{subject} damaged ({error})", where=str(path), remedy=f"Fetch it again. {_WHAT_TO_GIVE}"
    )


def _node(data: memoryview) -> Node:
    name = op = ""
    attributes: dict[str, memoryview] = {}
    for number, kind, value in fields(data):
        if number == 1:
            name = str(only_bytes(number, kind, value), "utf-8")
        elif number == 2:
            op = str(only_bytes(number, kind, value), "utf-8")
        elif number == 5:
            key, content = _entry(only_bytes(number, kind, value))
            attributes[key] = content
    if not name or not op:
        raise WireError("a node has no name or no operation")
    return Node(name, op, attributes)


def _entry(data: memoryview) -> tuple[str, memoryview]:
    key, content = "", memoryview(b"")
    for number, kind, value in fields(data):
        if number == 1:
            key = str(only_bytes(number, kind, value), "utf-8")
        elif number == 2:
            content = only_bytes(number, kind, value)
    return key, content


def _constant(node: Node) -> np.ndarray[Any, Any] | None:
    for number, kind, value in fields(node.attributes.get("value", memoryview(b""))):
        if number == 8:
            return _tensor(only_bytes(number, kind, value))
    raise WireError("it has no value")


def _tensor(data: memoryview) -> np.ndarray[Any, Any] | None:
    parts = list(fields(data))
    code = next((only_number(*part) for part in parts if part[0] == 1), 0)
    if code not in _KINDS:
        return None
    element = _KINDS[code]
    shape = next((_shape(only_bytes(*part)) for part in parts if part[0] == 2), ())
    count = math.prod(shape)
    if count > _MOST_ELEMENTS:
        raise WireError(f"its shape {shape} is absurd")
    content = next((only_bytes(*part) for part in parts if part[0] == 4), None)
    if content:
        values = np.frombuffer(content, element.dtype)
    else:
        values = np.concatenate(
            [np.empty(0, element.dtype), *_listed(parts, element)], dtype=element.dtype
        )
        if len(values) < count:
            # TensorFlow writes trailing repetitions once, and an array of zeros not at all.
            last = values[-1:] if len(values) else np.zeros(1, element.dtype)
            values = np.concatenate([values, np.repeat(last, count - len(values))])
    if len(values) != count:
        raise WireError(f"it holds {len(values)} values for the shape {shape}")
    return values.reshape(shape).astype(np.dtype(element.dtype).newbyteorder("="))


def _shape(data: memoryview) -> tuple[int, ...]:
    sizes = []
    for number, kind, value in fields(data):
        if number == 3 and value:
            raise WireError("its shape is unknown")
        if number != 2:
            continue
        size = 0
        for inner in fields(only_bytes(number, kind, value)):
            if inner[0] == 1:
                size = signed(only_number(*inner))
        if size < 0:
            raise WireError("its shape is unknown")
        sizes.append(size)
    return tuple(sizes)


def _listed(
    parts: list[tuple[int, int, int | memoryview]], element: _Kind
) -> Iterator[np.ndarray[Any, Any]]:
    """Decode listed values, which may come one a field or packed into one."""
    for number, kind, value in parts:
        if number != element.values_field:
            continue
        if element.written is not None:
            if isinstance(value, int):
                raise WireError("its values are of the wrong kind")
            yield np.frombuffer(value, element.written)
        elif kind == VARINT and isinstance(value, int):
            yield _from_varints([value], element)
        elif kind == BYTES and not isinstance(value, int):
            numbers, at = [], 0
            while at < len(value):
                read, at = read_varint(value, at)
                numbers.append(read)
            yield _from_varints(numbers, element)
        else:
            raise WireError("its values are of the wrong kind")


def _from_varints(numbers: list[int], element: _Kind) -> np.ndarray[Any, Any]:
    if element.dtype == "<f2":
        # Half-precision values are listed as integers that hold their bits.
        return np.array(numbers, dtype="<u2").view("<f2")
    return np.array([signed(number) for number in numbers], dtype=element.dtype)
