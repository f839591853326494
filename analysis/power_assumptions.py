"""What a power simulation assumes: conditions, design and observers, and where each comes from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from analysis.load import load
from analysis.machine_spread import read_spread
from analysis.pilot import read_pilot
from analysis.planned_design import read_planned
from analysis.power import Design
from analysis.simulated_design import Observers
from analysis.words import listed
from house.errors import UserError
from stimuli import StimulusBank, read_units
from stimuli.machine import CONDITIONS

PUBLISHED = {"synthetic": 0.820, "natural": 0.922, "none": 0.431}
"""Published proportion correct in experiment I with these references; a test computes them."""

USUAL = ("synthetic", "natural")

_SPREADS = "spreads are near those of a logistic mixed model of the published data"


@dataclass(frozen=True)
class Assumptions:
    """What is simulated.

    Attributes
    ----------
    contrast : tuple of str
        The first and the second condition.
    observers : Observers
    design : Design
        Without the numbers of participants.
    origin : str
        Sentences that say where this comes from.
    """

    contrast: tuple[str, str]
    observers: Observers
    design: Design
    origin: str


def assume(
    data: Path | None = None,
    protocol: str | None = None,
    bank: Path | None = None,
    machine: str | None = None,
    *,
    contrast: str | None = None,
    accuracy: tuple[float, float] | None = None,
    units_given: bool = False,
) -> Assumptions:
    """Gather what is assumed before the command line changes it.

    Parameters
    ----------
    data : Path, optional
        Sessions that say who answers and, without a protocol, what is shown.
    protocol : str, optional
        What is shown.
    bank : Path, optional
        Says how many units a protocol has, and how far they spread.
    machine : str, optional
        Which of the bank's predictions.
    contrast : str, optional
        The two conditions; by default what the protocol calls primary, else what the protocol of
        the data does, else synthetic and natural images, else the first two there are.
    accuracy : tuple of float, optional
        Proportions correct that are expected instead.
    units_given : bool
        Whether the number of units is known from elsewhere.

    Raises
    ------
    UserError
        If the sources do not fit together, or nothing is known of a condition.
    """
    dataset = load(data) if data is not None else None
    stated = None
    if dataset is not None:
        label = min(dataset.trials["experiment"].astype(str).unique(), default="")
        stated = dataset.contrasts.get(label)
    elif contrast and protocol is None:
        raise UserError(
            "--contrast chooses conditions of DATA or of --protocol, and none was given"
        )
    if machine is not None and bank is None:
        raise UserError("--machine names a prediction of --bank, and no bank was given")
    pair, design, said = USUAL, Design(), []
    planned = None
    if protocol is not None:
        planned = read_planned(protocol, contrast, read_units(bank) if bank else None, stated)
        if planned.units is None and not units_given:
            raise UserError(
                "the protocol takes every main unit of its bank, and how many these are is in "
                "the bank",
                where=protocol,
                remedy="Give --bank with the bank, or --units with their number.",
            )
        pair = planned.contrast
        said.append(planned.origin)
    if dataset is not None:
        named = pair if planned is not None else stated
        pilot = read_pilot(
            dataset.trials, contrast or ("-".join(named) if named else None), dataset.name
        )
        pair, observers = pilot.contrast, pilot.observers
        design = Design(units=(pilot.units,), repeats=pilot.repeats)
        if pilot.units_each < pilot.units:
            design = replace(design, units_each=pilot.units_each)
        said.append(pilot.origin)
    else:
        observers, origin = _published(pair, accuracy)
        said.append(origin)
    if planned is not None:
        # What the protocol plans is simulated, whatever was shown to those of the data.
        design = Design(
            units=(planned.units,) if planned.units else Design().units,
            units_each=planned.units_each or None, same_units=planned.same_units,
        )  # fmt: skip
    if bank is not None and (planned is None or machine is not None or _predicts(bank)):
        observers, origin = _with_spread(observers, bank, machine, pair, needed=planned is None)
        said.append(origin)
    return Assumptions(pair, observers, design, " ".join(said))


def _published(
    pair: tuple[str, str], accuracy: tuple[float, float] | None
) -> tuple[Observers, str]:
    """Observers of the published experiment, condition by condition."""
    if accuracy is not None:
        return Observers(accuracy), f"Accuracies are as given on the command line; {_SPREADS}."
    unknown = [name for name in pair if name not in PUBLISHED]
    if unknown:
        raise UserError(
            f"nothing is published on how often people are right with {listed(unknown)} images",
            remedy="Give --accuracy with what you expect in the two conditions, "
            f"{pair[0]} first, or DATA of a pilot.",
        )
    words = ["no references" if name == "none" else f"{name} images" for name in pair]
    return (
        Observers((PUBLISHED[pair[0]], PUBLISHED[pair[1]])),
        f"Accuracies are those published with {listed(words)}; {_SPREADS}.",
    )


def _with_spread(
    observers: Observers,
    bank: Path,
    machine: str | None,
    pair: tuple[str, str],
    *,
    needed: bool,
) -> tuple[Observers, str]:
    """Take the spread between units from a bank, where its machine knows both conditions."""
    unknown = [name for name in pair if name not in CONDITIONS]
    if unknown and not needed and machine is None:
        return observers, (
            f"The machine observer of the bank knows nothing of {listed(unknown)}, so the spread "
            "between units is not taken from it."
        )
    spread = read_spread(bank, machine, pair)
    observers = replace(observers, unit_sd=spread.unit_sd, unit_slope_sd=spread.unit_slope_sd)
    return observers, spread.origin


def _predicts(bank: Path) -> bool:
    """Whether a bank holds answers of a machine."""
    with StimulusBank(bank) as opened:
        return bool(opened.machine_names)
