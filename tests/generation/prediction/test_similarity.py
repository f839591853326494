"""Distances between images: against the formula written out, and whatever is kept."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from generation.networks.network import Network
from generation.prediction.similarity import (
    LAYERS,
    EmbeddedDistances,
    PairDistances,
    PerceptualFeatures,
)
from generation.prediction.similarity_choice import choose_similarity
from house.errors import UserError
from stimuli.photographs import load_photographs

MODULE = """
import numpy as np

def apart(first, second):
    return np.abs(first.astype(float) - second).mean(axis=(1, 2, 3))

class Colours:
    def embed(self, images):
        return images.astype(float).mean(axis=(1, 2)) / 255

class Far:
    # Vectors that differ by little, far from the origin.
    def embed(self, images):
        return 3000 + images[:, :4, :4].reshape(len(images), -1).astype("float32") / 256

class Pairs:
    def __call__(self, first, second):
        return apart(first, second)

class Broken:
    def __init__(self):
        raise RuntimeError("no weights")

def fails(first, second):
    return 1 / 0

def text(first, second):
    return "far"

def one(first, second):
    return 3.0

def undefined(first, second):
    return np.full(len(first), np.nan)

class Neither:
    pass

number = 3
"""


@pytest.fixture(scope="module")
def images() -> dict[str, np.ndarray]:
    from PIL import Image

    found = {}
    for i, photograph in enumerate(load_photographs()[::70][:6]):
        with Image.open(photograph.path) as picture:
            found[f"natural/{i}"] = np.asarray(picture.convert("RGB").resize((64, 64)))
    return found


@pytest.fixture
def module_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    name = "similarity_of_a_user"
    (tmp_path / f"{name}.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    yield name
    sys.modules.pop(name, None)


def reader(images: dict[str, np.ndarray]):  # type: ignore[no-untyped-def]
    def read(ids: Sequence[str]) -> np.ndarray:
        return np.stack([images[name] for name in ids])

    return read


def written_out(network: Network, first: np.ndarray, second: np.ndarray) -> float:
    """Mean over layers of the mean over positions of squared differences, position by position."""
    total = []
    for layer in LAYERS:
        maps = []
        for image in (first, second):
            x = torch.from_numpy(np.moveaxis(image, 2, 0)[None] / np.float32(255))
            with torch.no_grad():
                maps.append(np.maximum(network.features(x, layer)[0].double().numpy(), 0))
        height, width = maps[0].shape[1:]
        squares = []
        for y in range(height):
            for x in range(width):
                vectors = []
                for values in maps:
                    vector = values[:, y, x]
                    length = np.sqrt((vector**2).sum())
                    vectors.append(vector / length if length else vector)
                squares.append(((vectors[0] - vectors[1]) ** 2).sum())
        total.append(np.mean(squares))
    return float(np.mean(total))


def test_distances_follow_the_formula(network: Network, images: dict[str, np.ndarray]) -> None:
    similarity = EmbeddedDistances(PerceptualFeatures(network), 1 << 30)
    names = list(images)
    found = similarity.distances(names[:2], names, reader(images))
    for i, j in ((0, 1), (0, 2), (1, 5)):
        expected = written_out(network, images[names[i]], images[names[j]])
        assert found[i, j] == pytest.approx(expected, rel=1e-3)
        assert 0.05 < expected < 2
    assert found[0, 0] == pytest.approx(0, abs=1e-5)
    assert found[0, 1] == pytest.approx(found[1, 0], rel=1e-6)
    described = similarity.describe()
    assert described["layers"] == list(LAYERS)
    assert described["weights_sha256"] == network.spec.weights_sha256


def test_every_image_is_embedded_once_where_there_is_room(
    network: Network, images: dict[str, np.ndarray]
) -> None:
    names, read = list(images), reader(images)
    roomy = EmbeddedDistances(PerceptualFeatures(network), 1 << 30)
    tight = EmbeddedDistances(PerceptualFeatures(network), 1)
    for _ in range(3):
        first = roomy.distances(names, names[::-1], read)
        second = tight.distances(names, names[::-1], read)
        np.testing.assert_allclose(first, second, rtol=1e-3, atol=1e-5)
    assert roomy.embedded == len(names)
    assert tight.embedded == 3 * 2 * len(names)


def test_what_was_used_last_is_kept() -> None:
    class Ones:
        def describe(self) -> dict[str, str]:
            return {}

        def embed(self, images: np.ndarray) -> torch.Tensor:
            return torch.from_numpy(images.reshape(len(images), -1).astype(np.float32))

    images = {name: np.full((1, 1, 1), k, np.uint8) for k, name in enumerate("abcd")}
    # Room for three vectors of four bytes.
    similarity = EmbeddedDistances(Ones(), 12)
    read = reader(images)
    assert similarity.distances("a", "bd", read).tolist() == [[1, 9]]
    similarity.distances("a", "c", read)
    # b was used longest ago and made room for c.
    similarity.distances("a", "dc", read)
    assert similarity.embedded == 4
    similarity.distances("a", "b", read)
    assert similarity.embedded == 5


def test_a_users_function_class_and_embedding(
    module_name: str, images: dict[str, np.ndarray]
) -> None:
    names, read = list(images), reader(images)
    expected = [
        [np.abs(images[a].astype(float) - images[b]).mean() for b in names] for a in names[:2]
    ]
    for which in ("apart", "Pairs"):
        similarity = choose_similarity(f"{module_name}:{which}", 1 << 20)
        assert isinstance(similarity, PairDistances)
        np.testing.assert_allclose(similarity.distances(names[:2], names, read), expected)
        assert similarity.describe()["name"] == f"{module_name}:{which}"
    colours = choose_similarity(f"{module_name}:Colours", 1 << 20)
    means = [images[name].mean(axis=(0, 1)) / 255 for name in names]
    squares = [[((a - b) ** 2).sum() for b in means] for a in means]
    np.testing.assert_allclose(colours.distances(names, names, read), squares, atol=1e-6)
    # Exact in 32 bits, and small beside the squares of their lengths, 4e8: 32 bits would give
    # multiples of 32.
    far = choose_similarity(f"{module_name}:Far", 1 << 20)
    corners = [images[name][:4, :4].reshape(-1).astype(float) / 256 for name in names]
    squares = [[((a - b) ** 2).sum() for b in corners] for a in corners]
    assert 0.01 < np.median(squares) < 32
    np.testing.assert_allclose(far.distances(names, names, read), squares, rtol=1e-6, atol=1e-6)
    assert colours.describe() == {"name": f"{module_name}:Colours", "kind": "embedding"}


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("fails", "failed .ZeroDivisionError"),
        ("text", "no numbers"),
        ("one", r"shape \(\), not"),
        ("undefined", "not finite"),
        ("Broken", "failed .RuntimeError: no weights"),
        ("Neither", "no method embed and cannot be called"),
        ("number", "no function or class but int"),
        ("aparte", 'Did you mean "apart"'),
    ],
)
def test_what_is_no_similarity_is_told(
    module_name: str, images: dict[str, np.ndarray], which: str, message: str
) -> None:
    names = list(images)[:2]
    with pytest.raises(UserError, match=message):
        choose_similarity(f"{module_name}:{which}", 1).distances(names, names, reader(images))


def test_a_name_without_a_module_is_told() -> None:
    with pytest.raises(UserError, match=r"names no similarity.*package.module:name"):
        choose_similarity("dreamsim", 1)
