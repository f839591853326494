"""Which trials are shown again at the end: a pure function of the plan and the answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from experiment.orders import Side, spread_sides
from experiment.protocol import Protocol
from house.seeds import generator
from participants import Plan, PlannedBlock, PlannedTrial


def decide_repeats(
    plan: Plan, protocol: Protocol, results: Mapping[int, Mapping[str, Any]]
) -> tuple[PlannedBlock, ...]:
    """Choose the trials that are shown again, and lay them out in blocks.

    From every condition (and scheme) the `design.repeated` main trials answered with least and
    as many of those answered with most confidence, ties broken at random, in random order, with
    sides drawn afresh; conditions in random order (Borowski et al. 2021, experiment I). No trial
    is chosen twice; trials without an answer are never chosen.

    Parameters
    ----------
    plan : Plan
        As it was written before the session; not extended.
    protocol : Protocol
        The session's own.
    results : mapping of int to mapping
        Answers by trial number, of which `confidence` is read. All blocks of the plan are done.

    Returns
    -------
    tuple of PlannedBlock
        For `Plan.extended`; empty where nothing is repeated. Draws are named by seed, protocol,
        participant and session, so the same plan and answers give the same blocks.
    """
    count = protocol.design.repeated
    if not count:
        return ()
    rng = generator(plan.seed, "repeats", plan.protocol, plan.participant, plan.session)
    cells: dict[tuple[str, str], list[PlannedTrial]] = {}
    for trial in plan.trials():
        answered = results.get(trial.trial, {}).get("confidence") is not None
        if trial.trial_type == "main" and answered:
            cells.setdefault((trial.condition, trial.scheme), []).append(trial)
    chosen = [
        _least_and_most(list(cells.values())[i], results, count, rng)
        for i in rng.permutation(len(cells))
    ]
    sides = _sides(chosen, plan, protocol, rng)
    number = max(trial.trial for trial in plan.trials())
    blocks: list[PlannedBlock] = []
    for block, trials in enumerate(chosen, start=len(plan.blocks) + 1):
        again: list[PlannedTrial] = []
        for trial in trials:
            number += 1
            again.append(_again(trial, number, block, sides.pop()))
        blocks.append(
            PlannedBlock(
                block=block,
                kind="repeated",
                condition=trials[0].condition,
                scheme=trials[0].scheme,
                trials=tuple(again),
            )
        )
    return tuple(blocks)


def _least_and_most(
    trials: list[PlannedTrial],
    results: Mapping[int, Mapping[str, Any]],
    count: int,
    rng: np.random.Generator,
) -> list[PlannedTrial]:
    shuffled = [trials[i] for i in rng.permutation(len(trials))]
    ordered = sorted(shuffled, key=lambda trial: int(results[trial.trial]["confidence"]))
    most = ordered[max(count, len(ordered) - count) :]
    chosen = ordered[:count] + most
    return [chosen[i] for i in rng.permutation(len(chosen))]


def _sides(
    chosen: list[list[PlannedTrial]], plan: Plan, protocol: Protocol, rng: np.random.Generator
) -> list[Side]:
    """Draw the correct sides, the last one first."""
    cells = [i for i, trials in enumerate(chosen) for _ in trials]
    if protocol.design.order == "published":
        return ["upper" if coin else "lower" for coin in rng.integers(2, size=len(cells))][::-1]
    before: list[Side] = [t.correct_position for t in plan.trials() if t.correct_position]
    return spread_sides(cells, rng, protocol.design.longest_run, before)[::-1]


def _again(trial: PlannedTrial, number: int, block: int, correct: Side) -> PlannedTrial:
    queries = trial.query_upper, trial.query_lower
    upper, lower = queries if correct == trial.correct_position else queries[::-1]
    changes = {
        "trial": number,
        "block": block,
        "trial_type": "repeated",
        "query_upper": upper,
        "query_lower": lower,
        "correct_position": correct,
        "repeated_of": trial.trial,
    }
    return trial.model_copy(update=changes)
