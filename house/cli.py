"""What the three command lines share: errors, progress, colours."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from house.errors import UserError

console = Console(soft_wrap=True, highlight=False)
messages = Console(stderr=True, soft_wrap=True, highlight=False)

_INTERRUPTED = 130
# What is missing of these is no matter of installing.
_OURS = ("house", "generation", "stimuli", "experiment", "participants", "analysis")


def make_app(help: str) -> typer.Typer:
    """Make a typer application that shows its help when called with nothing."""
    return typer.Typer(
        help=help,
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )


def run(app: typer.Typer, name: str) -> NoReturn:
    """Run an application as ``python -m name`` and leave the process.

    Exit status 0 after success, 1 where a check found something, 2 for bad input or a package
    that the room lacks (with one message on stderr and no traceback), 130 when interrupted.
    """
    try:
        app(prog_name=f"python -m {name}")
    except UserError as error:
        messages.print(f"[bold red]error:[/] {escape(str(error))}")
        sys.exit(2)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package in ("", *_OURS):
            raise
        missing = UserError(
            f"{package} is not installed",
            where=f"python -m {name}",
            remedy=f"Install this room: pip install -e '.[{name}]'.",
        )
        messages.print(f"[bold red]error:[/] {escape(str(missing))}")
        sys.exit(2)
    except SystemExit as leave:
        if leave.code == _INTERRUPTED:
            messages.print("[yellow]Interrupted.[/] What was finished is kept.")
        raise
    sys.exit(0)


def progress(*, quiet: bool = False) -> Progress:
    """Make a progress display with a bar, counts, time so far and an estimate.

    On a terminal it is redrawn in place; in a log only the finished bars appear.
    """
    return Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(bar_width=28),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        console=messages,
        disable=quiet,
    )
