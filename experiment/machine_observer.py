"""A simulated participant that answers as a machine predicted, from what lies in the bank."""

from __future__ import annotations

import functools
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from experiment.observers import Answer, Side, _coin, _Seeded, _time
from house.errors import UserError
from participants import PlannedTrial
from stimuli import MachinePrediction, StimulusBank


@dataclass(frozen=True)
class MachineParameters:
    """Parameters of the machine participant, in units of the prediction's scale.

    The scale is the root mean square of all decision variables of the prediction, so that the
    numbers mean the same whatever images are compared by.

    Attributes
    ----------
    noise : float
        Scale of the logistic noise that is added to the decision variable D: the right image is
        chosen with probability 1 / (1 + exp(-D / noise)), as in Zimmermann et al. (2024, section
        3). 0 = by the sign alone. It is not fitted to people: do that with a pilot.
    fairly_sure, certain : float
        Sizes of the noisy decision variable from which confidence is 2 and 3.
    catch : float
        Decision variable of catch trials, whose queries are copies of references.
    lapse : float
        Proportion of trials answered by a coin.
    rt_median, rt_spread, rt_slope : float
        Log-normal response times: median (s) where nothing speaks for either image, SD of the
        logarithm, and how much it falls with every unit of the noisy decision variable.
    """

    noise: float = 0.25
    fairly_sure: float = 0.4
    certain: float = 1.0
    catch: float = 3.0
    lapse: float = 0.02
    rt_median: float = 3.2
    rt_spread: float = 0.45
    rt_slope: float = 0.3


@dataclass(frozen=True)
class MachineChoice:
    """Whose predictions a machine participant answers by.

    Attributes
    ----------
    bank : Path
        That holds them.
    name : str or None
        Of the prediction; None = the only one.
    noise : float or None
        See `MachineParameters`; None = the usual one.
    """

    bank: Path
    name: str | None = None
    noise: float | None = None


def recorded_choice(choice: MachineChoice, record: dict[str, Any] | None) -> MachineChoice:
    """Give what a session was begun with, where it goes on; `record` is what `describe` gave.

    Raises
    ------
    UserError
        If the command line asks for another prediction or another noise.
    """
    if not record or record.get("name") != MachineObserver.name:
        return choice
    begun = MachineChoice(choice.bank, record["prediction"], record["parameters"]["noise"])
    for option, asked, was in (
        ("--machine", choice.name, begun.name), ("--noise", choice.noise, begun.noise)
    ):  # fmt: skip
        if asked is not None and asked != was:
            raise UserError(
                f"this session was begun with {option} {was} and cannot go on with {asked}",
                where=option,
                remedy="Leave the option out, or begin another session with --new-session.",
            )
    return begun


class MachineObserver(_Seeded):
    """Chooses by the sign of a noisy decision variable; the larger it is the surer and faster.

    Without references (condition none) nothing speaks for either image.
    """

    name = "machine"

    def __init__(
        self,
        seed: int,
        participant: int,
        session: int,
        prediction: MachinePrediction,
        parameters: MachineParameters | None = None,
    ) -> None:
        super().__init__(seed, participant, session)
        self.parameters = parameters or MachineParameters()
        self._prediction = prediction
        self._scale = prediction.scale
        if not self._scale > 0:
            raise UserError(
                f'the prediction "{prediction.name}" tells no image from another',
                remedy="Make another with `python -m generation predict BANK`.",
            )

    def answer(self, trial: PlannedTrial) -> Answer:
        """Answer from the predicted decision variable.

        Raises
        ------
        UserError
            If the bank holds no prediction for the trial.
        """
        p, rng = self.parameters, self._stream(trial)
        sign = 1.0 if trial.correct_position == "upper" else -1.0
        noise = float(rng.logistic()) * p.noise
        evidence = sign * self._decision(trial) + noise
        lapsed = bool(rng.random() < p.lapse)
        coin = _coin(rng)
        # With neither evidence nor noise there is nothing but a coin.
        undecided = lapsed or evidence == 0
        choice: Side = coin if undecided else ("upper" if evidence > 0 else "lower")
        size = abs(evidence)
        confidence = 1 + int(size >= p.fairly_sure) + int(size >= p.certain)
        median = p.rt_median * math.exp(-p.rt_slope * min(size, 4.0))
        return Answer(choice, confidence, _time(rng, median, p.rt_spread), _time(rng, 0.5, 0.3))

    def describe(self) -> dict[str, Any]:
        """Give name, seeds, all parameters, and what images were compared by."""
        return {
            **super().describe(),
            "parameters": asdict(self.parameters),
            "prediction": self._prediction.name,
            "similarity": self._prediction.facts.get("similarity"),
        }

    def _decision(self, trial: PlannedTrial) -> float:
        if trial.trial_type == "catch":
            return self.parameters.catch
        if trial.condition == "none":
            return 0.0
        try:
            assert trial.batch is not None, "a two-alternative trial has a batch"
            value = self._prediction.of(trial.unit, trial.batch, trial.condition, trial.scheme)
        except KeyError:
            value = math.nan
        if not math.isfinite(value):
            raise UserError(
                f'the prediction "{self._prediction.name}" knows nothing of trial {trial.trial} '
                f"({trial.condition}, {trial.scheme}, {trial.unit}, batch {trial.batch})",
                remedy="Take the bank that the session was planned with.",
            )
        return value / self._scale


def machine_observer(
    choice: MachineChoice, seed: int, participant: int, session: int = 1
) -> MachineObserver:
    """Make a machine participant from what a bank holds; needs no network.

    Raises
    ------
    UserError
        If the bank holds no such prediction, or the noise makes no sense.
    """
    parameters = MachineParameters()
    if choice.noise is not None:
        if not (math.isfinite(choice.noise) and choice.noise >= 0):
            raise UserError(f"noise is 0 or more, not {choice.noise}", where="--noise")
        parameters = MachineParameters(noise=choice.noise)
    stamp = choice.bank.stat().st_mtime_ns if choice.bank.exists() else 0
    prediction = _read(choice.bank, choice.name, stamp)
    return MachineObserver(seed, participant, session, prediction, parameters)


@functools.lru_cache(maxsize=4)
def _read(bank: Path, name: str | None, stamp: int) -> MachinePrediction:
    """Read a prediction, once for a data set of many participants."""
    with StimulusBank(bank) as opened:
        return opened.machine(name)
