"""Command line of the experiment: run and simulate; the other commands lie beside it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from experiment.arguments import (
    OBSERVER_HELP,
    AnswersOption,
    BankOption,
    DataOption,
    FullscreenOption,
    KeyboardOption,
    MachineOption,
    NoiseOption,
    ProtocolOption,
    SeedOption,
    SizeOption,
)
from experiment.demonstration import demo
from experiment.laboratory import export, timing_test
from experiment.opening import (
    default_bank,
    experimenter_code,
    next_participant,
    participant_number,
)
from experiment.options import Options
from experiment.outcome import tell
from experiment.run import run_session
from experiment.simulation import simulate as simulate_sessions
from experiment.triggers import CORNERS, corner
from experiment.window_size import window_size
from house.cli import console, make_app, progress
from house.cli import run as run_app
from house.errors import UserError
from house.places import banks_directory, sessions_directory
from participants import DataFolder, SessionFolder

app = make_app(
    "Show a bank's images to participants and record their answers.\n\n"
    "Everyday work: `run --participant 7` for each person; `run --participant 7 --resume` after "
    "an interruption. The trial tables then lie in the data folder."
)


@app.command()
def run(
    protocol: ProtocolOption = "demo",
    bank: BankOption = None,
    data: DataOption = None,
    participant: Annotated[
        str | None,
        typer.Option(
            "--participant",
            metavar="N",
            show_default=False,
            help="Participant number, from 1; the first free one when left out. It decides the "
            "order of conditions and the images. Never a name.",
        ),
    ] = None,
    observer: Annotated[
        str | None,
        typer.Option(
            "--observer",
            metavar="NAME",
            show_default=False,
            help=f"{OBSERVER_HELP} Without it a person answers at the keyboard.",
        ),
    ] = None,
    window: Annotated[
        bool, typer.Option("--window/--no-window", help="Without: only for an --observer.")
    ] = True,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the participant's unfinished session.")
    ] = False,
    new_session: Annotated[
        bool,
        typer.Option("--new-session", help="Begin another session though one is unfinished."),
    ] = False,
    rehearsal: Annotated[
        bool,
        typer.Option(
            "--rehearsal",
            help="Go on where the machine is not as it should be, and record what was wrong.",
        ),
    ] = False,
    fullscreen: FullscreenOption = True,
    size: SizeOption = None,
    seed: SeedOption = 0,
    pace: Annotated[
        float,
        typer.Option(
            "--pace",
            min=1.0,
            max=1000.0,
            help="How many times faster than a person an --observer goes; 1 for people.",
        ),
    ] = 1.0,
    screenshots: Annotated[
        Path | None,
        typer.Option(
            "--screenshots",
            metavar="FOLDER",
            show_default=False,
            help="Save a picture of every kind of screen (delays frames).",
        ),
    ] = None,
    keyboard: KeyboardOption = "auto",
    answers: AnswersOption = None,
    machine: MachineOption = None,
    noise: NoiseOption = None,
    trigger: Annotated[
        list[str] | None,
        typer.Option(
            "--trigger",
            metavar="KIND",
            show_default=False,
            help="Tell a recorder of every trial's onset: lsl, serial:PORT or serial:PORT@BAUD. "
            "May be given several times.",
        ),
    ] = None,
    photodiode: Annotated[
        str | None,
        typer.Option(
            "--photodiode",
            metavar="CORNER",
            show_default=False,
            help=f"Patch that is white while a trial is shown: {', '.join(CORNERS)}.",
        ),
    ] = None,
    experimenter: Annotated[
        str | None,
        typer.Option(
            "--experimenter",
            metavar="CODE",
            show_default=False,
            help="Code of whoever leads the session, such as E2; recorded with it. Not a name.",
        ),
    ] = None,
) -> None:
    """Run one session: instructions, key test, practice, trials, scores, end.

    Esc pauses at any time. Every answer is on the disk before the next trial begins; after a
    crash, `--resume` goes on with the trial that was on the screen. Exit status 3 means that
    the participant left before the end.
    """
    if observer is None and not window:
        raise UserError(
            "a person needs a window",
            where="--no-window",
            remedy="Leave it out, or name a simulated participant: --observer sdt.",
        )
    if observer is None and pace != 1.0:
        raise UserError(
            "people answer at their own pace", where="--pace", remedy="It is for --observer only."
        )
    if observer is None and (machine is not None or noise is not None):
        raise UserError(
            "people answer by themselves",
            where="--noise" if machine is None else "--machine",
            remedy="It is for --observer machine.",
        )
    folder = data if data is not None else sessions_directory() / "demo"
    number = (
        next_participant(DataFolder(folder))
        if participant is None
        else participant_number(participant)
    )
    options = Options(
        protocol=protocol,
        bank=default_bank(bank, banks_directory()),
        data=folder,
        participant=number,
        observer=observer,
        window=window,
        resume=resume,
        new_session=new_session,
        rehearsal=rehearsal,
        fullscreen=fullscreen,
        size=None if size is None else window_size(size),
        seed=seed,
        pace=pace,
        screenshots=screenshots,
        keyboard=keyboard,
        answers=answers,
        triggers=tuple(trigger or ()),
        photodiode=None if photodiode is None else corner(photodiode),
        experimenter=None if experimenter is None else experimenter_code(experimenter),
        machine=machine,
        noise=noise,
    )
    tell(run_session(options, offer=_offer if sys.stdin.isatty() and observer is None else None))


@app.command()
def simulate(
    protocol: ProtocolOption = "demo",
    bank: BankOption = None,
    data: DataOption = None,
    participants: Annotated[
        int, typer.Option("--participants", min=1, metavar="N", help="How many to add.")
    ] = 10,
    observer: Annotated[
        str, typer.Option("--observer", metavar="NAME", help=OBSERVER_HELP)
    ] = "sdt",
    answers: AnswersOption = None,
    machine: MachineOption = None,
    noise: NoiseOption = None,
    seed: SeedOption = 0,
    quiet: Annotated[bool, typer.Option("--quiet", help="Show no progress.")] = False,
) -> None:
    """Add sessions of simulated participants to a data set, without a window.

    They walk through the same loop as people, on a clock that jumps. New participants take the
    numbers after those that exist; nothing is overwritten.
    """
    folder = data if data is not None else sessions_directory() / "demo"
    with progress(quiet=quiet) as bar:
        task = bar.add_task("participants", total=participants)
        folders = simulate_sessions(
            protocol,
            default_bank(bank, banks_directory()),
            folder,
            participants,
            observer,
            seed,
            advance=lambda: bar.advance(task),
            answers=answers,
            machine=machine,
            noise=noise,
        )
    first, last = folders[0].info.participant, folders[-1].info.participant
    span = f"participant {first}" if first == last else f"participants {first} to {last}"
    console.print(f"Simulated {span} ({observer}, seed {seed}). Data: {folder}")


def _offer(folder: SessionFolder) -> bool:
    done = len(folder.state().completed)
    return typer.confirm(
        f"There is an unfinished session ({folder.path}, {done} trials done). Go on with it?",
        default=True,
    )


app.command()(demo)
app.command()(export)
app.command("timing-test")(timing_test)


if __name__ == "__main__":
    run_app(app, "experiment")
