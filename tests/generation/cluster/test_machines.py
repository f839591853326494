"""A cluster of two machines (two Rays on this one): one is lost; and the script for SLURM."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.generation.cluster.bench import (
    checksum,
    descendants,
    make_recipe,
    start_build,
    units_of,
    wait_for,
)
from tests.generation.conftest import ROOT

pytest.importorskip("ray", reason="the extra [cluster] is not installed")
yaml = pytest.importorskip("yaml", reason="comes with the extra [cluster]")
SCRIPTS = ROOT / "scripts" / "cluster"
RAY = [str(Path(sys.executable).with_name("ray")), "start", "--num-cpus=1", "--block"]
RAY += ["--object-store-memory=100000000", "--node-ip-address=127.0.0.1"]
TOKEN = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0123456789abcdef" * 4}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_machine(*arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [*RAY, *arguments],
        env={**os.environ, **TOKEN, "RAY_USAGE_STATS_ENABLED": "0", "RAY_worker_niceness": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "Ray runtime started" in line:
            return process
    raise AssertionError(f"Ray did not start: {process.wait()}")


def pull_the_plug(process: subprocess.Popen[str]) -> None:
    for pid in [*(pid for pid, _ in descendants(process.pid)), process.pid]:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


@pytest.fixture
def machines() -> Iterator[tuple[str, list[subprocess.Popen[str]]]]:
    """Two machines with a worker each, and the address of their cluster."""
    port = free_port()
    running = [start_machine("--head", f"--port={port}", "--include-dashboard=false")]
    try:
        running.append(start_machine(f"--address=127.0.0.1:{port}"))
        yield f"127.0.0.1:{port}", running
    finally:
        for process in reversed(running):
            pull_the_plug(process)


@pytest.mark.slow
def test_a_machine_of_the_cluster_is_lost(
    tmp_path: Path, pool_folder: Path, machines: tuple[str, list[subprocess.Popen[str]]]
) -> None:
    address, running = machines
    recipe = make_recipe(tmp_path, pool_folder, steps=60, units=3)
    expected, _ = checksum(start_build(recipe, tmp_path / "one.h5"))
    process = start_build(recipe, tmp_path / "bank.h5", address, **TOKEN)
    work = tmp_path / "bank.h5.work"
    # Both have begun: the other one goes on alone.
    second = running[1].pid
    wait_for(
        lambda: (
            units_of(work)
            and any(
                line.startswith(("ray::0", "ray::2", "ray::4")) for _, line in descendants(second)
            )
        ),
        process,
    )
    pull_the_plug(running[1])
    found, output = checksum(process)
    assert found == expected
    assert "is done again, because its" in output


@pytest.mark.slow
def test_the_script_for_slurm_builds_a_bank_on_two_nodes(tmp_path: Path, pool_folder: Path) -> None:
    recipe = make_recipe(tmp_path, pool_folder, units=1)
    expected, _ = checksum(start_build(recipe, tmp_path / "one.h5"))
    commands = {
        "scontrol": "echo node1; echo node2",
        # Options first, then the command, which runs here.
        "srun": 'while [[ "$1" == --* ]]; do shift; done; exec "$@"',
        "hostname": "echo 127.0.0.1",
    }
    folder = tmp_path / "commands"
    folder.mkdir()
    for name, text in commands.items():
        (folder / name).write_text(f"#!/bin/bash\n{text}\n")
        (folder / name).chmod(0o755)
    # Its environment, as a checkout has it.
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    (tmp_path / ".venv" / "bin" / "activate").write_text(
        f'PATH="{folder}:{Path(sys.executable).parent}:$PATH"\n'
    )
    bash = shutil.which("bash")
    assert bash
    process = subprocess.Popen(
        [bash, str(SCRIPTS / "bank.sbatch"), str(recipe), "--out", str(tmp_path / "bank.h5")],
        env={
            **os.environ,
            "COLUMNS": "200",
            "SLURM_SUBMIT_DIR": str(tmp_path),
            "SLURM_JOB_NODELIST": "node[1-2]",
            "SLURM_JOB_ID": str(os.getpid()),
            "SLURM_CPUS_PER_TASK": "1",
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert checksum(process)[0] == expected


def test_the_job_for_kubernetes_is_what_its_operator_reads() -> None:
    job = yaml.safe_load((SCRIPTS / "rayjob.yaml").read_text(encoding="utf-8"))
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    cluster = job["spec"]["rayClusterSpec"]
    pinned = [
        line.partition("==")[2]
        for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
        if line.startswith("ray==")
    ]
    assert [cluster["rayVersion"]] == pinned
    pods = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for pod in pods:
        spec = pod["template"]["spec"]
        names = {volume["name"] for volume in spec["volumes"]}
        for container in spec["containers"]:
            assert {mount["name"] for mount in container["volumeMounts"]} == names
    assert "--cluster auto" in job["spec"]["entrypoint"]
