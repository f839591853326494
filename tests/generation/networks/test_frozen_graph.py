"""Reading frozen graphs that the tests encode by hand, whole and damaged."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from generation.networks.frozen_graph import read_constants, read_nodes
from generation.networks.protobuf_wire import WireError, fields, read_varint, signed
from house.errors import UserError
from tests.generation.networks.graph_encoder import (
    CODES,
    const_node,
    field,
    lrn_node,
    node_message,
    shape_message,
    varint,
)


def written(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "graph.pb"
    path.write_bytes(data)
    return path


def read_one(tmp_path: Path, tensor: bytes | np.ndarray) -> np.ndarray:
    return read_constants(written(tmp_path, const_node("c", tensor)))["c"]


def float_tensor(shape: tuple[int, ...], values: bytes) -> bytes:
    return field(1, 1) + field(2, shape_message(shape)) + values


@given(st.integers(0, 2**64 - 1))
def test_varints_come_back(value: int) -> None:
    encoded = varint(value)
    assert read_varint(memoryview(b"\x01" + encoded + b"\x7f"), 1) == (value, 1 + len(encoded))


def test_varints_of_the_documentation() -> None:
    """150 is 96 01; -2 is fe ff ff ff ff ff ff ff ff 01 (Encoding, Protocol Buffers)."""
    assert read_varint(memoryview(b"\x96\x01"), 0) == (150, 2)
    minus_two = bytes.fromhex("feffffffffffffffff01")
    assert signed(read_varint(memoryview(minus_two), 0)[0]) == -2


@pytest.mark.parametrize(
    "data",
    [
        b"\x0a",  # no length
        b"\x0a\x05abc",  # shorter than its length
        b"\x0d\x00\x00",  # half a 32-bit number
        b"\x09\x00",  # part of a 64-bit number
        b"\x08" + b"\xff" * 11,  # endless number
        b"\x0b",  # a group, which these messages never use
        b"\x02\x00",  # field 0
        b"\x0a" + varint(2**63),  # absurd length
    ],
)
def test_no_message(data: bytes) -> None:
    with pytest.raises(WireError):
        list(fields(memoryview(data)))


# Subnormal numbers are off where the processor flushes them, as this room's tests do.
ARRAYS = st.sampled_from([np.dtype(name) for name in CODES]).flatmap(
    lambda dtype: hnp.arrays(
        dtype,
        hnp.array_shapes(min_dims=0),
        elements=hnp.from_dtype(dtype, **({"allow_subnormal": False} if dtype.kind == "f" else {})),
    )
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(array=ARRAYS)
def test_arrays_come_back(tmp_path: Path, array: np.ndarray) -> None:
    back = read_one(tmp_path, array)
    assert back.dtype == array.dtype
    np.testing.assert_array_equal(back, array)


def test_listed_values_packed_and_unpacked(tmp_path: Path) -> None:
    expected = np.array([1.5, -2.0, 0.25], np.float32)
    packed = float_tensor((3,), field(5, expected.tobytes()))
    unpacked = float_tensor((3,), b"".join(field(5, float(v)) for v in expected))
    np.testing.assert_array_equal(read_one(tmp_path, packed), expected)
    np.testing.assert_array_equal(read_one(tmp_path, unpacked), expected)


def test_other_listed_types(tmp_path: Path) -> None:
    def tensor(code: int, shape: tuple[int, ...], values: bytes) -> bytes:
        return field(1, code) + field(2, shape_message(shape)) + values

    integers = tensor(3, (2,), field(7, varint(-1) + varint(7)))
    np.testing.assert_array_equal(read_one(tmp_path, integers), [-1, 7])
    long = tensor(9, (), field(10, 2**40))
    assert read_one(tmp_path, long) == 2**40
    half = tensor(19, (2,), field(13, varint(0x3C00) + varint(0xC000)))
    np.testing.assert_array_equal(read_one(tmp_path, half), np.array([1, -2], np.float16))
    truth = tensor(10, (2,), field(11, varint(1) + varint(0)))
    np.testing.assert_array_equal(read_one(tmp_path, truth), [True, False])
    double = tensor(2, (1,), field(6, struct.pack("<d", 0.1)))
    assert read_one(tmp_path, double)[0] == 0.1


def test_repetitions_are_written_once_and_zeros_not_at_all(tmp_path: Path) -> None:
    filled = float_tensor((2, 2), field(5, 1.0) + field(5, 3.0))
    np.testing.assert_array_equal(read_one(tmp_path, filled), [[1, 3], [3, 3]])
    np.testing.assert_array_equal(read_one(tmp_path, float_tensor((2,), b"")), [0, 0])


def test_strings_and_other_nodes_are_left_out(tmp_path: Path) -> None:
    strings = field(1, 7) + field(2, shape_message((1,))) + field(8, b"text")
    data = const_node("s", strings) + lrn_node("n") + const_node("c", np.ones(2, np.float32))
    data += field(4, field(1, 27))  # versions
    path = written(tmp_path, data)
    assert list(read_constants(path)) == ["c"]
    nodes = {node.name: node for node in read_nodes(path)}
    assert nodes["n"].op == "LRN"
    assert nodes["n"].number("depth_radius") == 5
    assert nodes["n"].number("alpha") == pytest.approx(1e-4)
    assert nodes["n"].number("gamma") is None


@pytest.mark.parametrize(
    ("tensor", "reason"),
    [
        (float_tensor((3,), field(4, b"\0" * 8)), "2 values"),
        (float_tensor((3,), field(4, b"\0" * 13)), "multiple"),
        (float_tensor((1,), field(5, 1.0) + field(5, 2.0)), "2 values"),
        (float_tensor((1,), field(5, 3)), "wrong kind"),
        (float_tensor((2**20, 2**20), field(5, 1.0)), "absurd"),
        (float_tensor((-1,), field(5, 1.0)), "unknown"),
        (field(1, 1) + field(2, field(3, 1)), "unknown"),
        (field(1, b"x") + field(2, b""), "does not hold"),
        (field(1, 3) + field(2, shape_message((1,))) + field(7, 2**40), "damaged"),
        (field(1, 19) + field(2, shape_message((1,))) + field(13, 2**20), "damaged"),
    ],
)
def test_damaged_constants(tmp_path: Path, tensor: bytes, reason: str) -> None:
    path = written(tmp_path, const_node("weights", tensor))
    with pytest.raises(UserError, match=f"constant weights is damaged.*{reason}|{reason}.*damaged"):
        read_constants(path)


def test_a_constant_without_value(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no value"):
        read_constants(written(tmp_path, node_message("c", "Const")))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"PK\x03\x04 this is a zip file",
        b"\x89PNG\r\n\x1a\n",
        b"GIF89a",
        b"plain text, in a file of the wrong name\n" * 50,
        bytes(100),
        field(1, 1) + field(2, b"meta graph"),  # a SavedModel
        field(1, b""),  # a node without a name
        field(1, field(1, b"\xff\xfe") + field(2, "Const")),  # a name that is no text
        field(4, field(1, 27)),  # versions but no nodes
    ],
)
def test_files_that_are_no_graphs(tmp_path: Path, data: bytes) -> None:
    path = written(tmp_path, data)
    with pytest.raises(UserError, match=r"graph\.pb.*graph"):
        read_constants(path)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read_constants(tmp_path / "none.pb")
    with pytest.raises(UserError, match="cannot be read"):
        read_constants(tmp_path)


def test_every_truncation_is_noticed(tmp_path: Path) -> None:
    """A cut at a node's end leaves a smaller graph; any other cut is an error."""
    first = const_node("a", np.arange(6, dtype=np.float32).reshape(2, 3))
    whole = first + const_node("b", np.ones(3, np.float64))
    for end in range(len(whole)):
        path = written(tmp_path, whole[:end])
        if end == len(first):
            assert list(read_constants(path)) == ["a"]
            continue
        with pytest.raises(UserError):
            read_constants(path)


@settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=300
)
@given(st.data())
def test_no_damage_gives_a_traceback(tmp_path: Path, data: st.DataObject) -> None:
    whole = const_node("a", np.arange(6, dtype=np.float32)) + lrn_node("n")
    damaged = bytearray(whole)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = written(tmp_path, bytes(damaged))
    try:
        constants = read_constants(path)
        for node in read_nodes(path):
            node.number("alpha")
    except UserError:
        return
    assert all(isinstance(array, np.ndarray) for array in constants.values())
