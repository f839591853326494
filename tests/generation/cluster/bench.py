"""A tiny network of a user's own, its recipe, and builds of it in processes of their own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

NETWORK = """
import torch
from torch import nn


def build_model():
    torch.manual_seed(3)
    return nn.Sequential(
        nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.Conv2d(8, 12, 3, stride=2), nn.ReLU(),
        nn.Conv2d(12, 10, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )
"""

RECIPE = """
name = "tiny"
seed = 5
[network]
name = "tinynet:build_model"
layers = ["0", "2", "4"]
size = 48
[synthesis]
images_per_sign = 2
canvas = 64
crop = 8
steps = {steps}
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
images_per_pass = 2
checkpoint_passes = 1
unreadable_limit = 1
{natural}
[[draws]]
count = {units}
"""

_ENVIRONMENT = {
    "OMP_NUM_THREADS": "1",
    "COLUMNS": "200",
    "RAY_USAGE_STATS_ENABLED": "0",
    # Ray lets its workers wait for everything else; tests need not.
    "RAY_worker_niceness": "0",
}


def make_recipe(
    folder: Path, photographs: Path | str, *, steps: int = 6, units: int = 2, natural: str = ""
) -> Path:
    """Write the network and a recipe with so many units of each of its three layers."""
    (folder / "tinynet.py").write_text(NETWORK, encoding="utf-8")
    path = folder / "tiny.toml"
    text = RECIPE.format(photographs=photographs, steps=steps, units=units, natural=natural)
    path.write_text(text, encoding="utf-8")
    return path


def start_build(
    recipe: Path, out: Path, cluster: str | None = None, *options: str, **more: str
) -> subprocess.Popen[str]:
    """Begin a build in a process, and process group, of its own."""
    arguments = ["build", str(recipe), "--out", str(out), "--threads", "1"]
    return subprocess.Popen(
        [
            sys.executable,
            "-m",
            "generation",
            *arguments,
            *(["--cluster", cluster, *options] if cluster else []),
        ],
        cwd=recipe.parent,
        env={**os.environ, **_ENVIRONMENT, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def checksum(process: subprocess.Popen[str], timeout: float = 240) -> tuple[str, str]:
    """Wait for a build that must succeed; give its bank's checksum and what it printed."""
    output, _ = process.communicate(timeout=timeout)
    assert process.returncode == 0, output
    found = re.search(r"content sha256: ([0-9a-f]{64})", output)
    assert found, output
    return found.group(1), output


def wait_for(
    there: Callable[[], object], process: subprocess.Popen[str], timeout: float = 120
) -> None:
    """Wait until something is there, while a build runs."""
    deadline = time.monotonic() + timeout
    while not there():
        assert process.poll() is None, process.communicate()[0]
        assert time.monotonic() < deadline
        time.sleep(0.02)


def units_of(work: Path) -> list[Path]:
    """Finished units in a work folder."""
    return sorted(work.glob("[024]_all_*.npz"))


def descendants(pid: int) -> Iterator[tuple[int, str]]:
    """Give all processes below one, with their command lines."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    waiting = [pid]
    while waiting:
        for child in parents.get(waiting.pop(), []):
            waiting.append(child)
            try:
                yield child, Path(f"/proc/{child}/cmdline").read_bytes().decode().strip("\0")
            except OSError:
                continue


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Processes in which Ray does a task of a build now."""
    return [pid for pid, line in descendants(process.pid) if _busy(line)]


def _busy(line: str) -> bool:
    idle = ("ray::IDLE", "ray::DashboardAgent", "ray::RuntimeEnvAgent")
    return line.startswith("ray::") and not line.startswith(idle)
