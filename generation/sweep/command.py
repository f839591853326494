"""The commands ``python -m generation sweep`` and ``merge``: banks of several networks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from generation.arguments import (
    PATIENCE,
    ClusterOption,
    ForceOption,
    PatienceOption,
    QuietOption,
    TaskGpusOption,
    TaskMemoryOption,
    ThreadsOption,
    WorkersOption,
)
from house.cli import console, messages
from house.errors import UserError
from house.places import banks_directory


def sweep(
    settings: Annotated[
        Path, typer.Argument(metavar="SWEEP", help="A .toml file that names the networks.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER",
            help="Where the banks go.",
            show_default="NAME among the banks",
            file_okay=False,
        ),
    ] = None,
    only: Annotated[
        list[str] | None,
        typer.Option(metavar="LABEL", help="Build this network only; may be given several times."),
    ] = None,
    force: ForceOption = False,
    threads: ThreadsOption = None,
    workers: WorkersOption = None,
    cluster: ClusterOption = None,
    task_gpus: TaskGpusOption = None,
    task_memory: TaskMemoryOption = None,
    patience: PatienceOption = PATIENCE,
    quiet: QuietOption = False,
) -> None:
    """Build one bank a network, with units drawn evenly over its depth, then one bank of all.

    A network that fails stops no other; all that failed are told of in the end, with exit status
    1. May be interrupted at any time: the same command goes on where it stopped.
    """
    import torch

    from generation.building.scheduling import choose_scheduler
    from generation.reporting.resumable import says_how_to_go_on
    from generation.reporting.terminal import TerminalReporter
    from generation.sweep.banks import run_sweep
    from generation.sweep.settings import load_sweep
    from house.names import nearest

    if threads is not None:
        torch.set_num_threads(threads)
    model = load_sweep(settings)
    labels = [network.called for network in model.networks]
    for label in only or ():
        if label not in labels:
            raise UserError(
                f'the sweep has no network called "{label}"',
                where="--only",
                remedy=f"{nearest(label, labels)} It has: {', '.join(labels)}.".strip(),
            )

    def reporter(label: str) -> TerminalReporter:
        if not quiet:
            messages.print(f"[bold]{escape(label)}[/] ({labels.index(label) + 1} of {len(labels)})")
        return TerminalReporter(quiet=quiet)

    folder = out or banks_directory() / model.name
    with says_how_to_go_on():
        swept = run_sweep(
            model,
            folder,
            reporter,
            replace=force,
            workers=workers,
            only=tuple(only or ()),
            schedule=lambda say: choose_scheduler(
                cluster, threads, workers, task_gpus, task_memory, patience, say
            ),
        )
    for outcome in swept.outcomes:
        if outcome.built is not None:
            there = "" if outcome.built.fresh else " (there already)"
            console.print(
                f"{escape(outcome.label)}: {escape(str(outcome.path))}{there}, content sha256 "
                f"{outcome.built.content_sha256}"
            )
    for note in swept.notes:
        messages.print(f"[yellow]note:[/] {escape(note)}")
    if swept.merged is not None:
        console.print(f"all: {escape(str(swept.merged))}, content sha256 {swept.content_sha256}")
    for outcome in swept.failed:
        messages.print(f"[bold red]failed:[/] {escape(outcome.label)}: {escape(outcome.problem)}")
    if swept.failed:
        rest = " Nothing was merged." if model.merge else ""
        messages.print(
            f"{len(swept.failed)} of {len(swept.outcomes)} networks failed.{rest} Mend what is "
            "wrong and give the same command again: the others are kept."
        )
        raise typer.Exit(1)


def merge(
    banks: Annotated[
        list[str],
        typer.Argument(
            metavar="LABEL=BANK...", help="Banks of single networks and what to call these."
        ),
    ],
    out: Annotated[Path, typer.Option(help="The bank to write.", dir_okay=False)],
    name: Annotated[
        str | None, typer.Option(help="What to call it.", show_default="that of the file")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace that file.")] = False,
) -> None:
    """Make one bank of several, each of another network; a protocol then draws from all.

    Layers and units are called LAYER@LABEL afterwards, and the report compares the networks. A
    machine's answers are carried over where all banks have them, made with the same settings.
    """
    from stimuli import verify_bank
    from stimuli.merge import Part, merge_banks

    parts = []
    for text in banks:
        label, equals, path = text.partition("=")
        if not equals or not label or not path:
            raise UserError(
                f'"{text}" does not name a bank and its network',
                remedy="Write LABEL=BANK, such as resnet50=banks/resnet50.h5.",
            )
        parts.append(Part(label, Path(path)))
    if out.exists() and not force:
        raise UserError(
            "this file is there already",
            where=str(out),
            remedy="Choose another --out, or replace it with --force.",
        )
    content = merge_banks(
        parts,
        out,
        name=name or out.stem,
        say=lambda text: messages.print(f"[yellow]note:[/] {escape(text)}"),
    )
    found = verify_bank(out)
    for warning in found.warnings:
        messages.print(f"[yellow]note:[/] {escape(warning)}")
    if not found.ok:
        raise UserError("; ".join(found.problems), where=str(out))
    console.print(f"bank: {escape(str(out))}")
    console.print(f"content sha256: {content}")
