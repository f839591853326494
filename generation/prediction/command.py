"""The command ``python -m generation predict``."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from generation.arguments import BankArgument, QuietOption
from house.cli import console, progress
from house.errors import UserError
from house.names import without_odd_characters
from house.places import banks_directory

_GIB = 1 << 30


def predict(
    bank: BankArgument = None,
    similarity: Annotated[
        str,
        typer.Option(
            metavar="NAME|PACKAGE.MODULE:CALLABLE",
            help="What images are compared by: features of the embedded network, or a function or "
            "class of your own (its code is run).",
        ),
    ] = "squeezenet1_1",
    name: Annotated[
        str | None,
        typer.Option(help="Of the prediction in the bank.", show_default="that of the similarity"),
    ] = None,
    shuffles: Annotated[
        int,
        typer.Option(
            min=0, help="Other units whose references each unit is judged by, to show chance."
        ),
    ] = 10,
    seed: Annotated[int, typer.Option(min=0, help="Which other units, and the bootstrap.")] = 0,
    memory: Annotated[
        float, typer.Option(min=0.01, help="GiB that features of images may take.")
    ] = 1.0,
    threads: Annotated[
        int | None,
        typer.Option(min=1, help="Processor threads.", show_default="all cores"),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a prediction of the same name.")
    ] = False,
    quiet: QuietOption = False,
) -> None:
    """Let a machine answer every trial of a bank: before any participant is paid.

    It says which of the two queries looks more like the maximal than like the minimal references,
    for every unit, batch, condition and scheme, and writes its decision variables into the bank.
    The bank's content and its checksum stay the same. Prints how often it is right, and how often
    with the references of other units, which should tell little about this one, and with its own
    dealt to the two sides at random, which tell nothing.
    """
    import torch

    from generation.prediction.observer import predict as predict_bank
    from generation.prediction.similarity_choice import choose_similarity
    from stimuli import StimulusBank, add_machine
    from stimuli.machine import check_name
    from stimuli.machine_summary import summarise
    from stimuli.machine_writer import refuse_second

    if threads is not None:
        torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    path = bank or banks_directory() / "demo.h5"
    called = check_name(name or without_odd_characters(similarity))
    refuse_second(path, called, force)
    sight = choose_similarity(similarity, int(memory * _GIB))
    with StimulusBank(path) as opened, progress(quiet=quiet) as bar:
        if not opened.units:
            raise UserError("this bank has no units", where=str(path))
        task = bar.add_task("units", total=len(opened.units))
        made = predict_bank(
            opened,
            sight,
            called,
            shuffles=shuffles,
            seed=seed,
            advance=lambda: bar.advance(task),
        )
    add_machine(path, made.prediction, replace=force)
    lines = list(summarise(made.prediction, seed))
    # Two tables: one of all is too wide for most terminals.
    answers = Table("condition", "scheme", "trials", "right")
    chance = Table("condition", "scheme", "other units' references", "own, dealt at random")
    for line in lines:
        answers.add_row(line.condition, line.scheme, f"{line.trials:,}", str(line.own))
        chance.add_row(line.condition, line.scheme, str(line.shuffled), str(line.dealt))
    console.print(answers)
    console.print("What chance is: the same queries, judged by other references.")
    console.print(chance)
    console.print(
        f"Shares of trials with 95 % intervals over {len(made.prediction.unit_ids):,} units; "
        "guessing gives .5."
    )
    console.print(
        f"{made.trials:,} trials in {made.seconds:.1f} s: {made.rate:,.0f} a second, features "
        "included"
    )
    console.print(f"written into {escape(str(path))} as machine/{called}")
