"""Command line of the analysis: ``python -m analysis report`` and ``import-published``."""

from __future__ import annotations

import os
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from analysis.arguments import MachineOption, QuietOption, VerboseOption
from analysis.power_command import power
from house.cli import console, make_app, progress, run
from house.errors import UserError
from house.places import reports_directory, sessions_directory

PUBLISHED_ENVIRONMENT = "BOROWSKI2021_DATA"

app = make_app(
    "Turn recorded sessions into numbers, figures and one report.\n\n"
    "Start with [bold]python -m analysis report[/]: it reads the data of the demo and writes "
    "reports/demo/report.html."
)


class Kind(str, Enum):
    """Whose sessions are read."""

    all = "all"
    human = "human"
    simulated = "simulated"
    published = "published"


class Experiment(str, Enum):
    """Which of the published experiments."""

    all = "all"
    I = "I"  # noqa: E741
    II = "II"


@app.command()
def report(
    data: Annotated[
        Path | None,
        typer.Argument(
            metavar="DATA",
            help="Data folder with sub-001/ses-01/... below it (recorded sessions, or imported "
            "published data), or its export as BIDS or Psych-DS. Default: the demo's, "
            "participants/data/demo.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Folder for report.html, estimates.csv, tests.csv, numbers.json and figures/. "
            "Default: reports/NAME, NAME being that of the data folder.",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        Kind, typer.Option("--kind", help="Read only sessions of this kind.")
    ] = Kind.all,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstrap.")] = 20210503,
    bootstrap: Annotated[
        int,
        typer.Option(
            "--bootstrap", min=0, max=100_000, help="Number of bootstrap resamples; 0 for none."
        ),
    ] = 2000,
    bayes: Annotated[
        bool,
        typer.Option(
            "--bayes",
            help="Sample the posterior of the mixed models too: takes minutes, and needs the "
            "extra bayes (bambi).",
        ),
    ] = False,
    bank: Annotated[
        Path | None,
        typer.Option(
            "--bank",
            metavar="BANK",
            show_default=False,
            help="Compare people with the machine observer whose answers lie in this bank, unit "
            "by unit (python -m generation predict).",
        ),
    ] = None,
    machine: MachineOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Analyse a data folder and write one self-contained report.

    The report gives accuracy, response time and confidence by condition, layer, branch and unit,
    each with the paper's error bars and 95 % intervals, the published tests and exact ones, and
    figures. Everything in it also lies beside it in tables for other programs.

    For instance:

      python -m analysis report

      python -m analysis report participants/data/pilot --out reports/pilot --kind human
    """
    # Imported here so that --help and a wrong option answer at once.
    from analysis.load import load
    from analysis.outputs import write_report

    source = data if data is not None else sessions_directory() / "demo"
    target = out if out is not None else reports_directory() / source.resolve().name
    if bayes:
        from analysis.bayes import require_bambi

        require_bambi()
    if machine is not None and bank is None:
        raise UserError("--machine names a prediction of --bank, and no bank was given")
    dataset = load(source, kind.value)
    # Four models of three contrasts, where there are three conditions.
    steps = (15 if bayes else 3) * dataset.trials["experiment"].nunique() + 1 + bool(bank)
    with progress(quiet=quiet) as bar:
        task = bar.add_task("Analysing", total=steps)
        done = 0

        def step(text: str) -> None:
            nonlocal done
            done += 1
            bar.update(task, description=text, completed=done)

        results = write_report(
            dataset,
            target,
            seed=seed,
            bootstrap=bootstrap,
            bayes=bayes,
            bank=bank,
            prediction=machine,
            step=step,
        )
        bar.update(task, description="Report written")
    if quiet:
        return
    if verbose:
        for sentence in dataset.statements:
            console.print(escape(sentence))
        for found in results:
            console.print(escape(f"{found.label}: {found.counts}"))
    for found in results:
        console.print(escape(_summary(found.label, found.estimates)))
    console.print(f"Report: [bold]{escape(str(target / 'report.html'))}[/]")


def _summary(label: str, estimates: object) -> str:
    import pandas as pd

    from analysis.prose import select, with_error

    assert isinstance(estimates, pd.DataFrame)
    rows = select(estimates, measure="accuracy", trials="all")
    numbers = ", ".join(f"{row['condition']} {with_error(row)}" for _, row in rows.iterrows())
    return f"{label}: accuracy {numbers or 'of no main trial'}"


@app.command("import-published")
def import_published_command(
    source: Annotated[
        Path | None,
        typer.Argument(
            metavar="SOURCE",
            help="Folder with the CSV files that the authors of the 2021 paper released. "
            f"Default: the folder named by the variable {PUBLISHED_ENVIRONMENT}.",
            show_default=False,
        ),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="Data folder to make. Default: participants/data/borowski2021_experiment1 (or "
            "2; borowski2021 where both are imported).",
            show_default=False,
        ),
    ] = None,
    experiment: Annotated[
        Experiment,
        typer.Option("--experiment", help="Which experiment; all means those that are there."),
    ] = Experiment.all,
    force: Annotated[
        bool,
        typer.Option("--force", help="Replace an earlier import; never replaces sessions."),
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Read the data released with the paper into a data folder of our own form.

    It needs experiment_I_main_practice_catch_repeated_trials_preprocessed.csv, or
    experiment_II_main_practice_catch_trials_preprocessed.csv, or both; the ratings of
    intuitiveness (experiment_II_intuitiveness_beginning_preprocessed.csv, ..._end_...) and the
    lists of units (units/experiment_II_*.csv) are used where they lie beside them. Both
    experiments may share a data folder: the report keeps them apart.

    For instance:

      python -m analysis import-published ~/downloads/released --out participants/data/published
    """
    from analysis.published import data_set_name, import_published
    from analysis.released import experiments_in

    named = os.environ.get(PUBLISHED_ENVIRONMENT)
    folder = source if source is not None else Path(named) if named else None
    if folder is None:
        raise UserError(
            "no folder with the released CSV files was given",
            remedy=f"Give it after import-published, or set the variable {PUBLISHED_ENVIRONMENT}.",
        )
    chosen = experiments_in(folder) if experiment is Experiment.all else [experiment.value]
    target = out if out is not None else sessions_directory() / data_set_name(chosen)
    imported = import_published(folder, target, replace=force, experiments=chosen)
    if not quiet:
        for name, counts in imported.items():
            console.print(
                f"Experiment {name}: imported {counts['participants']} participants, "
                f"{counts['trials']:,} trials and {counts['ratings']} ratings."
            )
        console.print(f"Data: [bold]{escape(str(target))}[/]")
        console.print(f"Next: python -m analysis report {escape(str(target))}")


app.command()(power)


if __name__ == "__main__":
    run(app, "analysis")
