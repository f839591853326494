"""Simulated participants: they answer trials in the same loop as people do."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal
from typing import Protocol as Interface

import numpy as np

from house.errors import UserError
from house.names import nearest
from house.seeds import generator
from participants import PlannedTrial

Side = Literal["upper", "lower"]


@dataclass(frozen=True)
class Answer:
    """An answer to a trial; times in seconds from the onset and from the choice."""

    choice: Side
    confidence: int
    rt: float
    confidence_rt: float


@dataclass(frozen=True)
class Rating:
    """A rating of intuitiveness, -100 to 100; `rt` in seconds from the onset to its end."""

    rating: float
    rt: float


class Observer(Interface):
    """A simulated participant."""

    def rate(self, trial: PlannedTrial) -> Rating:
        """Rate how intuitive the images of an intuitiveness trial are."""

    def answer(self, trial: PlannedTrial) -> Answer:
        """Answer a trial."""

    def describe(self) -> dict[str, Any]:
        """Give the name and all parameters, for the session's record."""


class _Seeded:
    name: ClassVar[str]

    def __init__(self, seed: int, participant: int, session: int) -> None:
        self._origin = {"seed": seed, "participant": participant, "session": session}

    def describe(self) -> dict[str, Any]:
        """Give the name and where the randomness comes from."""
        return {"name": self.name, **self._origin}

    def rate(self, trial: PlannedTrial) -> Rating:
        """Rate at random, somewhat to the intuitive side; people move the marker for a while."""
        rng = self._stream(trial)
        value = min(100.0, max(-100.0, round(20 + 40 * float(rng.standard_normal()))))
        return Rating(value, _time(rng, 12.0, 0.4))

    def _stream(self, trial: PlannedTrial) -> np.random.Generator:
        """Give the randomness of one trial: a resumed session is answered like a whole one."""
        origin = self._origin
        return generator(
            origin["seed"],
            "observer",
            self.name,
            origin["participant"],
            origin["session"],
            trial.trial,
        )


def _time(rng: np.random.Generator, median: float, spread: float) -> float:
    """Draw from a log-normal distribution of that median (seconds)."""
    return float(median * np.exp(spread * rng.standard_normal()))


def _coin(rng: np.random.Generator) -> Side:
    return "upper" if rng.random() < 0.5 else "lower"


class Guessing(_Seeded):
    """Chooses at random, with random confidence."""

    name = "guessing"

    def answer(self, trial: PlannedTrial) -> Answer:
        """Answer by a coin."""
        rng = self._stream(trial)
        confidence = int(rng.integers(1, 4))
        return Answer(_coin(rng), confidence, _time(rng, 1.0, 0.4), _time(rng, 0.4, 0.3))


class Ideal(_Seeded):
    """Is always right and certain."""

    name = "ideal"

    def answer(self, trial: PlannedTrial) -> Answer:
        """Answer with the correct image."""
        assert trial.correct_position is not None, "a two-alternative trial has a correct side"
        rng = self._stream(trial)
        return Answer(trial.correct_position, 3, _time(rng, 0.8, 0.2), _time(rng, 0.3, 0.2))


@dataclass(frozen=True)
class SignalDetection:
    """Parameters of the signal-detection participant.

    In a two-alternative choice the proportion correct is Phi(d' / sqrt 2) (Green and Swets
    1966). The defaults of d' reproduce, with the lapses, the accuracies published for
    experiment I: none .43, natural .92, synthetic .82 (Borowski et al. 2021, figure 3).

    Attributes
    ----------
    d_none, d_natural, d_synthetic, d_catch : float
        Sensitivity in each condition, and in catch trials.
    d_spread : float
        Standard deviation of a participant's own shift of all d'.
    criterion : float
        Bias: evidence above it means the upper image. 0 is none.
    confidence_noise : float
        Standard deviation of what is added to the evidence before confidence is judged.
    fairly_sure, certain : float
        Distances from the criterion from which confidence is 2 and 3.
    lapse : float
        Proportion of trials answered by a coin.
    rt_median, rt_spread, rt_slope : float
        Log-normal response times: median (s) at the criterion, SD of the logarithm, and how
        much the logarithm falls with every unit of distance from the criterion.
    """

    d_none: float = -0.252
    d_natural: float = 2.099
    d_synthetic: float = 1.333
    d_catch: float = 3.5
    d_spread: float = 0.1
    criterion: float = 0.0
    confidence_noise: float = 0.3
    fairly_sure: float = 0.7
    certain: float = 1.5
    lapse: float = 0.02
    rt_median: float = 3.2
    rt_spread: float = 0.45
    rt_slope: float = 0.2


class SignalDetectionObserver(_Seeded):
    """Draws evidence from normal distributions and judges it (signal detection theory)."""

    name = "sdt"

    def __init__(
        self, seed: int, participant: int, session: int, parameters: SignalDetection | None = None
    ) -> None:
        super().__init__(seed, participant, session)
        self.parameters = parameters or SignalDetection()
        # A participant is as good in a second session as in the first.
        own = generator(seed, "observer", self.name, "participant", participant)
        self._shift = self.parameters.d_spread * float(own.standard_normal())

    def answer(self, trial: PlannedTrial) -> Answer:
        """Answer from evidence: positive speaks for the upper image."""
        p, rng = self.parameters, self._stream(trial)
        kind = "catch" if trial.trial_type == "catch" else trial.condition
        d_prime = getattr(p, f"d_{kind}") + self._shift
        sign = 1.0 if trial.correct_position == "upper" else -1.0
        evidence = sign * d_prime / np.sqrt(2.0) + rng.standard_normal() - p.criterion
        lapsed = bool(rng.random() < p.lapse)
        choice: Side = _coin(rng) if lapsed else ("upper" if evidence > 0 else "lower")
        judged = abs(evidence + p.confidence_noise * rng.standard_normal())
        confidence = 1 + int(judged >= p.fairly_sure) + int(judged >= p.certain)
        median = p.rt_median * float(np.exp(-p.rt_slope * abs(evidence)))
        return Answer(choice, confidence, _time(rng, median, p.rt_spread), _time(rng, 0.5, 0.3))

    def describe(self) -> dict[str, Any]:
        """Give name, seeds and all parameters."""
        return {**super().describe(), "parameters": asdict(self.parameters)}


OBSERVERS = ("guessing", "ideal", "sdt")


def make_observer(name: str, seed: int, participant: int, session: int = 1) -> Observer:
    """Make a simulated participant.

    Parameters
    ----------
    name : str
        One of `OBSERVERS`.
    seed, participant, session : int
        The same three give the same answers to the same plan.

    Raises
    ------
    UserError
        If there is none of that name.
    """
    kinds: dict[str, type[_Seeded]] = {
        "guessing": Guessing,
        "ideal": Ideal,
        "sdt": SignalDetectionObserver,
    }
    if name not in kinds:
        raise UserError(
            f'there is no simulated participant called "{name}"',
            where="--observer",
            remedy=f"{nearest(name, kinds)} There are: {', '.join(OBSERVERS)}.".strip(),
        )
    return kinds[name](seed, participant, session)  # type: ignore[return-value]
