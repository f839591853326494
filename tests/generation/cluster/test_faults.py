"""What goes wrong on a cluster: after each, the right bank or a sentence, and nothing is lost."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from generation.natural.shard_plan import Span
from tests.generation.building.test_full_disk import leave_free, small_disk
from tests.generation.cluster.bench import (
    checksum,
    descendants,
    make_recipe,
    start_build,
    units_of,
    wait_for,
    workers_of,
)

__all__ = ["small_disk"]

pytest.importorskip("ray", reason="the extra [cluster] is not installed")
pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

STEPS = 60
CLUSTER = "local:2"
ONE = "local:1"
MEMORY = Path("/sys/fs/cgroup/memory")
FAKETIME = [
    path
    for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu")
    if (path := Path(folder) / "faketime" / "libfaketimeMT.so.1").exists()
]


class Case:
    """A job on a disk of its own, and the checksum that its bank must have."""

    # The photographs are the same for all, and so is the bank.
    _expected = ""

    def __init__(self, disk: Path, pool: Path) -> None:
        self.disk = disk
        self.recipe = make_recipe(disk, pool, steps=STEPS, units=3)
        self.out = disk / "bank.h5"
        self.work = disk / "bank.h5.work"
        if not Case._expected:
            undisturbed = disk / "undisturbed.h5"
            Case._expected, _ = checksum(start_build(self.recipe, undisturbed))
            undisturbed.unlink()
        self.expected = Case._expected

    def start(
        self, cluster: str | None = CLUSTER, *options: str, **more: str
    ) -> subprocess.Popen[str]:
        return start_build(self.recipe, self.out, cluster, *options, **more)

    def units(self) -> dict[str, int]:
        """Finished units, and which file each is."""
        return {path.name: path.stat().st_ino for path in units_of(self.work)}

    def shards(self) -> dict[Span, Path]:
        found = {}
        for path in self.work.glob("shard-*.npz"):
            _, _, first, last = path.stem.split("-")
            found[Span(int(first), int(last))] = path
        return found

    def finish(self, kept: int, cluster: str | None = CLUSTER, **more: str) -> str:
        """Give the command again: it must keep so many units and make the right bank."""
        found, output = checksum(self.start(cluster, **more))
        assert found == self.expected
        if kept:
            told = re.search(r"(\d+) of 9 units were finished earlier", output)
            assert told, output
            assert int(told.group(1)) >= kept
        assert not self.work.exists()
        assert not list(self.disk.glob(".*.tmp"))
        return output


@pytest.fixture
def case(tmp_path: Path, pool_folder: Path) -> Case:
    disk = tmp_path / "disk"
    disk.mkdir()
    return Case(disk, pool_folder)


def fails(process: subprocess.Popen[str], sentence: str) -> str:
    """See that a build ends with a sentence and status 2; give all that it printed."""
    output, _ = process.communicate(timeout=240)
    assert process.returncode == 2, output
    assert sentence in output
    assert "Traceback" not in output
    return output


def exists(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def started_by(process: subprocess.Popen[str]) -> list[int]:
    """Give a build's processes but Ray's two agents, which notice its end a minute later."""
    return [pid for pid, line in descendants(process.pid) if not line.endswith("Agent")]


def end(process: subprocess.Popen[str], number: int) -> None:
    """Send a signal to the driver alone; all that it started must end with it."""
    started = started_by(process)
    assert len(started) > 3
    process.send_signal(number)
    process.wait(timeout=60)
    deadline = time.monotonic() + 60
    while left := [pid for pid in started if exists(pid)]:
        assert time.monotonic() < deadline, left
        time.sleep(0.1)


@pytest.mark.parametrize("resumed_by", [CLUSTER, None])
def test_the_driver_is_killed_while_units_are_made(case: Case, resumed_by: str | None) -> None:
    process = case.start()
    wait_for(lambda: len(case.units()) >= 2, process)
    end(process, signal.SIGKILL)
    kept = len(case.units())
    assert kept < 9
    case.finish(kept, resumed_by)


def test_the_driver_is_killed_again_and_again(case: Case) -> None:
    rng = np.random.default_rng(0)
    met = {"recording": 0, "synthesis": 0}
    for _ in range(3):
        process = case.start()
        wait_for(lambda: workers_of(process), process)  # noqa: B023
        before = len(case.units())
        time.sleep(float(rng.uniform(0, 4)))
        if process.poll() is not None:
            break
        end(process, signal.SIGKILL)
        assert len(case.units()) >= before
        met["synthesis" if case.units() else "recording"] += 1
    assert sum(met.values()) >= 2
    case.finish(len(case.units()))


def test_interrupted_by_a_person_it_says_so_and_goes_on(case: Case) -> None:
    process = case.start()
    wait_for(lambda: len(case.units()) >= 2, process)
    started = started_by(process)
    process.send_signal(signal.SIGINT)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 130, output
    assert "Interrupted" in output
    assert "Traceback" not in output
    assert not [pid for pid in started if exists(pid)]
    case.finish(len(case.units()), None)


def test_workers_are_killed_in_the_middle(case: Case) -> None:
    process = case.start("local:4")
    killed = 0
    while process.poll() is None and killed < 5:
        busy = workers_of(process)
        if busy and (killed == 0 or len(case.units()) >= killed):
            # One while photographs are recorded or the network is checked, others at units.
            os.kill(busy[-1], signal.SIGKILL)
            killed += 1
            time.sleep(0.3)
        time.sleep(0.02)
    assert killed >= 3
    found, output = checksum(process)
    assert found == case.expected
    assert output.count("is done again, because its worker died") >= 3


def test_workers_that_die_every_time_end_the_job_with_a_sentence(case: Case) -> None:
    process = case.start(ONE)
    wait_for(lambda: len(case.units()) >= 1, process)
    while process.poll() is None:
        for pid in workers_of(process):
            os.kill(pid, signal.SIGKILL)
        time.sleep(0.05)
    fails(process, "lost 4 times, at last because its worker died")
    case.finish(1, None)


@pytest.fixture
def tight() -> Iterator[Path]:
    """A group of processes that may have next to no further memory."""
    group = MEMORY / f"exemplary-{os.getpid()}"
    try:
        group.mkdir()
    except OSError:
        pytest.skip("no right to make a memory control group (version 1)")
    try:
        (group / "memory.limit_in_bytes").write_text(str(256 << 10))
        yield group
    finally:
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            try:
                group.rmdir()
                break
            except OSError:
                time.sleep(0.2)


def test_the_kernel_kills_a_worker_that_is_out_of_memory(case: Case, tight: Path) -> None:
    process = case.start()
    wait_for(lambda: len(case.units()) >= 1, process)
    victims = []

    def put() -> bool:
        for pid in workers_of(process)[:1]:
            try:
                (tight / "cgroup.procs").write_text(str(pid))
            except OSError:
                return False
            victims.append(pid)
        return bool(victims)

    wait_for(put, process)
    found, output = checksum(process)
    assert found == case.expected
    events = (tight / "memory.oom_control").read_text()
    assert int(re.search(r"oom_kill (\d+)", events).group(1)) >= 1, events  # type: ignore[union-attr]
    assert "is done again, because its worker died" in output


# A first layer that, once it is told to, wants more memory than its process may have.
HUNGRY = """
import resource
from pathlib import Path

class Hungry(nn.Conv2d):
    def forward(self, x):
        if Path("hungry").exists():
            used = 4096 * int(Path("/proc/self/statm").read_text().split()[0])
            _, most = resource.getrlimit(resource.RLIMIT_AS)
            resource.setrlimit(resource.RLIMIT_AS, (used + (256 << 20), most))
            torch.zeros(1 << 30, dtype=torch.uint8)
        return super().forward(x)

nn.Conv2d = Hungry
"""


@pytest.mark.skipif(sys.platform != "linux", reason="a limit of memory that Linux keeps")
def test_workers_without_memory_end_the_job_with_a_sentence(case: Case) -> None:
    network = case.disk / "tinynet.py"
    text = network.read_text(encoding="utf-8")
    place = text.index("def build_model")
    network.write_text(text[:place] + HUNGRY + text[place:], encoding="utf-8")
    process = case.start(ONE)
    wait_for(case.units, process)
    (case.disk / "hungry").touch()
    output = fails(process, "lost 4 times, at last because memory ran out")
    # Each time for its reason; workers that end because of it are nobody's loss.
    assert output.count("is done again, because memory ran out") >= 3
    assert "because its worker died" not in output
    (case.disk / "hungry").unlink()
    case.finish(1, None)


@pytest.mark.parametrize("stage", ["recording", "synthesis"])
def test_the_shared_disk_is_away_for_ten_seconds(
    tmp_path: Path, pool_folder: Path, stage: str
) -> None:
    disk, away = tmp_path / "disk", tmp_path / "away"
    disk.mkdir()
    # Everything lies there: photographs, recipe, network, bank.
    pool_folder.rename(disk / "pool")
    case = Case(disk, disk / "pool")
    process = case.start()
    wait_for(lambda: case.shards() if stage == "recording" else case.units(), process)
    disk.rename(away)
    kept = len(list(units_of(away / "bank.h5.work")))
    for _ in range(100):
        time.sleep(0.1)
        # Nobody makes a folder in its place.
        assert not disk.exists()
    assert process.poll() is None, process.communicate()[0]
    # What was under way was not written elsewhere and counted as done.
    assert len(list(units_of(away / "bank.h5.work"))) == kept
    away.rename(disk)
    found, output = checksum(process)
    assert found == case.expected, output


def test_the_shared_disk_stays_away(case: Case, tmp_path: Path) -> None:
    process = case.start(ONE, "--patience", "3")
    wait_for(case.units, process)
    case.disk.rename(tmp_path / "away")
    fails(process, "has been away for 3 s")
    assert not case.disk.exists()
    (tmp_path / "away").rename(case.disk)
    case.finish(len(case.units()), None)


def test_the_disk_is_full_and_then_has_room(small_disk: Path, pool_folder: Path) -> None:
    case = Case(small_disk, pool_folder)
    process = case.start()
    wait_for(lambda: len(case.units()) >= 2, process)
    leave_free(small_disk, 4)
    fails(process, "No space left")
    kept = len(case.units())
    assert not list(case.work.glob(".*.tmp"))
    (small_disk / "ballast").unlink()
    case.finish(kept, None)


@pytest.mark.parametrize("which", ["middle", "all"])
def test_shards_are_damaged_while_nobody_looks(case: Case, which: str) -> None:
    process = case.start(ONE)
    wait_for(lambda: len(case.shards()) >= 4, process)
    end(process, signal.SIGKILL)
    shards = sorted(case.shards().items())
    # Some may be merged already.
    assert shards
    victims = {"middle": shards[len(shards) // 2 :][:1], "all": shards}[which]
    for _, path in victims:
        data = bytearray(path.read_bytes())
        middle = len(data) // 2
        data[middle : middle + 200] = bytes(255 - byte for byte in data[middle : middle + 200])
        path.write_bytes(bytes(data))
    output = case.finish(0, ONE)
    assert "was damaged" in output


def test_a_finished_unit_is_damaged_while_nobody_looks(case: Case) -> None:
    process = case.start()
    wait_for(lambda: len(case.units()) >= 3, process)
    end(process, signal.SIGKILL)
    kept = len(case.units())
    victim = units_of(case.work)[0]
    victim.write_bytes(victim.read_bytes()[:-50])
    case.finish(kept - 1, None)


def test_files_from_another_time(case: Case) -> None:
    process = case.start(ONE)
    wait_for(lambda: len(case.units()) >= 2, process)
    end(process, signal.SIGKILL)
    kept = len(case.units())
    for number, path in enumerate(sorted(case.work.iterdir())):
        then = time.time() + (-40, 40)[number % 2] * 365.25 * 86400
        os.utime(path, (then, then))
    case.finish(kept, ONE)


@pytest.mark.skipif(not FAKETIME or sys.platform != "linux", reason="libfaketime is not installed")
def test_the_clock_is_set_back_between_two_calls(case: Case) -> None:
    process = case.start(ONE)
    wait_for(lambda: len(case.units()) >= 2, process)
    end(process, signal.SIGKILL)
    skewed = {
        "LD_PRELOAD": str(FAKETIME[0]),
        "FAKETIME": "-30d",
    }
    case.finish(len(case.units()), ONE, **skewed)
