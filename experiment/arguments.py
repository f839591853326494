"""Options that several commands of the experiment share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from experiment.machine_observer import MachineParameters
from experiment.replay import NAMES

ProtocolOption = Annotated[
    str,
    typer.Option(
        "--protocol",
        metavar="NAME|FILE",
        help="Name of an embedded protocol (demo), or the path of a TOML file.",
    ),
]
BankOption = Annotated[
    Path | None,
    typer.Option(
        "--bank",
        metavar="FILE",
        help="Stimulus bank; the demo bank when left out.",
        show_default=False,
    ),
]
DataOption = Annotated[
    Path | None,
    typer.Option(
        "--data",
        metavar="FOLDER",
        show_default=False,
        help="Folder of the data set; made when absent. Default: participants/data/demo of the "
        "checkout.",
    ),
]
FullscreenOption = Annotated[
    bool, typer.Option("--fullscreen/--windowed", help="Cover the whole screen or not.")
]
SizeOption = Annotated[
    str | None,
    typer.Option(
        "--size",
        metavar="WxH",
        show_default=False,
        help="Size of the window in pixels, such as 1280x800; the screen's size when left out.",
    ),
]
KeyboardOption = Annotated[
    str,
    typer.Option(
        "--keyboard",
        metavar="NAME",
        help="What reads the keys: auto, psychtoolbox or iohub. auto takes psychtoolbox "
        "where it is safe.",
    ),
]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help="Root of all random draws; recorded in the plan.")
]
OBSERVER_HELP = (
    f"Simulated participant: {', '.join(NAMES)}; sdt is signal detection, machine answers "
    "by the predictions in the bank, replay gives the answers of --answers again."
)
AnswersOption = Annotated[
    Path | None,
    typer.Option(
        "--answers",
        metavar="FOLDER",
        show_default=False,
        help="Data set, recorded or imported, whose answers --observer replay gives.",
    ),
]
MachineOption = Annotated[
    str | None,
    typer.Option(
        "--machine",
        metavar="NAME",
        show_default=False,
        help="Prediction of the bank that --observer machine answers by; the only one when left "
        "out. `python -m generation predict` makes them.",
    ),
]
NoiseOption = Annotated[
    float | None,
    typer.Option(
        "--noise",
        metavar="X",
        min=0,
        show_default=False,
        help="Noise of --observer machine, in units of the prediction's root mean square: 0 "
        f"chooses by the sign alone [{MachineParameters().noise}].",
    ),
]
