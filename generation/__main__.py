"""Command line: build, verify, preview, units, convert-weights; the others lie beside it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from generation.predict_command import predict
from generation.sweep_command import merge, sweep
from house.cli import console, make_app, messages, run
from house.places import banks_directory, reports_directory

# Threads that wait sleep instead of spinning: on a machine with other work, spinning triples the
# time of a build. Read when torch is loaded, which the commands do.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

app = make_app(
    "Make stimulus banks: synthetic images of a network's units and the photographs that activate "
    "them most and least.\n\n"
    "Start with [bold]python -m generation build[/]: it makes the demonstration bank in a few "
    "minutes. Then look at it with [bold]python -m generation preview[/]."
)

BankArgument = Annotated[
    Path | None,
    typer.Argument(
        metavar="[BANK]", help="The bank's file.", show_default="the demo bank", dir_okay=False
    ),
]
_CHANGES = "Changes of the recipe"
_CLUSTER = "On a cluster"
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show results and errors only.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show details of the work.")]


@app.command()
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


@app.command()
def verify(
    bank: BankArgument = None,
    sample: Annotated[
        int, typer.Option(min=0, help="Units whose images are measured again; 0 = none.")
    ] = 4,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="File of the network's weights, where it is not the bank's any more.",
            show_default="as the bank says",
        ),
    ] = None,
) -> None:
    """Check a bank: structure, checksums, order, disjointness, and activations of a sample.

    Ends with status 1 where something is wrong.
    """
    from stimuli import verify_bank

    path = bank or banks_directory() / "demo.h5"
    found = verify_bank(path)
    problems = list(found.problems)
    if not problems and sample:
        from generation.remeasure import remeasure

        measured, differing = remeasure(path, sample, weights)
        problems += differing
        console.print(f"{measured} images measured again, {len(differing)} differ")
    for warning in found.warnings:
        messages.print(f"[yellow]note:[/] {escape(warning)}")
    console.print(f"content sha256: {found.content_sha256}")
    if problems:
        for problem in problems:
            messages.print(f"[bold red]wrong:[/] {escape(problem)}")
        raise typer.Exit(1)
    console.print(f"{escape(str(path))} is sound")


@app.command()
def preview(
    bank: BankArgument = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for the pictures.", show_default="preview among the reports"),
    ] = None,
) -> None:
    """Draw contact sheets of a bank: a PNG for each unit, an overview, and one HTML page."""
    from generation.preview import draw_preview

    path = bank or banks_directory() / "demo.h5"
    folder = out or reports_directory() / "preview" / path.stem
    page = draw_preview(path, folder)
    console.print(f"page: {escape(str(page))}")
    console.print(f"overview: {escape(str(folder / 'overview.jpg'))}")


@app.command()
def units(
    network: Annotated[
        str,
        typer.Option(
            help="A network: its name, torchvision:MODEL, or package.module:factory; `all` lists "
            "the known ones."
        ),
    ] = "squeezenet1_1",
    weights: Annotated[
        Path | None, typer.Option(help="Check that this file of weights fits, too.")
    ] = None,
) -> None:
    """List a network's layers, branches and channels: what a recipe may name."""
    from generation.network_choice import NetworkChoice
    from generation.networks import REGISTRY, load_network, network_spec

    if network == "all":
        for name, known in sorted(REGISTRY.items()):
            console.print(f"{name}: {escape(known.title)}")
        console.print(
            "torchvision:MODEL: any of torchvision's models, such as torchvision:resnet50"
        )
        console.print("package.module:factory: a network of your own")
        return
    spec = network_spec(NetworkChoice(name=network, weights=str(weights) if weights else None))
    kinds = any(layer.kind for layer in spec.layers)
    head = ["layer", *(["kind"] if kinds else []), "branch", "channels", "units"]
    table = Table(*head, title=escape(spec.title))
    for layer in spec.layers:
        for branch in layer.branches:
            table.add_row(
                escape(layer.name),
                *([escape(layer.kind)] if kinds else []),
                branch.name,
                f"{branch.first} to {branch.last}",
                str(branch.last - branch.first + 1),
            )
    console.print(table)
    layer = spec.layers[len(spec.layers) // 2]
    branch = layer.branches[-1]
    total = sum(layer.channels for layer in spec.layers)
    console.print(
        f"{total:,} units in {len(spec.layers)} layers. Name one like "
        f"{escape(layer.name)}:{branch.name}:{branch.first}."
    )
    if weights:
        load_network(spec)
        console.print(f"The weights fit; their SHA-256 is {spec.weights_sha256}.")


@app.command()
def convert_weights(
    graph: Annotated[
        Path,
        typer.Argument(
            metavar="GRAPH",
            help="TensorFlow's frozen graph: tensorflow_inception_graph.pb of inception5h, or "
            "lucid's InceptionV1.pb.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="The file to write.")] = Path("inception_v1.npz"),
    force: Annotated[bool, typer.Option("--force", help="Replace that file.")] = False,
) -> None:
    """Turn the published frozen graph of InceptionV1 into weights; needs no TensorFlow."""
    from generation.convert_inception_v1 import convert
    from house.errors import UserError

    if out.exists() and not force:
        raise UserError(
            "this file is there already",
            where=str(out),
            remedy="Choose another --out, or replace it with --force.",
        )
    checksum = convert(graph, out)
    console.print(f"weights: {escape(str(out))}")
    console.print(f"sha256: {checksum}")
    console.print(
        f"Use them with: python -m generation build RECIPE --network inception_v1 --weights "
        f"{escape(str(out))}"
    )


app.command()(predict)
app.command()(sweep)
app.command()(merge)


if __name__ == "__main__":
    run(app, "generation")
