"""The demo: a short session for whoever is there, or for a simulated participant."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from experiment.arguments import BankOption, DataOption, SeedOption
from experiment.opening import default_bank, next_participant
from experiment.options import Options
from experiment.outcome import tell
from experiment.run import run_session
from experiment.virtual_display import virtual_display
from house.cli import messages
from house.places import banks_directory, sessions_directory
from participants import DataFolder

DEMO_PACE = 12.0
"""How many times faster than a person the simulated participant goes."""


def demo(
    bank: BankOption = None,
    data: DataOption = None,
    seed: SeedOption = 0,
    screenshots: Annotated[
        Path | None,
        typer.Option(
            "--screenshots",
            metavar="FOLDER",
            show_default=False,
            help="Save a picture of every kind of screen.",
        ),
    ] = None,
) -> None:
    """Show a short session of the demo protocol.

    At a display it is yours to answer (about six minutes; Esc pauses and leaves). Without a
    display a simulated participant answers it, fast, in a window on a virtual screen where
    Xvfb is installed, and without a window elsewhere.
    """
    folder = data if data is not None else sessions_directory() / "demo"
    path = default_bank(bank, banks_directory())
    number = next_participant(DataFolder(folder))
    base = Options("demo", path, folder, number, seed=seed, screenshots=screenshots)
    if _has_display():
        messages.print(
            "A session of about six minutes, yours to answer: the keys are shown. "
            "Esc pauses and leaves."
        )
        tell(run_session(replace(base, rehearsal=True)))
        return
    with virtual_display() as display:
        if display is not None:
            messages.print(
                "There is no display: a simulated participant answers in a real window on a "
                f"virtual screen (Xvfb), {DEMO_PACE:g} times as fast as a person."
            )
            raise typer.Exit(_run_on(display, base))
    messages.print(
        "There is neither a display nor Xvfb: a simulated participant answers without a window."
    )
    tell(run_session(replace(base, observer="sdt", window=False, screenshots=None)))


def _run_on(display: str, options: Options) -> int:
    """Run a simulated participant's session in a process of its own on a virtual screen."""
    command = [
        sys.executable,
        "-m",
        "experiment",
        "run",
        "--observer",
        "sdt",
        "--pace",
        str(DEMO_PACE),
        "--protocol",
        options.protocol,
        "--bank",
        str(options.bank),
        "--data",
        str(options.data),
        "--participant",
        str(options.participant),
        "--seed",
        str(options.seed),
    ]
    if options.screenshots is not None:
        command += ["--screenshots", str(options.screenshots)]
    return subprocess.run(command, env={**os.environ, "DISPLAY": display}, check=False).returncode


def _has_display() -> bool:
    return not sys.platform.startswith("linux") or bool(os.environ.get("DISPLAY"))
