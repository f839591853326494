"""Command line of a build: its options, and what it prints."""

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
    VerboseOption,
    WorkersOption,
)
from house.cli import console
from house.places import banks_directory

_CHANGES = "Changes of the recipe"


def build(
    recipe: Annotated[
        str, typer.Argument(metavar="[RECIPE]", help="Name of an embedded recipe, or a .toml file.")
    ] = "demo",
    out: Annotated[
        Path | None,
        typer.Option(help="The bank to write.", show_default="RECIPE.h5 among the banks"),
    ] = None,
    force: ForceOption = False,
    threads: ThreadsOption = None,
    workers: WorkersOption = None,
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
    dataset_root: Annotated[
        str | None,
        typer.Option(
            help="Folder that links of the dataset's folder may lead into, and that the paths of "
            "a listing are relative to.",
            metavar="PATH",
            show_default="that of the dataset",
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
    cluster: ClusterOption = None,
    task_gpus: TaskGpusOption = None,
    task_memory: TaskMemoryOption = None,
    patience: PatienceOption = PATIENCE,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Build a bank from a recipe.

    The bank stores the recipe with all changes from the command line. May be interrupted at any
    time: finished units are kept beside the bank, and the same command goes on where it stopped.
    A bank that is there already and is what the recipe makes is left alone. A GPU is used when
    there is one.
    """
    import torch

    from generation.building.order import build as build_bank
    from generation.building.scheduling import choose_scheduler
    from generation.recipe import load_recipe
    from generation.recipe_overrides import Overrides
    from generation.reporting.resumable import says_how_to_go_on
    from generation.reporting.terminal import TerminalReporter

    if threads is not None:
        torch.set_num_threads(threads)
    changes = Overrides(
        network=network,
        weights=str(weights) if weights else None,
        dataset=dataset,
        dataset_root=dataset_root,
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
        says_how_to_go_on(),
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
        f"and signs on average, and every single one does for {made.all_beating:.0%}"
    )
