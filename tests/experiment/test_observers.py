"""Simulated participants."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from experiment.bank_index import BankSnapshot
from experiment.design import make_plan
from experiment.observers import (
    OBSERVERS,
    SignalDetection,
    SignalDetectionObserver,
    make_observer,
)
from experiment.protocol import Protocol
from house.errors import UserError
from participants import PlannedTrial


@pytest.fixture(scope="module")
def trials(protocol: Protocol, demo_text: str, bank: BankSnapshot) -> list[PlannedTrial]:
    return list(make_plan(protocol, demo_text, bank, 1).trials())


def many(trial: PlannedTrial, count: int) -> list[PlannedTrial]:
    return [trial.model_copy(update={"trial": i + 1}) for i in range(count)]


@pytest.mark.parametrize(
    ("condition", "published"),
    # Borowski et al. 2021, experiment I: proportion correct by condition.
    [("none", 0.43), ("natural", 0.92), ("synthetic", 0.82)],
)
def test_sdt_is_as_good_as_people_were(
    trials: list[PlannedTrial], condition: str, published: float
) -> None:
    trial = next(t for t in trials if t.condition == condition and t.trial_type == "main")
    answers = [
        make_observer("sdt", 0, participant).answer(shown).choice
        for participant in range(1, 61)
        for shown in many(trial, 50)
    ]
    correct = np.mean([choice == trial.correct_position for choice in answers])
    # Three standard errors of a proportion over 3000 trials, and those of 60 participants.
    assert correct == pytest.approx(published, abs=0.03)


def test_sdt_follows_the_theory(trials: list[PlannedTrial]) -> None:
    parameters = SignalDetection(d_natural=1.5, d_spread=0.0, lapse=0.0)
    observer = SignalDetectionObserver(3, 1, 1, parameters)
    trial = next(t for t in trials if t.condition == "natural" and t.trial_type == "main")
    answers = [observer.answer(shown) for shown in many(trial, 4000)]
    correct = np.array([a.choice == trial.correct_position for a in answers])
    expected = norm.cdf(1.5 / np.sqrt(2))
    assert correct.mean() == pytest.approx(
        expected, abs=4 * np.sqrt(expected * (1 - expected) / 4000)
    )
    confidence = np.array([a.confidence for a in answers])
    assert set(confidence) == {1, 2, 3}
    by_confidence = [correct[confidence == level].mean() for level in (1, 2, 3)]
    assert by_confidence == sorted(by_confidence)
    rt = np.array([a.rt for a in answers])
    assert rt.min() > 0
    assert np.median(rt[confidence == 3]) < np.median(rt[confidence == 1])


def test_a_criterion_is_a_bias(trials: list[PlannedTrial]) -> None:
    biased = SignalDetectionObserver(1, 1, 1, SignalDetection(criterion=1.0))
    answers = [biased.answer(t) for t in many(trials[0], 400)]
    assert sum(a.choice == "upper" for a in answers) < 130


def test_ideal_and_guessing(trials: list[PlannedTrial]) -> None:
    ideal, guessing = make_observer("ideal", 0, 1), make_observer("guessing", 0, 1)
    assert all(ideal.answer(t).choice == t.correct_position for t in trials)
    guesses = [guessing.answer(t) for t in many(trials[0], 600)]
    upper = sum(a.choice == "upper" for a in guesses)
    assert abs(upper - 300) < 62  # five SD of Binomial(600, 1/2)
    assert {a.confidence for a in guesses} == {1, 2, 3}


@pytest.mark.parametrize("name", OBSERVERS)
def test_answers_depend_on_seed_participant_session_and_trial_alone(
    name: str, trials: list[PlannedTrial]
) -> None:
    first = [make_observer(name, 5, 2, 1).answer(t) for t in trials]
    # Answered backwards by another object: a resumed session is answered like a whole one.
    other = make_observer(name, 5, 2, 1)
    assert [other.answer(t) for t in reversed(trials)] == first[::-1]
    for origin in ((6, 2, 1), (5, 3, 1), (5, 2, 2)):
        assert [make_observer(name, *origin).answer(t) for t in trials] != first


def test_description_names_all_parameters() -> None:
    described = make_observer("sdt", 1, 2, 3).describe()
    assert (described["name"], described["seed"], described["participant"]) == ("sdt", 1, 2)
    assert described["parameters"]["d_natural"] == SignalDetection().d_natural


def test_unknown_observer() -> None:
    with pytest.raises(UserError, match=r'Did you mean "guessing"\?'):
        make_observer("guesing", 0, 1)
