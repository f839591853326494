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
        Number P of images in a batch; 2 for schemes with one reference image a sign.
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


def deal_released(batches: int, positions: int, sign: int, channel: int) -> npt.NDArray[np.int32]:
    """Deal ranks as the paper's released code does, for those who must replicate it.

    It too permutes the ranks within each bin, but then steps through them by the number of bins
    where it should step by the size of a bin. Of 200 ranks in 20 batches of 10 only the first
    110 places are then used: neighbouring batches share images, the query may be no more extreme
    than a reference, and of the maximally activating images the strongest 90 places never appear,
    because that code sorts by activation, so that the most extreme bin comes last.

    Parameters
    ----------
    batches : int
        Number B of batches.
    positions : int
        Number P of images in a batch, at most B.
    sign : int
        0 = min, 1 = max.
    channel : int
        The unit's index within its layer: seed of the permutations (one more for max), drawn
        from NumPy's legacy generator as there.

    Returns
    -------
    ndarray of int32, shape (B, P)
        Ranks, 0 = most extreme; the images of a batch differ. Position 0 is the query: the
        lowest bin of that order for min, the highest for max.
    """
    if not 1 <= positions <= batches:
        raise ValueError("the released assignment needs at least as many batches as positions")
    legacy = np.random.RandomState(channel + sign)
    ordered = np.concatenate(
        [bin_ * batches + legacy.permutation(batches) for bin_ in range(positions)]
    )
    places = np.arange(batches)[:, None] + positions * np.arange(positions)[None, :]
    ranks = ordered[places]
    if sign:
        # There: ascending activation. Here: the most extreme first, in ranks and in positions.
        ranks = (batches * positions - 1 - ranks)[:, ::-1]
    return np.ascontiguousarray(ranks, dtype=np.int32)


def deal_percentile(
    batches: int, positions: int, rng: np.random.Generator
) -> npt.NDArray[np.int32]:
    """Deal ranks where queries come from a percentile, not from the extremes.

    Parameters
    ----------
    batches, positions, rng
        As for `deal`.

    Returns
    -------
    ndarray of int32, shape (B, P)
        The first ``B (P - 1)`` ranks are dealt to positions 1 to P - 1 as by `deal`; the last B,
        which stand for the images around the percentile, to position 0.
    """
    dealt = deal(batches, positions, rng)
    return np.concatenate([dealt[:, -1:], dealt[:, :-1]], axis=1)


def percentile_window(
    values: npt.NDArray[np.float32], sign: int, percentile: float, count: int, references: int
) -> npt.NDArray[np.int64]:
    """Find the images around a percentile of a unit's activations.

    Parameters
    ----------
    values : ndarray of float32, shape (n,)
        The unit's activation by every image; not finite where an image could not be read.
    sign : int
        0 = min: the percentile is mirrored, 100 - `percentile`.
    percentile : float
        Between 50 and 100. Zimmermann et al. (2023) make their task harder in this way.
    count : int
        How many images.
    references : int
        So many of the most extreme images are shown as references and are left out.

    Returns
    -------
    ndarray of int64, shape (count,)
        Indices into `values`, most extreme first. Order is by value, then by index; the window
        is centred on the percentile and moved only as far as the references and the median
        demand.

    Raises
    ------
    ValueError
        If fewer than `count` images lie between the references and the median.
    """
    finite = np.flatnonzero(np.isfinite(values))
    order = finite[np.lexsort((finite, values[finite]))]
    if sign:
        order = order[::-1]
    # From here on the most extreme comes first, and the percentile is a distance from it.
    middle = (1 - percentile / 100) * (len(order) - 1)
    last = len(order) // 2 - count
    if last < references:
        raise ValueError(
            f"{len(order)} images leave too few between the references and the median "
            f"for {count} queries"
        )
    first = min(max(round(middle - (count - 1) / 2), references), last)
    return np.asarray(order[first : first + count], dtype=np.int64)


def check_separate(batches: npt.NDArray[np.integer]) -> None:
    """Assert that no query stands among its own references, nor a reference twice.

    Parameters
    ----------
    batches : ndarray of int, shape (..., P)
        Ranks or images; position 0 is the query.

    Raises
    ------
    ValueError
        If an image stands twice in a batch.
    """
    ordered = np.sort(batches, axis=-1)
    if (ordered[..., 1:] == ordered[..., :-1]).any():
        raise ValueError("an image stands twice in a batch")
