"""From ranks to batches: which photographs are shown together. Pure."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def deal(batches: int, positions: int, rng: np.random.Generator) -> npt.NDArray[np.int32]:
    """Deal the most extreme ranks of a unit's sign to batches of equal difficulty.

    The ranks are cut into as many bins as a batch has positions, each as large as there are
    batches; every batch gets one rank of every bin, by one permutation a bin (Borowski et al.
    2021, appendix A.1.2; there 200 ranks, 10 bins of 20, 20 batches). The images of position 0 come
    from the most extreme bin: they are the queries, and the others the references.

    Parameters
    ----------
    batches : int
        Number B of batches.
    positions : int
        Number P of images in a batch.
    rng : numpy.random.Generator
        Source of the P permutations.

    Returns
    -------
    ndarray of int32, shape (B, P)
        Ranks, 0 = most extreme. Each of the ``B P`` ranks stands in one place; column p holds
        the ranks ``p B`` to ``(p + 1) B - 1``.
    """
    if batches < 1 or positions < 1:
        raise ValueError("at least one batch and one position are needed")
    bins = np.arange(batches * positions, dtype=np.int32).reshape(positions, batches)
    return np.stack([rng.permutation(ranks) for ranks in bins], axis=1)
