"""The whole path on the embedded default: stimuli, a session, simulated participants, a report.

    make demo

Runs the same commands that a person would type, each printed before it runs. May be
interrupted and run again: a finished bank is kept, sessions are added, the report is redrawn.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from rich.markup import escape

from house.cli import console
from house.places import banks_directory, reports_directory, sessions_directory

SIMULATED_PARTICIPANTS = 15
_LEFT_EARLY = 3
_INTERRUPTED = 130


def step(title: str, *command: str, accept: tuple[int, ...] = (0,)) -> None:
    """Announce and run one command; leave with its status when it fails."""
    console.print(f"\n[bold]{title}[/]\n[dim]python -m {escape(' '.join(command))}[/]")
    status = subprocess.run([sys.executable, "-m", *command], check=False).returncode
    if status not in accept:
        sys.exit(status)


def shown(path: Path) -> str:
    """Path from here where it lies below, else whole."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def main() -> None:
    """Run the demonstration and say where everything lies."""
    begin = time.monotonic()
    bank = banks_directory() / "demo.h5"
    sheets = banks_directory() / "demo-sheets"
    data = sessions_directory() / "demo"
    report = reports_directory() / "demo"
    step(
        "1/5  Stimuli: the images that activate each unit most and least",
        # Forced: what the demo made is the demo's to replace; an up-to-date bank is kept.
        *("generation", "build", "demo", "--out", shown(bank), "--force"),
    )
    step(
        "2/5  Contact sheets of the bank",
        *("generation", "preview", shown(bank), "--out", shown(sheets)),
    )
    step(
        "3/5  A short session",
        *("experiment", "demo", "--bank", shown(bank), "--data", shown(data)),
        accept=(0, _LEFT_EARLY),
    )
    step(
        f"4/5  {SIMULATED_PARTICIPANTS} simulated participants, to make a data set",
        *("experiment", "simulate", "--protocol", "demo", "--bank", shown(bank)),
        *("--data", shown(data), "--observer", "sdt"),
        *("--participants", str(SIMULATED_PARTICIPANTS), "--seed", "1"),
    )
    step(
        "5/5  The report",
        *("analysis", "report", shown(data), "--out", shown(report)),
    )
    minutes, seconds = divmod(round(time.monotonic() - begin), 60)
    console.print(
        f"\n[bold green]Done[/] in {minutes} min {seconds} s. Here it is:\n"
        f"  bank            {shown(bank)}\n"
        f"  contact sheets  {shown(sheets / 'index.html')}\n"
        f"  data            {shown(data)}\n"
        f"  report          {shown(report / 'report.html')}"
    )


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        console.print("\n[yellow]Interrupted.[/] Run it again to go on where it stopped.")
        sys.exit(_INTERRUPTED)
