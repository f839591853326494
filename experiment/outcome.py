"""Saying what became of a session."""

from __future__ import annotations

import typer

from experiment.run import Report
from experiment.session import Ending
from house.cli import console, messages

LEFT = 3
"""Exit status when the participant left before the end."""


def tell(report: Report) -> None:
    """Say what became of a session, and how to go on with one that was left."""
    for warning in report.warnings:
        messages.print(f"[yellow]recorded with the session:[/] {warning}")
    info = report.folder.info
    if report.ending is Ending.LEFT:
        console.print(
            f"Participant {info.participant}, session {info.session} was left after "
            f"{report.trials} trials; all of them are kept. Go on with --participant "
            f"{info.participant} --resume."
        )
        raise typer.Exit(LEFT)
    console.print(
        f"Participant {info.participant}, session {info.session}: {report.trials} trials. "
        f"Table: {report.folder.table_path}"
    )
