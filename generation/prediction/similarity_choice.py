"""Which similarity the machine observer sees with: the embedded network's, or a user's own."""

from __future__ import annotations

import inspect
from typing import Any

import torch
from torch import Tensor

from generation.building.scheduling import choose_device
from generation.networks.module_factories import find_callable
from generation.networks.network import load_network
from generation.prediction.similarity import (
    EmbeddedDistances,
    Images,
    PairDistances,
    PerceptualFeatures,
    Similarity,
    as_numbers,
    called,
)
from house.errors import UserError

EMBEDDED = "squeezenet1_1"
"""Name of the default: features of the embedded network."""

_FORM = 'Write it as "package.module:name", for instance "my_similarity:DreamSim".'


class _UsersEmbedding:
    """An object of the user's own with a method ``embed``."""

    def __init__(self, made: Any, name: str) -> None:
        self._made = made
        self._name = name

    def describe(self) -> dict[str, Any]:
        return {"name": self._name, "kind": "embedding"}

    def embed(self, images: Images) -> Tensor:
        value = called(self._name, self._made.embed, images)
        return torch.from_numpy(as_numbers(self._name, value, (len(images), None))).float()


def choose_similarity(which: str, budget: int) -> Similarity:
    """Find a similarity.

    Parameters
    ----------
    which : str
        `EMBEDDED`, or ``package.module:name`` of a function of two arrays of images, or of a class
        (called without arguments) whose objects are such functions or have a method ``embed``.
    budget : int
        Bytes that features may take.

    Raises
    ------
    UserError
        If there is no such thing, or it is neither.
    """
    if which == EMBEDDED:
        network = load_network(EMBEDDED, choose_device())
        return EmbeddedDistances(PerceptualFeatures(network), budget)
    made = find_callable(which, f"{_FORM} Or leave it out: {EMBEDDED}.", "similarity")
    if inspect.isclass(made):
        made = called(which, made)
    if callable(getattr(made, "embed", None)):
        return EmbeddedDistances(_UsersEmbedding(made, which), budget)
    if not callable(made):
        raise UserError(
            f"{type(made).__name__} has no method embed and cannot be called", where=which
        )
    return PairDistances(made, which)
