"""What Ray costs over the direct path, how fast a killed worker is replaced, the driver's memory.

    OMP_NUM_THREADS=1 PYTHONPATH=. python benchmarks/cluster.py [overhead] [recovery] [memory]

The direct path and one worker of Ray do the same build in turns, each on one thread. Seconds are
by the clock and of the processor; the latter are those of all processes, Ray's own included, so
that other work on the machine does not count. The table is in benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from generation.building.order import build
from generation.building.scheduling import Here, Scheduler
from generation.cluster.engine import ClusterSettings
from generation.cluster.parts import OnCluster
from generation.recipe import load_recipe

RECIPE = """
name = "bench"
[synthesis]
steps = {steps}
images_per_sign = 4
precision = "float32"
[natural]
batches = 4
positions = 5
[[draws]]
layers = ["fire3", "fire5", "fire7", "fire9"]
count = {units}
"""

MANY = """
import torch
from torch import nn

def build_model():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 1000, 8, stride=8), nn.AdaptiveAvgPool2d(1), nn.Flatten())
"""

MANY_RECIPE = """
name = "many"
[network]
name = "manynet:build_model"
layers = ["0"]
size = 32
[synthesis]
steps = 1
images_per_sign = 1
canvas = 48
crop = 4
precision = "float32"
[synthesis.transforms]
jitter_before = 0
scales = [1.0]
angles = [0.0]
jitter_after = 0
[natural]
resize = 48
batches = 2
positions = 2
[[draws]]
count = {units}
"""


class Quiet:
    """A reporter that notes when a stage begins."""

    def __init__(self, on_say: Callable[[str], None] = lambda text: None) -> None:
        self.begun: dict[str, tuple[float, float]] = {}
        self._on_say = on_say

    def plan(self, stages: Sequence[tuple[str, int, float]]) -> None:
        """Take no notice."""

    def stage(self, name: str, total: int, done: int = 0) -> Callable[[int], None]:
        """Note the time."""
        self.begun[name] = (time.perf_counter(), processor_seconds())
        return lambda count: None

    def say(self, text: str) -> None:
        """Pass it on."""
        self._on_say(text)


def children(pid: int) -> Iterator[int]:
    """Give all processes below one."""
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            yield int(child)
            yield from children(int(child))


def processor_seconds() -> float:
    """Of this process and of all that it started, the ended ones included."""
    ticks = 0
    for pid in [os.getpid(), *children(os.getpid())]:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += sum(int(field) for field in fields[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def fresh_folder() -> Iterator[Path]:
    """Work in a folder of its own."""
    folder = Path(tempfile.mkdtemp())
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield folder
    finally:
        os.chdir(before)
        shutil.rmtree(folder)


def timed(recipe: Path, out: Path, scheduler: Scheduler) -> tuple[float, float, str]:
    """Build; give the seconds, by the clock and of the processor, of recording and synthesis."""
    reporter = Quiet()
    made = build(*load_recipe(str(recipe)), out, reporter, scheduler=scheduler)
    first, last = (reporter.begun[name] for name in ("photographs", "writing the bank"))
    out.unlink()
    return last[0] - first[0], last[1] - first[1], made.content_sha256


def overhead(rounds: int, steps: int, units: int) -> None:
    """Compare the direct path and one worker in turns."""
    with fresh_folder() as folder:
        recipe = folder / "bench.toml"
        recipe.write_text(RECIPE.format(steps=steps, units=units))
        begun, spent = time.perf_counter(), processor_seconds()
        with OnCluster(ClusterSettings("local:1")) as cluster:
            cluster.facts("float32")
            start = time.perf_counter() - begun, processor_seconds() - spent
            # The worker keeps the network from one build to the next, as this process does not.
            timed(recipe, folder / "warm.h5", cluster)
            pairs = []
            for _ in range(rounds):
                one = timed(recipe, folder / "direct.h5", Here())
                other = timed(recipe, folder / "ray.h5", cluster)
                assert one[2] == other[2]
                pairs.append((one, other))
                print(
                    f"direct {one[0]:.1f} s ({one[1]:.1f}), Ray {other[0]:.1f} s ({other[1]:.1f})"
                )
    ratios = [
        statistics.median(other[place] / one[place] for one, other in pairs) for place in (0, 1)
    ]
    print(f"Ray over direct: clock {ratios[0]:.3f}, processor {ratios[1]:.3f}; median of {rounds}")
    print(f"starting Ray and one worker: {start[0]:.1f} s, processor {start[1]:.1f} s")


def recovery(kills: int) -> None:
    """Kill the worker in the middle of units; time until told, and until it is replaced."""
    noticed, replaced = [], []
    with fresh_folder() as folder:
        recipe = folder / "bench.toml"
        recipe.write_text(RECIPE.format(steps=30, units=1))
        events: list[tuple[float, str]] = []
        with OnCluster(ClusterSettings("local:1", retries=kills)) as cluster:

            def watch(text: str) -> None:
                events.append((time.perf_counter(), text))

            def kill() -> None:
                for _ in range(kills):
                    victim = wait(lambda: busy("ray::fire"), 120)
                    time.sleep(1)
                    before = len(events)
                    os.kill(victim, signal.SIGKILL)
                    at = time.perf_counter()
                    wait(lambda before=before: len(events) > before, 60)
                    noticed.append(events[before][0] - at)
                    wait(lambda victim=victim: (busy("ray::fire") or 0) not in (0, victim), 60)
                    replaced.append(time.perf_counter() - at)
                    # Let it finish this one.
                    wait(lambda at=at: made_after(events, at), 120)

            killer = threading.Thread(target=kill, daemon=True)
            killer.start()
            # After the stage has begun: what is told before are no units.
            reporter = Quiet(watch)
            build(*load_recipe(str(recipe)), folder / "b.h5", reporter, scheduler=cluster)
            killer.join(1)
    print(
        f"{len(replaced)} kills: told after {statistics.median(noticed):.2f} s, a new worker at "
        f"the task after {statistics.median(replaced):.2f} s (most {max(replaced):.2f} s)"
    )


def made_after(events: Sequence[tuple[float, str]], when: float) -> bool:
    """Whether a unit was finished since."""
    return any(at > when and "synthetic" in text for at, text in events)


def busy(title: str) -> int | None:
    """Find the worker that does a task now."""
    for pid in children(os.getpid()):
        try:
            if Path(f"/proc/{pid}/cmdline").read_bytes().decode().startswith(title):
                return pid
        except OSError:
            continue
    return None


def wait(there: Callable[[], object], seconds: float) -> int:
    """Wait until something is there, and give it."""
    deadline = time.perf_counter() + seconds
    while not (found := there()):
        if time.perf_counter() > deadline:
            raise TimeoutError
        time.sleep(0.01)
    return int(found)  # type: ignore[call-overload]


def memory(counts: Sequence[int]) -> None:
    """Peak memory of the driver by number of units, each made by one step."""
    for units in counts:
        with fresh_folder() as folder:
            (folder / "manynet.py").write_text(MANY)
            recipe = folder / "many.toml"
            recipe.write_text(MANY_RECIPE.format(units=units))
            script = (
                "import sys, pathlib; sys.path.insert(0, '.')\n"
                "from benchmarks.cluster import driver\n"
                f"driver({str(recipe)!r})\n"
            )
            done = subprocess.run(
                [sys.executable, "-c", script],
                cwd=folder,
                env={**os.environ, "PYTHONPATH": f"{Path(__file__).parents[1]}:{folder}"},
                capture_output=True,
                text=True,
                check=False,
            )
            print(f"{units} units: {done.stdout.strip() or done.stderr[-2000:]}")


def driver(recipe: str) -> None:
    """Build, and print this process's memory in MB where synthesis begins and at its end."""
    marks: dict[str, float] = {}

    class Marking(Quiet):
        def stage(self, name: str, total: int, done: int = 0) -> Callable[[int], None]:
            status = Path("/proc/self/status").read_text()
            found = re.search(r"VmRSS:\s+(\d+)", status)
            marks[name] = int(found.group(1)) / 1024 if found else 0.0
            return super().stage(name, total, done)

    begun = time.perf_counter()
    with OnCluster(ClusterSettings("local:1")) as cluster:
        build(*load_recipe(recipe), Path("m.h5"), Marking(), scheduler=cluster)
    print(
        f"{marks['synthetic images']:.0f} MB before synthesis, "
        f"{marks['writing the bank']:.0f} MB after, {time.perf_counter() - begun:.0f} s"
    )


def main() -> None:
    """Run what is asked for."""
    # Ray lets its workers wait for other work, which the direct path does not.
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="*", default=["overhead", "recovery", "memory"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--units", type=int, default=1, help="of every layer and branch")
    parser.add_argument("--counts", type=int, nargs="*", default=[10, 100, 1000])
    arguments = parser.parse_args()
    print(
        f"load {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} of {os.cpu_count()} cores"
    )
    if "overhead" in arguments.what:
        overhead(arguments.rounds, arguments.steps, arguments.units)
    if "recovery" in arguments.what:
        recovery(3)
    if "memory" in arguments.what:
        memory(arguments.counts)


if __name__ == "__main__":
    main()
