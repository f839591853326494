"""A network, a small pool of photographs and a tiny recipe, shared by this room's tests."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from generation.networks.network import Network, load_network
from stimuli.photographs import load_photographs

ROOT = Path(__file__).resolve().parents[2]

RECIPE = """
name = "tiny"
seed = 5
[synthesis]
images_per_sign = 2
canvas = 64
crop = 8
steps = {steps}
learning_rate = 0.1
precision = "float32"
[synthesis.transforms]
jitter_before = 4
scales = [1.0, 0.95]
angles = [-5.0, 0.0, 5.0]
jitter_after = 2
[natural]
photographs = "{photographs}"
resize = 64
batches = 2
positions = 3
unreadable_limit = 1
[[units]]
unit = "fire2:1x1:30"
[[units]]
unit = "fire2:3x3:70"
[[units]]
unit = "fire4:3x3:200"
role = "practice"
"""


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session", autouse=True)
def _interruptible() -> None:
    """Let builds hear an interrupt, which shells have what they start in the background ignore."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def _flush_denormals() -> Iterator[None]:
    """Compute as a build does, and leave the processor to other rooms' tests as it was."""
    torch.set_flush_denormal(True)
    yield
    torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def network() -> Network:
    return load_network("squeezenet1_1")


@pytest.fixture
def pool_folder(tmp_path: Path) -> Path:
    """Thirty photographs of the embedded pool in a folder of their own."""
    folder = tmp_path / "pool"
    folder.mkdir()
    lines = ["file\ttitle\tauthor\tlicence\tlabel"]
    for photograph in load_photographs()[::14][:30]:
        shutil.copy(photograph.path, folder / photograph.path.name)
        lines.append(
            f"{photograph.path.name}\t{photograph.title}\t{photograph.author}\t"
            f"{photograph.licence}\t{photograph.label}"
        )
    (folder / "attribution.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


@pytest.fixture
def recipe_file(tmp_path: Path, pool_folder: Path) -> Path:
    path = tmp_path / "tiny.toml"
    path.write_text(RECIPE.format(steps=6, photographs=pool_folder.as_posix()), encoding="utf-8")
    return path


def run_generation(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Call the command line as its user would."""
    return _run(["-m", "generation"], arguments, more)


# In the middle of the recording, long before a checkpoint.
_TERMINATED = """
import os, signal
from generation.natural.unfinished import Unfinished
take = Unfinished.take
def terminated(self, images, *rest):
    take(self, images, *rest)
    if images.last >= 12:
        os.kill(os.getpid(), signal.SIGTERM)
Unfinished.take = terminated
from generation.__main__ import app
from house.cli import run
run(app, "generation")
"""


def run_terminated(*arguments: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Call the command line, and end it by SIGTERM early in the recording, as schedulers do."""
    return _run(["-c", _TERMINATED], arguments, more)


def _run(
    program: list[str], arguments: tuple[str | Path, ...], more: dict[str, str]
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *program, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", **more},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
