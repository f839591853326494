"""A machine observer: it chooses the query that looks more like the maximal references.

For every trial that a bank can make, after the machine interpretability score of Zimmermann,
Klindt and Brendel (2024, "Measuring Per-Unit Interpretability at Scale Without Humans", section
3). With the similarity s = -distance and a(q, E) the mean of s over the references E of a side,
a query's evidence is e(q) = a(q, E_max) - a(q, E_min), or a(q, E_max) in schemes without minimal
references, and the decision variable is e(q_max) - e(q_min): positive where the right query is
chosen. That paper then takes the mean over trials of a logistic function of it, whose steepness it
fitted to people's answers; here the variable is kept as it is, and whoever uses it adds noise.
"""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from generation.natural.settings import SMALLEST_INPUT
from generation.prediction.similarity import Images, Similarity
from house.errors import UserError
from house.provenance import git_commit, machine, software_versions
from house.seeds import generator
from stimuli import SIGNS, MachinePrediction, StimulusBank
from stimuli.machine import CONDITIONS, SCHEMES

SHUFFLES = 10
"""Other units whose references each unit's queries are judged by, to see what chance is."""

DEALS = 100
"""Times that a trial's own references are dealt to the two sides."""

_DECISION = "mean similarity to the references, query by query: max - min, then right - wrong"

Distances = npt.NDArray[np.float64]


def references_of(scheme: str) -> tuple[bool, int]:
    """Whether a scheme shows minimal references, and how many a side."""
    return scheme.startswith("Min+"), int(scheme.rsplit(" ", 1)[1])


def decide(distances: Distances, schemes: Sequence[str] = SCHEMES) -> npt.NDArray[np.float64]:
    """Give the decision variable of one trial, or of many.

    Parameters
    ----------
    distances : ndarray of float, shape (..., 2, 2, K)
        Of the query (weak, strong) to the references (min, max), in the order in which they are
        shown; K at least 1.
    schemes : sequence of str

    Returns
    -------
    ndarray of float, shape (..., S)
        Positive: the strong query is chosen. NaN for schemes that need more than K references.
    """
    found = np.full((*distances.shape[:-3], len(schemes)), np.nan)
    for place, scheme in enumerate(schemes):
        both, count = references_of(scheme)
        if count > distances.shape[-1]:
            continue
        similarity = -distances[..., :count].mean(axis=-1)
        evidence = similarity[..., 1] - (similarity[..., 0] if both else 0)
        found[..., place] = evidence[..., 1] - evidence[..., 0]
    return found


def deal(
    distances: Distances, rng: np.random.Generator, deals: int = DEALS
) -> npt.NDArray[np.float64]:
    """Give the share of right choices when a trial's references are dealt to the sides at random.

    A deal and its mirror image, in which the sides are exchanged, are equally likely and have
    opposite decision variables; so a half is expected, whatever the images are. Only one of the
    two is looked at: together they would give a half in every trial, also where a fault gives
    away which side a reference is from.

    Parameters
    ----------
    distances : ndarray of float, shape (2, 2, K)
        Of one trial; see `decide`.
    rng : numpy.random.Generator
    deals : int

    Returns
    -------
    ndarray of float, shape (S,)
        NaN for schemes without minimal references, where there is no other side to deal to.
    """
    found = np.full(len(SCHEMES), np.nan)
    for place, scheme in enumerate(SCHEMES):
        both, count = references_of(scheme)
        if not both or count > distances.shape[-1]:
            continue
        pool = distances[..., :count].reshape(2, 2 * count)
        order = rng.permuted(np.tile(np.arange(2 * count), (deals, 1)), axis=1)
        dealt = pool[:, order].transpose(1, 0, 2).reshape(deals, 2, 2, count)
        found[place] = _share_right(decide(dealt, [scheme])).mean()
    return found


@dataclass(frozen=True)
class Predicted:
    """What `predict` found, and what it took.

    Attributes
    ----------
    trials : int
        Trials answered, without those with other references.
    seconds : float
    """

    prediction: MachinePrediction
    trials: int
    seconds: float

    @property
    def rate(self) -> float:
        """Trials a second."""
        return self.trials / max(self.seconds, 1e-9)


def predict(
    bank: StimulusBank,
    similarity: Similarity,
    name: str,
    *,
    shuffles: int = SHUFFLES,
    seed: int = 0,
    advance: Callable[[], None] = lambda: None,
) -> Predicted:
    """Let the machine answer every trial that a bank can make.

    Natural references are positions 1 to 9 of the trial's batch, synthetic ones the first of each
    sign, as a balanced session shows them. Queries are those of the batch.

    Parameters
    ----------
    bank : StimulusBank
    similarity : Similarity
    name : str
        Of the prediction.
    shuffles : int
        Other units whose references stand in for each unit's own.
    seed : int
        Decides which units these are, and how a trial's own references are dealt.
    advance : callable
        Told after each unit.

    Raises
    ------
    UserError
        If the images are too small for a network, or the similarity fails.
    """
    if bank.image_size < SMALLEST_INPUT:
        raise UserError(
            f"images of {bank.image_size} pixels are too small to be compared",
            where=str(bank.path),
            remedy=f"They need {SMALLEST_INPUT} pixels or more.",
        )
    started = time.perf_counter()
    units = [unit.unit_id for unit in bank.units]
    shape = (len(units), bank.n_batches, len(CONDITIONS), len(SCHEMES))
    decision = np.full(shape, np.nan)
    right = np.zeros(shape)
    dealt = np.full(shape, np.nan)
    others = min(shuffles, len(units) - 1)
    order = generator(seed, "machine observer", "shuffled").permutation(len(units))
    for place, row in enumerate(order):
        # The next units are judged by this one's references, and soon are this one themselves:
        # what was seen of them can be kept.
        group = [int(order[(place + k) % len(order)]) for k in range(others + 1)]
        for condition, batch, found in judge(bank, similarity, [units[u] for u in group]):
            values = decide(found)
            decision[row, batch, condition] = values[0]
            right[group[1:], batch, condition] += _share_right(values[1:])
            rng = generator(seed, "machine observer", "dealt", units[row], condition, batch)
            dealt[row, batch, condition] = deal(found[0], rng)
        advance()
    seconds = time.perf_counter() - started
    prediction = MachinePrediction(
        name,
        tuple(units),
        decision.astype(np.float32),
        (right / others if others else np.full(shape, np.nan)).astype(np.float32),
        {
            "similarity": similarity.describe(),
            "decision": _DECISION,
            "shuffles": others,
            "deals": DEALS,
            "seed": seed,
            "content_sha256": bank.content_sha256,
            "seconds": round(seconds, 2),
            "software": software_versions(["torch", "numpy"]),
            "machine": machine(),
            "git_commit": git_commit(),
            "created": _now(),
        },
        dealt.astype(np.float32),
    )
    return Predicted(prediction, int(np.isfinite(decision).sum()), seconds)


def judge(
    bank: StimulusBank, similarity: Similarity, group: Sequence[str]
) -> Iterator[tuple[int, int, Distances]]:
    """Give distances of a group's queries to its first unit's references, trial by trial.

    Yields
    ------
    condition, batch : int
    distances : ndarray, shape (G, 2, 2, K)
        Unit whose queries they are, weak or strong query, min or max references, reference.
    """

    def read(ids: Sequence[str]) -> Images:
        return np.stack(bank.images(ids))

    queries = [
        [bank.batch(unit, sign, b)[0] for unit in group for sign in SIGNS]
        for b in range(bank.n_batches)
    ]
    unit = group[0]
    for b, asked in enumerate(queries):
        shown = [bank.batch(unit, sign, b)[1 : 1 + _most()] for sign in SIGNS]
        if shown[0]:
            found = similarity.distances(asked, [*shown[0], *shown[1]], read)
            yield 0, b, found.reshape(len(group), 2, 2, -1)
    shown = [bank.synthetic(unit, sign)[: _most()] for sign in SIGNS]
    together = [query for asked in queries for query in asked]
    found = similarity.distances(together, [*shown[0], *shown[1]], read)
    for b, part in enumerate(found.reshape(len(queries), len(group), 2, 2, -1)):
        yield 1, b, part


def _most() -> int:
    return max(references_of(scheme)[1] for scheme in SCHEMES)


def _share_right(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """1 where the right query is chosen, 0 where the other, a half where neither."""
    return np.where(np.isnan(values), np.nan, (np.sign(values) + 1) / 2)


def _now() -> str:
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds")
