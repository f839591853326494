"""From the published frozen graph of InceptionV1 to an ``.npz`` file of its weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch

from generation.networks.architectures import local_response
from generation.networks.architectures.inception_v1 import InceptionV1
from generation.networks.frozen_graph import Node, constants, read_nodes
from house.errors import UserError
from house.files import atomic_writer, sha256_file

_NORMALISATIONS = ("localresponsenorm0", "localresponsenorm1")
_EXPECTED = {
    "depth_radius": local_response.DEPTH_RADIUS,
    "bias": local_response.BIAS,
    "alpha": local_response.ALPHA,
    "beta": local_response.BETA,
}


def graph_name(key: str) -> str:
    """Name of the constant that belongs to an array of `InceptionV1`'s state.

    ``mixed3a.3x3_bottleneck.weight`` is ``mixed3a_3x3_bottleneck_w`` in the graph.
    """
    node, _, kind = key.rpartition(".")
    return f"{node.replace('.', '_')}_{kind[0]}"


def convert_inception_v1(graph_path: Path) -> dict[str, np.ndarray[Any, Any]]:
    """Read the weights of InceptionV1 from its frozen graph.

    Parameters
    ----------
    graph_path : Path
        ``tensorflow_inception_graph.pb`` of TensorFlow's ``inception5h``, or lucid's
        ``InceptionV1.pb``.

    Returns
    -------
    dict of str to ndarray
        State of `InceptionV1`, float32; convolutions (out, in, height, width).

    Raises
    ------
    UserError
        If the file is damaged, or its graph is not InceptionV1: weights missing, of other
        shapes or not finite, or normalisation with other constants.
    """
    nodes = read_nodes(graph_path)
    _check_normalisation(nodes, graph_path)
    found = constants(nodes, graph_path)
    with torch.device("meta"):
        expected = {key: tuple(value.shape) for key, value in InceptionV1().state_dict().items()}
    missing = [graph_name(key) for key in expected if graph_name(key) not in found]
    if missing:
        more = f" and {len(missing) - 3} more" if len(missing) > 3 else ""
        raise UserError(
            f"this graph is not InceptionV1: it has no {', '.join(missing[:3])}{more}",
            where=str(graph_path),
            remedy="Give the graph of TensorFlow's inception5h or lucid's InceptionV1.",
        )
    return {
        key: _laid_out(found[graph_name(key)], shape, graph_name(key), graph_path)
        for key, shape in expected.items()
    }


def convert(graph: Path, out: Path) -> str:
    """Write the weights of a frozen InceptionV1 graph as ``.npz``, whole or not at all.

    Parameters
    ----------
    graph : Path
        See `convert_inception_v1`.
    out : Path
        The file to write; the same graph gives the same bytes.

    Returns
    -------
    str
        SHA-256 of the file.

    Raises
    ------
    UserError
        If the graph is damaged or another network's, or the file cannot be written.
    """
    arrays: dict[str, Any] = convert_inception_v1(graph)
    with atomic_writer(out) as temporary, temporary.open("wb") as file:
        np.savez(file, **arrays)
    return sha256_file(out)


def _check_normalisation(nodes: list[Node], path: Path) -> None:
    for node in nodes:
        if node.name not in _NORMALISATIONS:
            continue
        for attribute, expected in _EXPECTED.items():
            found = node.number(attribute)
            if found is None or not np.isclose(found, expected, rtol=1e-6, atol=0):
                raise UserError(
                    f"{node.name} has {attribute} {found}, where InceptionV1 has {expected}",
                    where=str(path),
                )


def _laid_out(
    array: np.ndarray[Any, Any], shape: tuple[int, ...], name: str, path: Path
) -> np.ndarray[Any, Any]:
    if array.ndim == 4:
        array = array.transpose(3, 2, 0, 1)
    elif array.ndim == 2:
        array = array.T
    if array.shape != shape:
        raise UserError(
            f"{name} has the shape {array.shape}, where InceptionV1 has {shape}", where=str(path)
        )
    if not np.isfinite(array).all():
        raise UserError(f"{name} holds values that are not finite", where=str(path))
    return np.ascontiguousarray(array, dtype=np.float32)
