"""Arguments and options that several commands have in common."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

CLUSTER_PANEL = "On a cluster"
# Seconds.
PATIENCE = 120.0

BankArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="BANK", help="The bank's file.", show_default="the demo bank", dir_okay=False
    ),
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace what was made otherwise.")]
ThreadsOption = Annotated[
    int | None,
    typer.Option(min=1, help="Processor threads.", show_default="all cores; on a cluster 1 a task"),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        min=0,
        help="Threads that decode photographs ahead.",
        show_default="1; all cores beside a GPU",
    ),
]
ClusterOption = Annotated[
    str | None,
    typer.Option(
        metavar="auto|ADDRESS|local[:N]",
        help="Have the work done by a Ray cluster: the one of this machine, one at an "
        "address, or N workers here.",
        show_default="this process does it",
        rich_help_panel=CLUSTER_PANEL,
    ),
]
TaskGpusOption = Annotated[
    float | None,
    typer.Option(
        min=0,
        help="GPUs of a task; may be a part of one, or 0 to leave them idle.",
        show_default="1 where there are any",
        rich_help_panel=CLUSTER_PANEL,
    ),
]
TaskMemoryOption = Annotated[
    float | None,
    typer.Option(
        min=0.1,
        help="Gigabytes of memory set aside for a task.",
        show_default="none",
        rich_help_panel=CLUSTER_PANEL,
    ),
]
PatienceOption = Annotated[
    float,
    typer.Option(
        min=0,
        help="Seconds that the shared disk may be away.",
        rich_help_panel=CLUSTER_PANEL,
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Show results and errors only.")]
VerboseOption = Annotated[bool, typer.Option("--verbose", "-v", help="Show details of the work.")]
