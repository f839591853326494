"""The command ``python -m analysis power``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape

from analysis.arguments import MachineOption, QuietOption
from house.cli import console, messages, progress
from house.errors import UserError
from house.places import reports_directory


def power(
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            help="Data folder of a pilot, or of sessions made with python -m experiment simulate: "
            "design, accuracies and spreads are taken from it. Default: the published experiment "
            "I.",
            show_default=False,
        ),
    ] = None,
    protocol: Annotated[
        str | None,
        typer.Option(
            "--protocol",
            metavar="NAME|FILE",
            show_default=False,
            help="Plan for this protocol: conditions, units, trials and schemes are taken from "
            "it. A TOML file, or the name of an embedded one.",
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder. Default: reports/power.", show_default=False),
    ] = None,
    participants: Annotated[
        str, typer.Option("--participants", help="Numbers of participants to try.")
    ] = "6,8,12,16,24,32",
    units: Annotated[
        str | None,
        typer.Option(
            "--units",
            help="Numbers of units to try. Default: 20,45, or that of the protocol, or of DATA.",
            show_default=False,
        ),
    ] = None,
    units_each: Annotated[
        int | None,
        typer.Option(
            "--units-each",
            min=2,
            help="Units that one participant sees. Default: all.",
            show_default=False,
        ),
    ] = None,
    repeats: Annotated[
        int | None,
        typer.Option(
            "--repeats",
            min=1,
            show_default=False,
            help="Trials of a participant with a unit in a condition. Default: 1.",
        ),
    ] = None,
    accuracy: Annotated[
        str | None,
        typer.Option(
            "--accuracy",
            show_default=False,
            help="Expected proportion correct in the two conditions. Default: as published, "
            "synthetic 0.820, natural 0.922, none 0.431. Twice the same number gives the rate of "
            "false alarms.",
        ),
    ] = None,
    participant_sd: Annotated[
        float | None,
        typer.Option(
            "--participant-sd",
            min=0,
            help="SD of d′ between participants [0.10].",
            show_default=False,
        ),
    ] = None,
    unit_sd: Annotated[
        float | None,
        typer.Option("--unit-sd", min=0, help="SD of d′ between units [0.75].", show_default=False),
    ] = None,
    participant_slope_sd: Annotated[
        float | None,
        typer.Option(
            "--participant-slope-sd",
            min=0,
            show_default=False,
            help="SD between participants of the difference of the two d′ [0.30].",
        ),
    ] = None,
    unit_slope_sd: Annotated[
        float | None,
        typer.Option(
            "--unit-slope-sd",
            min=0,
            show_default=False,
            help="SD between units of the difference of the two d′ [0.55].",
        ),
    ] = None,
    bank: Annotated[
        Path | None,
        typer.Option(
            "--bank",
            metavar="BANK",
            show_default=False,
            help="Take the spread over units from the machine observer whose answers lie in this "
            "bank; with --protocol, the number of units from the bank's list too.",
        ),
    ] = None,
    machine: MachineOption = None,
    contrast: Annotated[
        str | None,
        typer.Option(
            "--contrast",
            help="Two conditions of DATA or of the protocol, such as synthetic-natural. Default: "
            "what the protocol, or that of DATA, calls primary.",
            show_default=False,
        ),
    ] = None,
    test: Annotated[
        str,
        typer.Option("--test", help="One or more of glmm_slopes, glmm, t_paired, t_units."),
    ] = "glmm_slopes",
    simulations: Annotated[
        int, typer.Option("--simulations", min=10, max=100_000, help="Experiments a point.")
    ] = 200,
    alpha: Annotated[
        float, typer.Option("--alpha", min=1e-6, max=0.5, help="Level of the test.")
    ] = 0.05,
    wanted: Annotated[
        float, typer.Option("--power", min=0.05, max=0.999, help="Power to reach.")
    ] = 0.8,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed.")] = 20210503,
    quiet: QuietOption = False,
) -> None:
    """Say how many participants and units an experiment needs.

    Simulates the design with a signal-detection observer, runs the primary test of the report on
    every simulated experiment, and draws the share in which the difference is found, with the
    error of the simulation. Writes power.html, power.csv, power.json and the figure.

    For instance:

      python -m analysis power

      python -m analysis power participants/data/pilot --participants 8,12,16,24

      python -m analysis power --protocol my_protocol.toml --bank banks/mine.h5

      python -m analysis power --accuracy 0.75,0.85 --units 30,60 --unit-slope-sd 0.4
    """
    from dataclasses import replace

    from analysis.power import TESTS, expected_seconds, power_curve
    from analysis.power_assumptions import assume
    from analysis.power_report import answers_in_words, write_power

    expected = _accuracies(accuracy) if accuracy is not None else None
    assumed = assume(
        data, protocol, bank, machine,
        contrast=contrast, accuracy=expected, units_given=units is not None,
    )  # fmt: skip
    given: dict[str, Any] = {
        "accuracy": expected, "participant_sd": participant_sd, "unit_sd": unit_sd,
        "participant_slope_sd": participant_slope_sd, "unit_slope_sd": unit_slope_sd,
    }  # fmt: skip
    changes = {name: value for name, value in given.items() if value is not None}
    observers, origin = replace(assumed.observers, **changes), assumed.origin
    if observers != assumed.observers:
        options = ", ".join("--" + name.replace("_", "-") for name in changes)
        origin += f" Changed on the command line: {options}."
    design = assumed.design
    design = replace(
        design,
        participants=_numbers(participants, "--participants"),
        units=_numbers(units, "--units") if units else design.units,
        repeats=repeats or design.repeats,
        units_each=units_each or design.units_each,
    )
    tests = [name.strip() for name in test.split(",")]
    for name in tests:
        if name not in TESTS:
            raise UserError(
                f'--test does not know "{name}"', remedy=f"Choose from {', '.join(TESTS)}."
            )
    total = simulations * len(design.participants) * len(design.units)
    if not quiet:
        seconds = expected_seconds(observers, design, tests, simulations)
        messages.print(f"{total:,} simulated experiments, about {_duration(seconds)}.")
    with progress(quiet=quiet) as bar:
        task = bar.add_task("Simulating", total=total)
        table = power_curve(
            observers, design, tests=tests, simulations=simulations, alpha=alpha, seed=seed,
            step=lambda text: bar.update(task, advance=1, description=text),
        )  # fmt: skip
    target = out if out is not None else reports_directory() / "power"
    write_power(
        table, observers, design, target, contrast=assumed.contrast, alpha=alpha, wanted=wanted,
        seed=seed, origin=origin,
    )  # fmt: skip
    if not quiet:
        for sentence in answers_in_words(table, wanted):
            console.print(escape(sentence))
        console.print(f"Report: [bold]{escape(str(target / 'power.html'))}[/]")


def _numbers(text: str, option: str) -> tuple[int, ...]:
    try:
        numbers = tuple(sorted({int(part) for part in text.split(",")}))
    except ValueError:
        numbers = ()
    if not numbers or numbers[0] < 2:
        raise UserError(
            f'{option} must be whole numbers of at least 2, not "{text}"',
            remedy=f"For instance {option} 10,20,40.",
        )
    return numbers


def _accuracies(text: str) -> tuple[float, float]:
    try:
        first, second = (float(part) for part in text.split(","))
    except ValueError:
        first = second = float("nan")
    if not (0 < first < 1 and 0 < second < 1):
        raise UserError(
            f'--accuracy must be two proportions between 0 and 1, not "{text}"',
            remedy="For instance --accuracy 0.82,0.92.",
        )
    return first, second


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{seconds / 3600:.1f} hours"
