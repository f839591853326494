"""A synthetic graph under the real graph's names, converted and loaded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from generation.networks.architectures.inception_v1 import InceptionV1
from generation.networks.convert_inception_v1 import convert, convert_inception_v1, graph_name
from generation.networks.frozen_graph import read_constants
from generation.networks.network import load_weights
from generation.networks.weight_files import read_state
from house.errors import UserError
from tests.generation.networks.graph_encoder import const_node, field, lrn_node, node_message

# Some names of the published graph, written down from listings of its nodes.
REAL_NAMES = {
    "conv2d0_w": (7, 7, 3, 64),
    "conv2d0_b": (64,),
    "conv2d1_w": (1, 1, 64, 64),
    "conv2d2_w": (3, 3, 64, 192),
    "mixed3a_1x1_w": (1, 1, 192, 64),
    "mixed3a_3x3_bottleneck_w": (1, 1, 192, 96),
    "mixed3a_3x3_w": (3, 3, 96, 128),
    "mixed4a_5x5_bottleneck_b": (16,),
    "mixed4a_5x5_w": (5, 5, 16, 48),
    "mixed4a_pool_reduce_w": (1, 1, 480, 64),
    "mixed4b_1x1_w": (1, 1, 508, 160),
    "mixed5b_pool_reduce_b": (128,),
    "softmax2_w": (1024, 1008),
    "softmax2_b": (1008,),
}
_BOTTLENECKS = {
    "3a": (96, 16), "3b": (128, 32), "4a": (96, 16), "4b": (112, 24), "4c": (128, 24),
    "4d": (144, 32), "4e": (160, 32), "5a": (160, 48), "5b": (192, 48),
}  # fmt: skip
_WIDTHS = {
    "3a": (64, 128, 32, 32), "3b": (128, 192, 96, 64), "4a": (192, 204, 48, 64),
    "4b": (160, 224, 64, 64), "4c": (128, 256, 64, 64), "4d": (112, 288, 64, 64),
    "4e": (256, 320, 128, 128), "5a": (256, 320, 128, 128), "5b": (384, 384, 128, 128),
}  # fmt: skip


def weight_shapes() -> dict[str, tuple[int, ...]]:
    """Every weight of the graph, in TensorFlow's layout: height, width, in, out."""
    shapes: dict[str, tuple[int, ...]] = {
        "conv2d0": (7, 7, 3, 64),
        "conv2d1": (1, 1, 64, 64),
        "conv2d2": (3, 3, 64, 192),
        "softmax2": (1024, 1008),
    }
    entering = 192
    for block, (one, three, five, pool) in _WIDTHS.items():
        b3, b5 = _BOTTLENECKS[block]
        shapes |= {
            f"mixed{block}_1x1": (1, 1, entering, one),
            f"mixed{block}_3x3_bottleneck": (1, 1, entering, b3),
            f"mixed{block}_3x3": (3, 3, b3, three),
            f"mixed{block}_5x5_bottleneck": (1, 1, entering, b5),
            f"mixed{block}_5x5": (5, 5, b5, five),
            f"mixed{block}_pool_reduce": (1, 1, entering, pool),
        }
        entering = one + three + five + pool
    return shapes


@pytest.fixture(scope="module")
def weights() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    arrays: dict[str, np.ndarray] = {}
    for name, shape in weight_shapes().items():
        scale = np.sqrt(2 / np.prod(shape[:-1]))
        arrays[f"{name}_w"] = rng.normal(0, scale, shape).astype(np.float32)
        arrays[f"{name}_b"] = rng.normal(0, 0.1, shape[-1]).astype(np.float32)
    return arrays


def graph_bytes(
    weights: dict[str, np.ndarray], *, normalisation: bytes | None = None, leave_out: str = ""
) -> bytes:
    parts = [node_message("input", "Placeholder")]
    parts += [const_node(name, array) for name, array in weights.items() if name != leave_out]
    # The training heads are in the published graph too.
    parts.append(const_node("nn0_w", np.zeros((2048, 1), np.float32)))
    parts.append(const_node("avgpool0/reshape/shape", np.array([-1, 1024], np.int32)))
    parts.append(lrn_node("localresponsenorm0"))
    parts.append(normalisation or lrn_node("localresponsenorm1"))
    return b"".join(parts) + field(4, field(1, 9))


@pytest.fixture
def graph(tmp_path: Path, weights: dict[str, np.ndarray]) -> Path:
    path = tmp_path / "tensorflow_inception_graph.pb"
    path.write_bytes(graph_bytes(weights))
    return path


def test_the_synthetic_graph_has_the_real_names(graph: Path) -> None:
    constants = read_constants(graph)
    for name, shape in REAL_NAMES.items():
        assert constants[name].shape == shape
    assert graph_name("mixed3a.3x3_bottleneck.weight") == "mixed3a_3x3_bottleneck_w"
    assert graph_name("conv2d0.bias") == "conv2d0_b"


def test_converted_weights_fill_the_network(
    graph: Path, weights: dict[str, np.ndarray], tmp_path: Path
) -> None:
    out = tmp_path / "folder" / "inception_v1.npz"
    sha256 = convert(graph, out)
    network = InceptionV1()
    load_weights(network, out, sha256)
    by_path = InceptionV1()
    by_path.load_state_dict(read_state(out), strict=True)
    state = network.state_dict()
    assert len(state) == len(weights) == 2 * 58
    for key, value in by_path.state_dict().items():
        torch.testing.assert_close(value, state[key], rtol=0, atol=0)
    # One number of each layout, by index.
    w = weights["mixed4a_3x3_w"]
    assert state["mixed4a.3x3.weight"][203, 95, 2, 0] == w[2, 0, 95, 203]
    assert state["softmax2.weight"][1007, 5] == weights["softmax2_w"][5, 1007]
    np.testing.assert_array_equal(
        state["mixed5b.pool_reduce.bias"], weights["mixed5b_pool_reduce_b"]
    )


def test_the_same_graph_gives_the_same_bytes(graph: Path, tmp_path: Path) -> None:
    assert convert(graph, tmp_path / "a.npz") == convert(graph, tmp_path / "b.npz")


def test_missing_weights_are_named(
    graph: Path, weights: dict[str, np.ndarray], tmp_path: Path
) -> None:
    graph.write_bytes(graph_bytes(weights, leave_out="mixed4c_5x5_b"))
    out = tmp_path / "out.npz"
    with pytest.raises(UserError, match="mixed4c_5x5_b"):
        convert(graph, out)
    assert not out.exists()
    graph.write_bytes(const_node("other", np.ones(1, np.float32)))
    with pytest.raises(UserError, match="and 113 more"):
        convert_inception_v1(graph)


def test_weights_of_another_shape_or_not_finite(
    graph: Path, weights: dict[str, np.ndarray]
) -> None:
    wide = weights | {"mixed4a_3x3_w": np.zeros((3, 3, 96, 208), np.float32)}
    graph.write_bytes(graph_bytes(wide))
    with pytest.raises(UserError, match="mixed4a_3x3_w has the shape"):
        convert_inception_v1(graph)
    broken = weights["conv2d1_b"].copy()
    broken[3] = np.nan
    graph.write_bytes(graph_bytes(weights | {"conv2d1_b": broken}))
    with pytest.raises(UserError, match="conv2d1_b holds values that are not finite"):
        convert_inception_v1(graph)


@pytest.mark.parametrize(
    ("normalisation", "message"),
    [
        (lrn_node("localresponsenorm1", radius=4), "depth_radius 4"),
        (lrn_node("localresponsenorm1", bias=1.0), "bias 1.0"),
        (lrn_node("localresponsenorm1", beta=0.75), "beta 0.75"),
        (node_message("localresponsenorm1", "LRN"), "depth_radius None"),
    ],
)
def test_other_normalisation_is_refused(
    graph: Path, weights: dict[str, np.ndarray], normalisation: bytes, message: str
) -> None:
    graph.write_bytes(graph_bytes(weights, normalisation=normalisation))
    with pytest.raises(UserError, match=message):
        convert_inception_v1(graph)


def test_a_truncated_graph_leaves_nothing_behind(graph: Path, tmp_path: Path) -> None:
    graph.write_bytes(graph.read_bytes()[:1_000_000])
    out = tmp_path / "out" / "weights.npz"
    with pytest.raises(UserError, match="damaged"):
        convert(graph, out)
    assert not out.exists()
    assert not list(tmp_path.rglob("*.tmp"))
