"""Random streams that depend on what they are for, never on the order of work."""

from __future__ import annotations

import hashlib
import json

import numpy as np


def seed_sequence(root: int, *names: str | int) -> np.random.SeedSequence:
    """Derive the seed of one purpose from the one seed that a person chose.

    Parameters
    ----------
    root : int
        The seed that is written in the recipe, protocol or command; 0 or more.
    *names : str or int
        What the stream is for, such as ``"crop", "fire5:3x3:145", "max", 17``. The same names
        give the same stream on every machine, whatever else was drawn before.

    Returns
    -------
    numpy.random.SeedSequence
        Entropy `root`, spawn key the first 128 bits of the SHA-256 of the names as JSON. A spawn
        key is what `SeedSequence.spawn` sets too; naming the children makes them independent of
        how many came before.
    """
    if root < 0:
        raise ValueError(f"a seed is 0 or more, not {root}")
    digest = hashlib.sha256(json.dumps(names).encode("ascii")).digest()
    key = tuple(int.from_bytes(digest[i : i + 4], "little") for i in range(0, 16, 4))
    return np.random.SeedSequence(entropy=root, spawn_key=key)


def generator(root: int, *names: str | int) -> np.random.Generator:
    """Give a PCG64 generator on `seed_sequence(root, *names)`."""
    return np.random.Generator(np.random.PCG64(seed_sequence(root, *names)))
