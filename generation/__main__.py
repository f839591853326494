"""Command line: verify, preview, units, convert-weights; the others lie beside it."""

from __future__ import annotations

import house.quiet_interrupt  # noqa: F401  # isort: skip
import contextlib
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from generation.arguments import BankArgument, QuietOption
from generation.building.command import build
from generation.prediction.command import predict
from generation.sweep.command import merge, sweep
from house.cli import console, make_app, messages, progress, run
from house.errors import UserError
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


app.command()(build)


@app.command()
def verify(
    bank: BankArgument = None,
    sample: Annotated[
        int, typer.Option(min=0, help="Units whose images are measured again; 0 = none.")
    ] = 4,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="File of the network's weights, where it is not where the bank says; in a bank "
            "of several, of the network that was made with it.",
            show_default="as the bank says",
        ),
    ] = None,
) -> None:
    """Check a bank: structure, checksums, order, disjointness, and activations of a sample.

    Ends with status 1 where something is wrong.
    """
    from generation.inspection.verification import verify_apart

    path = bank or banks_directory() / "demo.h5"
    found = verify_apart(path)
    problems = list(found.problems)
    for warning in found.warnings:
        messages.print(f"[yellow]note:[/] {escape(warning)}")
    if found.content_sha256:
        console.print(f"content sha256: {found.content_sha256}")
    if not problems and sample:
        from generation.inspection.remeasure import remeasure

        try:
            measured, differing = remeasure(
                path,
                sample,
                weights,
                lambda text: messages.print(f"[yellow]note:[/] {escape(text)}"),
            )
        except UserError:
            console.print(
                f"{escape(str(path))}: structure and all checksums are right, but its images "
                "could not be measured again"
            )
            raise
        problems += differing
        console.print(f"{measured} images measured again, {len(differing)} differ")
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
    chosen: Annotated[
        str | None,
        typer.Option(
            "--units",
            metavar="N|UNIT,UNIT",
            help="So many units, spread over the bank, or these.",
            show_default="all",
        ),
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Draw contact sheets of a bank: a PNG for each unit, an overview, and one HTML page.

    The page stands from the first sheet on; an interrupt leaves what was drawn.
    """
    from generation.inspection.preview import draw_preview

    path = bank or banks_directory() / "demo.h5"
    folder = out or reports_directory() / "preview" / path.stem
    bar = progress(quiet=quiet)
    with contextlib.ExitStack() as stack:

        def advance(done: int, of: int) -> None:
            # Not before there is something to show: an error then stands alone.
            if not bar.tasks:
                stack.enter_context(bar)
                bar.add_task("sheets", total=of)
            bar.update(bar.tasks[0].id, completed=done)

        page = draw_preview(path, folder, chosen, advance)
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
    from generation.networks.choice import NetworkChoice
    from generation.networks.network import REGISTRY, load_network, network_spec

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
    from generation.networks.convert_inception_v1 import convert

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
