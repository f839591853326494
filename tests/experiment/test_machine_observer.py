"""The participant that answers by a machine's predictions in the bank."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from experiment.bank_index import BankSnapshot
from experiment.design import make_plan
from experiment.machine_observer import (
    MachineChoice,
    MachineObserver,
    MachineParameters,
    machine_observer,
)
from experiment.observers import Answer
from experiment.options import Options
from experiment.protocol import Protocol
from experiment.replay import named_observer
from experiment.run import run_session
from experiment.simulation import simulate
from house.errors import UserError
from participants import PlannedTrial
from stimuli import MachinePrediction, StimulusBank, add_machine

UNITS = 7


def prediction(bank: BankSnapshot, seed: int = 0, name: str = "lab") -> MachinePrediction:
    ids = tuple(unit.unit_id for unit in bank.units)
    values = np.random.default_rng(seed).normal(0.3, 1, (len(ids), bank.n_batches, 2, 4))
    return MachinePrediction(
        name,
        ids,
        values.astype(np.float32),
        np.full(values.shape, 0.5, np.float32),
        {"similarity": {"name": "made up"}},
    )


@pytest.fixture
def predicted(bank_path: Path, bank: BankSnapshot, tmp_path: Path) -> Path:
    path = tmp_path / "predicted.h5"
    shutil.copy(bank_path, path)
    add_machine(path, prediction(bank))
    return path


@pytest.fixture
def trials(protocol: Protocol, demo_text: str, bank: BankSnapshot) -> list[PlannedTrial]:
    plans = [make_plan(protocol, demo_text, bank, number) for number in (1, 2, 3)]
    return [t for plan in plans for t in plan.trials() if t.trial_type != "intuitiveness"]


def observer(bank: BankSnapshot, **parameters: float) -> MachineObserver:
    return MachineObserver(0, 1, 1, prediction(bank), MachineParameters(**parameters))


def test_without_noise_the_sign_chooses(bank: BankSnapshot, trials: list[PlannedTrial]) -> None:
    machine, sure = prediction(bank), observer(bank, noise=0.0, lapse=0.0)
    seen = set()
    for trial in trials:
        if trial.trial_type != "catch" and trial.condition != "none":
            value = machine.of(trial.unit, trial.batch or 0, trial.condition, trial.scheme)
            answer = sure.answer(trial)
            assert (answer.choice == trial.correct_position) == (value > 0)
            size = abs(value) / machine.scale
            assert answer.confidence == 1 + (size >= 0.4) + (size >= 1.0)
            seen.add((value > 0, answer.confidence))
    assert len(seen) == 6


@pytest.mark.parametrize("noise", [0.8, 3.0])
def test_right_as_often_as_the_logistic_function_says(
    bank: BankSnapshot, trials: list[PlannedTrial], noise: float
) -> None:
    machine = prediction(bank)
    trial = next(t for t in trials if t.condition == "natural" and t.trial_type == "main")
    value = machine.of(trial.unit, trial.batch or 0, "natural", trial.scheme) / machine.scale
    expected = 1 / (1 + np.exp(-value / noise))
    noisy = observer(bank, noise=noise, lapse=0.0)
    answers = [noisy.answer(trial.model_copy(update={"trial": i + 1})) for i in range(4000)]
    right = np.mean([a.choice == trial.correct_position for a in answers])
    assert right == pytest.approx(expected, abs=4 * np.sqrt(0.25 / 4000))
    assert 0.02 < expected < 0.98
    sure = np.array([a.confidence for a in answers])
    times = np.array([a.rt for a in answers])
    assert np.log(times[sure == 3]).mean() < np.log(times[sure == 1]).mean()


def test_without_references_it_guesses_and_catch_trials_are_easy(
    bank: BankSnapshot, trials: list[PlannedTrial]
) -> None:
    some = observer(bank)
    main = next(t for t in trials if t.condition == "natural" and t.trial_type == "main")
    catch = main.model_copy(update={"trial_type": "catch"})
    none = main.model_copy(update={"condition": "none"})
    for trial, low, high in ((none, 0.46, 0.54), (catch, 0.97, 1.0)):
        answers = [
            some.answer(trial.model_copy(update={"trial": i + 1})).choice for i in range(3000)
        ]
        assert low <= np.mean([choice == trial.correct_position for choice in answers]) <= high
    silent = observer(bank, noise=0.0)
    sides = {silent.answer(none.model_copy(update={"trial": i + 1})).choice for i in range(40)}
    assert sides == {"upper", "lower"}


def test_the_same_seed_gives_the_same_answers(predicted: Path, trials: list[PlannedTrial]) -> None:
    choice = MachineChoice(predicted)
    first = [named_observer("machine", 5, 2, machine=choice).answer(t) for t in trials]
    again = named_observer("machine", 5, 2, machine=choice)
    assert [again.answer(t) for t in trials[::-1]] == first[::-1]
    other = named_observer("machine", 5, 3, machine=choice)
    assert [other.answer(t) for t in trials] != first
    described = again.describe()
    assert described["prediction"] == "lab"
    assert described["parameters"]["noise"] == 0.25
    assert described["similarity"] == {"name": "made up"}


def test_a_new_prediction_in_the_same_bank_is_read(predicted: Path, bank: BankSnapshot) -> None:
    before = machine_observer(MachineChoice(predicted), 0, 1)._prediction
    add_machine(predicted, prediction(bank, seed=9), replace=True)
    after = machine_observer(MachineChoice(predicted), 0, 1)._prediction
    assert (before.decision != after.decision).any()


def test_a_session_goes_on_with_the_noise_that_it_began_with(
    predicted: Path, bank: BankSnapshot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    begun = Options(
        "demo", predicted, data, 1, observer="machine", window=False, noise=0.0, rehearsal=True
    )
    answer = MachineObserver.answer

    def tired(self: MachineObserver, trial: PlannedTrial) -> Answer:
        if trial.trial == 12:
            raise KeyboardInterrupt
        return answer(self, trial)

    monkeypatch.setattr(MachineObserver, "answer", tired)
    with pytest.raises(KeyboardInterrupt):
        run_session(begun)
    monkeypatch.setattr(MachineObserver, "answer", answer)
    add_machine(predicted, prediction(bank, seed=5, name="another"))
    # With two predictions in the bank now; what was asked for is neither changed nor dropped.
    for changed, said in (({"noise": 3.0}, "--noise 0.0 and cannot go on with 3.0"),
                          ({"machine": "another"}, "--machine lab and cannot go on with another"),
                          ):  # fmt: skip
        with pytest.raises(UserError, match=said):
            run_session(replace(begun, resume=True, **changed))
    resumed = run_session(replace(begun, resume=True, noise=None)).folder
    whole = run_session(replace(begun, data=tmp_path / "whole", machine="lab")).folder
    told = ("trial", "choice", "confidence")
    assert [[row[k] for k in told] for row in resumed.rows()] == [
        [row[k] for k in told] for row in whole.rows()
    ]


def test_what_is_missing_or_makes_no_sense_is_told(
    predicted: Path, bank_path: Path, bank: BankSnapshot, trials: list[PlannedTrial]
) -> None:
    with pytest.raises(UserError, match="no predictions of a machine"):
        named_observer("machine", 0, 1, machine=MachineChoice(bank_path))
    with pytest.raises(UserError, match="no prediction called"):
        named_observer("machine", 0, 1, machine=MachineChoice(predicted, "labor"))
    with pytest.raises(UserError, match="noise is 0 or more"):
        named_observer("machine", 0, 1, machine=MachineChoice(predicted, noise=float("nan")))
    with pytest.raises(UserError, match="for --observer machine only"):
        named_observer("sdt", 0, 1, machine=MachineChoice(predicted, noise=1.0))
    with pytest.raises(UserError, match="--answers is for"):
        named_observer("machine", 0, 1, answers=predicted, machine=MachineChoice(predicted))
    main = next(t for t in trials if t.condition == "natural" and t.trial_type == "main")
    lost = main.model_copy(update={"unit": "layer9:3x3:1"})
    with pytest.raises(UserError, match="knows nothing of trial"):
        observer(bank).answer(lost)
    flat = prediction(bank)
    flat.decision[:] = 0
    with pytest.raises(UserError, match="tells no image from another"):
        MachineObserver(0, 1, 1, flat)


def test_a_data_set_of_machines(predicted: Path, tmp_path: Path) -> None:
    folders = simulate("demo", predicted, tmp_path / "data", 3, "machine", seed=2, noise=0.0)
    with StimulusBank(predicted) as bank:
        machine = bank.machine()
    main = [
        row
        for folder in folders
        for row in folder.rows()
        if row["trial_type"] == "main" and row["condition"] != "none"
    ]
    right = [machine.of(r["unit"], r["batch"], r["condition"], r["scheme"]) > 0 for r in main]
    agree = np.mean([bool(r["correct"]) for r in main] == np.array(right))
    # All but lapses, of which every other one hits by chance.
    assert agree >= 0.9
    assert folders[0].info.observer is not None
    assert folders[0].info.observer["parameters"]["noise"] == 0.0


def test_the_command_needs_no_torch(predicted: Path, tmp_path: Path) -> None:
    program = (
        "import sys, runpy\n"
        "sys.modules['torch'] = None\n"
        f"sys.argv = ['experiment', 'simulate', '--bank', {str(predicted)!r}, '--data', "
        f"{str(tmp_path / 'data')!r}, '--participants', '2', '--observer', 'machine', "
        "'--noise', '0.5', '--quiet']\n"
        "runpy.run_module('experiment', run_name='__main__', alter_sys=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "participants 1 to 2 (machine, seed 0)" in done.stdout
