"""How alike two images look: distances between features of the embedded network, or any others."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from generation.networks.network import Network
from house.errors import UserError

Images = npt.NDArray[np.uint8]
Reader = Callable[[Sequence[str]], Images]

LAYERS = ("fire3", "fire5", "fire6", "fire7", "fire8", "fire9")
"""Of SqueezeNet, those whose rectified outputs LPIPS takes (Zhang et al. 2018), less the stem's."""

# Features are kept as 16-bit floats, which are exact enough between these sizes and 1.
_SCALE = 256.0
# Numbers of features converted and multiplied at a time.
_SLICE = 1 << 16
_PASS = 16


class Similarity(Protocol):
    """What the machine observer sees with."""

    def describe(self) -> dict[str, Any]:
        """Give what it is, for the bank: anything JSON can hold."""
        ...

    def distances(
        self, first: Sequence[str], second: Sequence[str], read: Reader
    ) -> npt.NDArray[np.float64]:
        """Give the distance of every image of `first` to every one of `second`: (n, m)."""
        ...


class Embedding(Protocol):
    """Maps images to vectors whose squared Euclidean distance is the dissimilarity."""

    def describe(self) -> dict[str, Any]:
        """Give what it is, for the bank."""
        ...

    def embed(self, images: Images) -> Tensor:
        """Map RGB images (N, H, W, 3) to vectors (N, F)."""
        ...


class PerceptualFeatures:
    """Rectified feature maps, unit-normalised over channels, of several layers.

    The squared distance of two images' vectors is the mean over layers of the mean over positions
    of the squared difference of normalised features: LPIPS (Zhang et al. 2018, equation 1) with
    every channel and layer weighted alike. **Its learned linear weights are not used.**

    Parameters
    ----------
    network : Network
    layers : sequence of str
        Names of the network's layers.
    """

    def __init__(self, network: Network, layers: Sequence[str] = LAYERS) -> None:
        self._network = network
        self._layers = tuple(layers)

    def describe(self) -> dict[str, Any]:
        """Give network, layers and weights."""
        return {
            "name": "perceptual features",
            "network": self._network.spec.name,
            "weights_sha256": self._network.spec.weights_sha256,
            "layers": list(self._layers),
            "linear_weights": "none: channels and layers count alike",
            "device": self._network.device.type,
        }

    def embed(self, images: Images) -> Tensor:
        """Give 16-bit vectors, 256 times too long."""
        x = torch.from_numpy(images).to(self._network.device).permute(0, 3, 1, 2).float() / 255
        parts = []
        with torch.no_grad():
            for features in self._network.feature_maps(x, self._layers):
                rectified = torch.relu(features).flatten(2)
                length = rectified.norm(dim=1, keepdim=True).clamp_min(1e-10)
                weight = _SCALE / (len(self._layers) * rectified.shape[2]) ** 0.5
                parts.append((rectified / length * weight).half().flatten(1))
        return torch.cat(parts, dim=1)

    @property
    def unit(self) -> float:
        """What squared distances are to be multiplied by."""
        return _SCALE**-2


class EmbeddedDistances:
    """Distances by an embedding, each image embedded once as long as there is room.

    Parameters
    ----------
    embedding : Embedding
    budget : int
        Bytes that vectors may take; the least recently used are given up.
    """

    def __init__(self, embedding: Embedding, budget: int) -> None:
        self._embedding = embedding
        self._budget = budget
        self._kept: OrderedDict[str, Tensor] = OrderedDict()
        self._size = 0
        self.embedded = 0
        """Number of images embedded so far, those embedded again included."""

    def describe(self) -> dict[str, Any]:
        """Give what the embedding is."""
        return self._embedding.describe()

    def distances(
        self, first: Sequence[str], second: Sequence[str], read: Reader
    ) -> npt.NDArray[np.float64]:
        """Give squared Euclidean distances of the vectors, by one matrix product."""
        a, b = self._vectors(first, read), self._vectors(second, read)
        # Of 16 bits no more is known. Others may lie close together and far from the origin, where
        # differences of squares leave nothing of 32 bits.
        dtype = torch.float32 if a[0].dtype == torch.float16 else torch.float64
        kind = {"dtype": dtype, "device": a[0].device}
        inner = torch.zeros(len(a), len(b), **kind)
        squares = [torch.zeros(len(side), **kind) for side in (a, b)]
        for start in range(0, len(a[0]), _SLICE):
            left, right = (
                torch.stack([vector[start : start + _SLICE] for vector in side]).to(dtype)
                for side in (a, b)
            )
            inner += left @ right.T
            squares[0] += (left * left).sum(1)
            squares[1] += (right * right).sum(1)
        found = (squares[0][:, None] + squares[1][None, :] - 2 * inner).clamp_min(0)
        unit = float(getattr(self._embedding, "unit", 1.0))
        return np.asarray(found.double().cpu().numpy() * unit, dtype=np.float64)

    def _vectors(self, ids: Sequence[str], read: Reader) -> list[Tensor]:
        missing = list(dict.fromkeys(name for name in ids if name not in self._kept))
        fresh: dict[str, Tensor] = {}
        for start in range(0, len(missing), _PASS):
            names = missing[start : start + _PASS]
            vectors = self._embedding.embed(read(names))
            fresh.update(zip(names, vectors, strict=True))
        self.embedded += len(missing)
        found = []
        for name in ids:
            if name in fresh:
                found.append(fresh[name])
            else:
                self._kept.move_to_end(name)
                found.append(self._kept[name])
        for name, vector in fresh.items():
            # A slice of a whole pass would keep all of it.
            self._kept[name] = vector.clone()
            self._size += vector.nbytes
        while self._size > self._budget and self._kept:
            self._size -= self._kept.popitem(last=False)[1].nbytes
        return found


class PairDistances:
    """Distances by a function of two arrays of images; nothing of it is kept.

    Parameters
    ----------
    function : callable
        ``function(first, second)`` of RGB images, two uint8 arrays (n, H, W, 3), gives n
        distances.
    name : str
        For the bank and for messages.
    """

    def __init__(self, function: Callable[[Images, Images], Any], name: str) -> None:
        self._function = function
        self._name = name

    def describe(self) -> dict[str, Any]:
        """Give the function's name."""
        return {"name": self._name, "kind": "function of two images"}

    def distances(
        self, first: Sequence[str], second: Sequence[str], read: Reader
    ) -> npt.NDArray[np.float64]:
        """Call the function for every pair."""
        left, right = read(first), read(second)
        rows = np.repeat(np.arange(len(first)), len(second))
        columns = np.tile(np.arange(len(second)), len(first))
        found = np.empty(len(rows))
        for start in range(0, len(rows), _PASS):
            part = slice(start, start + _PASS)
            value = called(self._name, self._function, left[rows[part]], right[columns[part]])
            found[part] = as_numbers(self._name, value, (len(rows[part]),))
        return found.reshape(len(first), len(second))


def called(name: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """Call what a user wrote; what it raises becomes a `UserError`."""
    try:
        with torch.no_grad():
            return function(*arguments)
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"the similarity failed ({type(error).__name__}: {error})", where=name
        ) from error


def as_numbers(name: str, value: Any, shape: tuple[int | None, ...]) -> npt.NDArray[np.float64]:
    """Check that a user's similarity gave finite numbers of a shape; None = any length."""
    if isinstance(value, Tensor):
        value = value.detach().cpu().float().numpy()
    try:
        found = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise UserError(f"the similarity gave no numbers ({error})", where=name) from error
    fits = found.ndim == len(shape) and all(
        wanted in (None, got) for wanted, got in zip(shape, found.shape, strict=True)
    )
    if not fits:
        wanted_shape = tuple("any" if length is None else length for length in shape)
        raise UserError(
            f"the similarity gave an array of shape {found.shape}, not {wanted_shape}", where=name
        )
    if not np.isfinite(found).all():
        raise UserError("the similarity gave numbers that are not finite", where=name)
    return found
