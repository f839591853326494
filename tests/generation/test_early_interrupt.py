from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from tests.generation.conftest import ROOT

# Ctrl-C while the command line is still loading its packages.
EARLY = """
import os, runpy, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "typer":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
runpy.run_module("generation", run_name="__main__")
"""


@pytest.mark.skipif(os.name == "nt", reason="other signals there")
def test_an_interrupt_while_packages_are_loaded_shows_no_traceback() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", EARLY], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert ended.stderr == "Interrupted.\n"
    assert ended.returncode == -signal.SIGINT
