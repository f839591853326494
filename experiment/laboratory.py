"""Commands beside sessions: export a data set, test a machine's timing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiment.arguments import FullscreenOption, KeyboardOption, SizeOption
from experiment.timing_test import TimingOptions, add_recording, run_timing_test
from experiment.triggers import CORNERS, corner
from experiment.window_size import window_size
from house.cli import console
from house.errors import UserError
from house.places import reports_directory
from participants import DataFolder
from participants.export import export_bids, export_psych_ds, sessions_without_answers


def export(
    data: Annotated[Path, typer.Argument(metavar="DATA", help="Folder of the data set.")],
    out: Annotated[
        Path,
        typer.Option("--out", metavar="DIR", help="Folder to write to: DIR/bids and DIR/psych-ds."),
    ],
) -> None:
    """Write a data set as BIDS (behaviour) and as Psych-DS, for archives and other programs.

    Sessions without an answered trial are left out. Nothing is overwritten.
    """
    source = DataFolder(data)
    bids = export_bids(source, out / "bids")
    export_psych_ds(source, out / "psych-ds")
    left = len(sessions_without_answers(source))
    note = f" {left} without an answer left out." if left else ""
    many = "" if bids.sessions == 1 else "s"
    console.print(f"Exported {bids.sessions} session{many}, {bids.trials} trials.{note}")
    console.print(f"BIDS: {out / 'bids'}\nPsych-DS: {out / 'psych-ds'}")


def timing_test(
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            metavar="DIR",
            show_default=False,
            help="Folder of the report. Default: reports/timing of the checkout.",
        ),
    ] = None,
    protocol: Annotated[
        str,
        typer.Option(
            "--protocol",
            metavar="NAME|FILE",
            help="Protocol whose refresh rate is expected.",
        ),
    ] = "demo",
    flips: Annotated[
        int, typer.Option("--flips", min=48, metavar="N", help="Number of frames to show.")
    ] = 1200,
    presses: Annotated[
        int, typer.Option("--presses", min=0, metavar="N", help="Presses to ask for; 0: none.")
    ] = 20,
    photodiode: Annotated[
        str, typer.Option("--photodiode", metavar="CORNER", help=f"{', '.join(CORNERS)}.")
    ] = "bottom-left",
    trigger: Annotated[
        list[str] | None,
        typer.Option(
            "--trigger",
            metavar="KIND",
            show_default=False,
            help="Sent when the patch turns white: lsl, serial:PORT or serial:PORT@BAUD.",
        ),
    ] = None,
    recording: Annotated[
        Path | None,
        typer.Option(
            "--recording",
            metavar="CSV",
            show_default=False,
            help="Show nothing; judge a photodiode's recording of the test in --out. Columns: "
            "time (s), light and, optionally, trigger.",
        ),
    ] = None,
    same_clock: Annotated[
        bool,
        typer.Option(
            "--same-clock", help="The recording's times are on the clock of the test's flips."
        ),
    ] = False,
    keyboard: KeyboardOption = "auto",
    fullscreen: FullscreenOption = True,
    size: SizeOption = None,
) -> None:
    """Measure this machine: flips, dropped frames, time stamps of keys; light with a photodiode.

    A patch turns white and black in a corner; then you press the space bar some times. Afterwards
    `--recording` adds what a photodiode saw: onset lag and its SD.
    """
    folder = out if out is not None else reports_directory() / "timing"
    if recording is not None:
        light = add_recording(folder, recording, same_clock=same_clock)
        lag = light.lag
        mean = "not known" if lag.mean is None else f"{1000 * lag.mean:.2f} ms"
        sd = "n/a" if lag.sd is None else f"{1000 * lag.sd:.2f} ms"
        console.print(
            f"Onset lag {mean}, SD {sd} ({lag.n} onsets, {light.missed} missed; compared with "
            f"{light.reference})."
        )
    else:
        result = run_timing_test(
            TimingOptions(
                protocol,
                folder,
                flips=flips,
                presses=presses,
                photodiode=corner(photodiode),
                triggers=tuple(trigger or ()),
                keyboard=keyboard,
                fullscreen=fullscreen,
                size=None if size is None else window_size(size),
            )
        )
        rate, dropped = result["flips"]["rate"], result["flips"]["dropped"]
        if rate is None:
            console.print("The refresh rate cannot be measured: flips do not wait for the screen.")
        else:
            console.print(f"Refresh rate {rate:.3f} Hz, {dropped} of {flips} frames dropped.")
        if presses and result["presses"] is None:
            raise UserError(
                "no press arrived",
                where="keyboard",
                remedy=f"The flips are in {folder}; check the keyboard, or give --presses 0.",
            )
    console.print(f"Report: {folder / 'report.html'}")
