"""The bank's format, version 1: names, shapes and checksums of one HDF5 file."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Container, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import h5py
import numpy as np

FORMAT = "exemplary-stimulus-bank"
SCHEMA_VERSION = 1

Sign = Literal["min", "max"]

SIGNS: tuple[Sign, Sign] = ("min", "max")
"""Order of the sign axis everywhere: minimally, then maximally activating."""

ROLES = ("main", "practice", "catch", "intuitiveness")
SELECTIONS = ("random", "hand-picked")

UNIT_COLUMNS = ("unit_id", "layer", "layer_index", "branch", "channel", "selection", "role")
# Stored where at least one unit belongs to a set, and absent elsewhere.
OPTIONAL_UNIT_COLUMNS = ("set",)
NATURAL_COLUMNS = ("name", "sha256", "label", "licence", "author")

# What a participant can see decides the content checksum; measured activations, curves and the
# photographs' sources have checksums of their own.
VISIBLE = (
    *(f"units/{column}" for column in UNIT_COLUMNS),
    "synthetic/images",
    "natural/images",
    "natural/exemplars",
    "natural/batches",
    "natural/batch_ranks",
)
MEASURED = (
    "synthetic/activations",
    "synthetic/curves",
    "synthetic/curve_steps",
    "natural/exemplar_activations",
    *(f"natural/{column}" for column in NATURAL_COLUMNS),
)
DATASETS = (*VISIBLE, *MEASURED)
# How synthetic images came about: absent in banks of programs that did not keep it.
OPTIMISATION = {
    "objective_curve": "synthetic/objective_curves",
    "similarity_curve": "synthetic/similarity_curves",
    "diversity": "synthetic/diversity",
    "updates": "synthetic/updates",
}
OPTIONAL_MEASURED = tuple(OPTIMISATION.values())
OPTIONAL = tuple(f"units/{column}" for column in OPTIONAL_UNIT_COLUMNS)

ATTRIBUTES = ("format", "schema_version", "name", "content_sha256", "recipe", "provenance")
ATTRIBUTES_CHECKSUM = "attributes_sha256"
"""Attribute over the others; banks of earlier programs lack it."""

NETWORK_SEPARATOR = "@"
"""In a bank of several networks a layer is called ``fire5@squeezenet1_1``."""

_UNIT_ID = re.compile(r"^(?P<layer>[^:/\s]+):(?P<branch>[^:/\s]+):(?P<channel>\d+)$")


@dataclass(frozen=True)
class Unit:
    """One channel of one layer: the thing that the images explain.

    Parameters
    ----------
    unit_id : str
        ``layer:branch:channel``, such as ``fire5:3x3:145``.
    layer : str
        The network's own name of the layer.
    layer_index : int
        Depth order among the layers that the network offers, from 0.
    branch : str
        Part of the module that the channel belongs to: 1x1, 3x3, 5x5, pool, or all.
    channel : int
        Index within the layer's concatenated output, from 0.
    selection : str
        How the unit was chosen: random or hand-picked.
    role : str
        main, practice, catch or intuitiveness.
    set : str
        Which of several lists within its role the unit belongs to, such as ``a``; empty = none.
    """

    unit_id: str
    layer: str
    layer_index: int
    branch: str
    channel: int
    selection: str = "random"
    role: str = "main"
    set: str = ""


def unit_id(layer: str, branch: str, channel: int) -> str:
    """Name a unit: ``layer:branch:channel``."""
    name = f"{layer}:{branch}:{channel}"
    if not _UNIT_ID.match(name):
        raise ValueError(f"{name!r} is no unit id: layer and branch hold no colon, slash or space")
    return name


def network_of(name: str) -> str:
    """Give the network that a unit or layer of a bank of several belongs to; empty elsewhere.

    Parameters
    ----------
    name : str
        A unit's id or its layer, such as ``fire5@squeezenet1_1:3x3:145``.
    """
    return name.partition(":")[0].partition(NETWORK_SEPARATOR)[2]


def natural_id(row: int) -> str:
    """Name the natural image in a row of /natural/images: ``natural/000123``."""
    return f"natural/{row:06d}"


def synthetic_id(unit: str, sign: Sign, index: int) -> str:
    """Name a synthetic image: ``synthetic/fire5:3x3:145/max/03``."""
    return f"synthetic/{unit}/{sign}/{index:02d}"


def hash_dataset(dataset: h5py.Dataset) -> str:
    """SHA-256 over a data set's type, shape and values, independent of chunking and codec.

    Values are read a row at a time, so memory does not grow with the bank. Strings count by
    their UTF-8 bytes, each preceded by its length.
    """
    digest = hashlib.sha256()
    text = h5py.check_string_dtype(dataset.dtype) is not None
    kind = "string" if text else np.dtype(dataset.dtype).newbyteorder("<").str
    digest.update(f"{kind}{tuple(dataset.shape)}".encode())
    for row in range(dataset.shape[0]) if dataset.ndim else ():
        if text:
            value = dataset[row]
            data = value if isinstance(value, bytes) else str(value).encode("utf-8")
            digest.update(len(data).to_bytes(8, "little") + data)
        else:
            values = np.asarray(dataset[row])
            digest.update(np.ascontiguousarray(values, values.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def combine_hashes(parts: Iterable[tuple[str, str]]) -> str:
    """SHA-256 over (name, digest) pairs in order of name."""
    digest = hashlib.sha256(f"{FORMAT} {SCHEMA_VERSION}\n".encode())
    for name, value in sorted(parts):
        digest.update(f"{name} {value}\n".encode())
    return digest.hexdigest()


def hash_attributes(attributes: Mapping[str, Any]) -> str:
    """SHA-256 over the root's `ATTRIBUTES`, each as text."""
    return combine_hashes(
        (name, hashlib.sha256(str(attributes[name]).encode()).hexdigest()) for name in ATTRIBUTES
    )


def visible_datasets(present: Container[str]) -> tuple[str, ...]:
    """Name the data sets of a file that decide its content checksum.

    Parameters
    ----------
    present : container of str
        Names of the file's data sets, or the file.
    """
    return (*VISIBLE, *(name for name in OPTIONAL if name in present))


def measured_datasets(present: Container[str]) -> tuple[str, ...]:
    """Name the data sets of a file that have a checksum and are no part of its content."""
    return (*MEASURED, *(name for name in OPTIONAL_MEASURED if name in present))


def expected_dtype(name: str) -> Any:
    """Type of a data set by its path within the file."""
    if name in (
        "units/layer_index",
        "units/channel",
        "synthetic/curve_steps",
        "synthetic/updates",
    ):
        return np.dtype("int32")
    if name.endswith("/images"):
        return np.dtype("uint8")
    if name in ("natural/exemplars", "natural/batches", "natural/batch_ranks"):
        return np.dtype("int32")
    if name.endswith(("activations", "curves", "diversity")):
        return np.dtype("float32")
    return h5py.string_dtype("utf-8")
