from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import typer
from house import cli
from house.errors import UserError
app = cli.make_app("Help.")
@app.command()
def first(what: str = ""):
    "Do the first thing."
    if what == "mistake":
        raise UserError("the key [x] is unknown", where="a.toml", remedy="Remove it.")
    if what == "interrupt":
        raise KeyboardInterrupt
    if what == "package":
        import no_such_package.part
    if what == "bug":
        import house.no_such_module
    if what == "finding":
        raise typer.Exit(1)
    cli.console.print("done")
@app.command()
def second():
    "Do the second thing."
cli.run(app, "room")
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *arguments], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    ("arguments", "status", "stdout", "stderr"),
    [
        (["first"], 0, "done", ""),
        (
            ["first", "--what", "mistake"],
            2,
            "",
            "error: a.toml: the key [x] is unknown. Remove it.",
        ),
        (["first", "--what", "interrupt"], 130, "", "Interrupted."),
        (["first", "--what", "finding"], 1, "", ""),
        (
            ["first", "--what", "package"],
            2,
            "",
            "no_such_package is not installed. Install this room: pip install -e '.[room]'.",
        ),
        (["third"], 2, "", "No such command 'third'"),
        (["--help"], 0, "Do the first thing.", ""),
    ],
)
def test_status_and_words(arguments, status, stdout, stderr):
    done = run(*arguments)
    assert done.returncode == status
    assert stdout in done.stdout
    assert stderr in done.stderr
    assert "Traceback" not in done.stderr


def test_a_missing_module_of_our_own_is_a_bug():
    done = run("first", "--what", "bug")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
