"""Command line of a build: its options, and what it prints."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from house.cli import console
from house.places import banks_directory

_CHANGES = "Changes of the recipe"
_CLUSTER = "On a cluster"
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show results and errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show details of the work.")]


def build(
    recipe: Annotated[
        str, typer.Argument(metavar="[RECIPE]", help="Name of an embedded recipe, or a .toml file.")
    ] = "demo",
    out: Annotated[
        Path | None,
        typer.Option(help="The bank to write.", show_default="RECIPE.h5 among the banks"),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace a bank that was made otherwise.")
    ] = False,
    threads: Annotated[
        int | None,
        typer.Option(
            min=1, help="Processor threads.", show_default="all cores; on a cluster 1 a task"
        ),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Threads that decode photographs ahead.",
            show_default="1; all cores beside a GPU",
        ),
    ] = None,
    network: Annotated[
        str | None,
        typer.Option(
            help="Another network: its units fill the same strata (layers by relative depth).",
            show_default="the recipe's",
            rich_help_panel=_CHANGES,
        ),
    ] = None,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="File of the network's weights (.npz, .pth).",
            show_default="the network's own",
            rich_help_panel=_CHANGES,
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Photographs: a folder, a listing or shards.",
            metavar="PATH",
            show_default="the recipe's",
            rich_help_panel=_CHANGES,
        ),
    ] = None,
    steps: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Updates of the synthetic images.",
            show_default="the recipe's",
            rich_help_panel=_CHANGES,
        ),
    ] = None,
    units: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="So many units only: main ones, spread over the depth, before others.",
            show_default="all of the recipe",
            rich_help_panel=_CHANGES,
        ),
    ] = None,
    all_units: Annotated[
        bool,
        typer.Option(
            "--all-units",
            help="Every unit of the network instead of the recipe's.",
            rich_help_panel=_CHANGES,
        ),
    ] = False,
    images_per_sign: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Synthetic images of each unit and sign.",
            show_default="the recipe's",
            rich_help_panel=_CHANGES,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            min=0,
            help="Root of all that is random.",
            show_default="the recipe's",
            rich_help_panel=_CHANGES,
        ),
    ] = None,
    verify_accuracy: Annotated[
        Path | None,
        typer.Option(
            help="Check the network by this folder of class folders (called by name, synset or "
            "number) before it is believed.",
            show_default="the embedded photographs",
            rich_help_panel=_CHANGES,
        ),
    ] = None,
    expected_top1: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Share of that folder that it must name at first.",
            show_default="as published",
            rich_help_panel=_CHANGES,
        ),
    ] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            metavar="auto|ADDRESS|local[:N]",
            help="Have the work done by a Ray cluster: the one of this machine, one at an "
            "address, or N workers here.",
            show_default="this process does it",
            rich_help_panel=_CLUSTER,
        ),
    ] = None,
    task_gpus: Annotated[
        float | None,
        typer.Option(
            min=0,
            help="GPUs of a task; may be a part of one.",
            show_default="1 where there are any",
            rich_help_panel=_CLUSTER,
        ),
    ] = None,
    task_memory: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            help="Gigabytes of memory set aside for a task.",
            show_default="none",
            rich_help_panel=_CLUSTER,
        ),
    ] = None,
    patience: Annotated[
        float,
        typer.Option(
            min=0,
            help="Seconds that the shared disk may be away.",
            rich_help_panel=_CLUSTER,
        ),
    ] = 120.0,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Build a bank from a recipe.

    The bank stores the recipe with all changes from the command line. May be interrupted at any
    time: finished units are kept beside the bank, and the same command goes on where it stopped.
    A bank that is there already and is what the recipe makes is left alone. A GPU is used when
    there is one.
    """
    import torch

    from generation.build import build as build_bank
    from generation.recipe import load_recipe
    from generation.recipe_overrides import Overrides
    from generation.reporting import TerminalReporter
    from generation.scheduling import choose_scheduler

    if threads is not None:
        torch.set_num_threads(threads)
    changes = Overrides(
        network=network,
        weights=str(weights) if weights else None,
        dataset=dataset,
        steps=steps,
        units=units,
        images_per_sign=images_per_sign,
        seed=seed,
        all_units=all_units,
        verify_accuracy=str(verify_accuracy) if verify_accuracy else None,
        expected_top1=expected_top1,
    )
    model, spec, text = load_recipe(recipe, changes)
    path = out or banks_directory() / f"{model.name}.h5"
    with (
        TerminalReporter(quiet=quiet, verbose=verbose) as reporter,
        choose_scheduler(
            cluster, threads, workers, task_gpus, task_memory, patience, reporter.say
        ) as scheduler,
    ):
        made = build_bank(
            model,
            spec,
            text,
            path,
            reporter,
            replace=force,
            workers=workers,
            scheduler=scheduler,
        )
    if not made.fresh:
        console.print("The bank is there already, made from this very recipe.")
    console.print(f"bank: {escape(str(path))}")
    console.print(f"content sha256: {made.content_sha256}")
    console.print(
        f"synthetic images beat the most extreme photograph for {made.beating:.0%} of units "
        "and signs"
    )
