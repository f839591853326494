"""A small plan, made by hand."""

from __future__ import annotations

from participants import Plan, PlannedBlock, PlannedTrial, SessionInfo


def small_plan(participant: int = 1, session: int = 1, n_trials: int = 4) -> Plan:
    trials = tuple(
        PlannedTrial(
            trial=number,
            block=1,
            trial_type="catch" if number == 2 else "main",
            condition="natural",
            scheme="Min+Max 9",
            unit=f"fire5:3x3:{number}",
            layer="fire5",
            branch="3x3",
            channel=number,
            batch=1,
            references_min=("natural/000001", "natural/000002"),
            references_max=("natural/000003", "natural/000004"),
            query_upper=f"natural/{number:06d}",
            query_lower=f"natural/{number + 100:06d}",
            correct_position="upper" if number % 2 else "lower",
        )
        for number in range(1, n_trials + 1)
    )
    block = PlannedBlock(
        block=1, kind="main", condition="natural", scheme="Min+Max 9", trials=trials
    )
    return Plan(
        protocol="small",
        protocol_sha256="0" * 64,
        protocol_text="name = 'small'",
        bank_name="small",
        bank_sha256="1" * 64,
        participant=participant,
        session=session,
        seed=7,
        blocks=(block,),
    )


def small_info(plan: Plan) -> SessionInfo:
    return SessionInfo(
        participant=plan.participant,
        session=plan.session,
        protocol=plan.protocol,
        bank_sha256=plan.bank_sha256,
        kind="simulated",
        observer={"name": "guessing"},
        started="2026-01-01T10:00:00+00:00",
    )


def answer(trial: int) -> dict[str, object]:
    return {
        "trial": trial,
        "key": "u",
        "choice": "upper",
        "correct": trial % 2 == 1,
        "confidence": 1 + trial % 3,
        "rt": 0.1 + trial / 3,
        "confidence_rt": 0.1 + trial / 3,
        "onset_time": 10.0 * trial,
        "frame_intervals": [16.6, 16.7],
    }
