"""Command line: build, verify, preview, units."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

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
        typer.Option(min=1, help="Processor threads.", show_default="all cores"),
    ] = None,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Build a bank from a recipe.

    May be interrupted at any time: finished units are kept beside the bank, and the same command
    goes on where it stopped. A bank that is there already and is what the recipe makes is left
    alone. A GPU is used when there is one.
    """
    import torch

    from generation.build import build as build_bank
    from generation.recipe import load_recipe
    from generation.reporting import TerminalReporter

    if threads is not None:
        torch.set_num_threads(threads)
    model, spec, text = load_recipe(recipe)
    path = out or banks_directory() / f"{model.name}.h5"
    with TerminalReporter(quiet=quiet, verbose=verbose) as reporter:
        made = build_bank(model, spec, text, path, reporter, replace=force)
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

        measured, differing = remeasure(path, sample)
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
        str, typer.Option(help="A network by name; `all` lists the networks.")
    ] = "squeezenet1_1",
) -> None:
    """List a network's layers, branches and channels: what a recipe may name."""
    from generation.networks import REGISTRY, network_spec

    if network == "all":
        for name, known in sorted(REGISTRY.items()):
            console.print(f"{name}: {known.title}")
        return
    spec = network_spec(network)
    table = Table("layer", "branch", "channels", "units", title=spec.title)
    for layer in spec.layers:
        for branch in layer.branches:
            table.add_row(
                layer.name,
                branch.name,
                f"{branch.first} to {branch.last}",
                str(branch.last - branch.first + 1),
            )
    console.print(table)
    layer = spec.layers[len(spec.layers) // 2]
    branch = layer.branches[-1]
    console.print(f"Name a unit like {layer.name}:{branch.name}:{branch.first}.")


if __name__ == "__main__":
    run(app, "generation")
