"""Time and memory of the analysis: the published report, and growth up to a million trials.

    python benchmarks/analysis.py
    python benchmarks/analysis.py --published FOLDER_WITH_RELEASED_CSV --sizes 10000 100000
    python benchmarks/analysis.py --sizes 10000 --helper on off

Simulated participants answer 66 units in three conditions and two catch trials: 200 trials each,
so a million trials are 5,000 participants. Every measurement runs in a process of its own, on the
data folder that `participants` writes. A helper process takes part of the mixed models where fits
are long and there are two cores (`--helper auto`), always (`on`) or never (`off`). Peak memory is
the most that the process and its helper have resident together, looked at four times a second;
what they share counts twice. Prints the tables of benchmarks/RESULTS.md: seconds by the clock and,
in brackets, of the processor (of the process alone, step by step; with its helper, altogether),
which differ on a busy machine.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

# Python looks beside a script first, and this file is called like the package that it measures.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

TRIALS_EACH = 200
UNITS = 66
CONDITIONS = ("synthetic", "natural", "none")
MIDDLE = {"synthetic": 1.5, "natural": 2.3, "none": 0.0}
"""Sensitivities d' of the middle participant and unit."""

_TOTALS = ("trials", "peak", "whole process", "processor", "blas threads")
_PROCESSOR = " (processor)"


def write_data(root: Path, participants: int, seed: int = 1) -> None:
    """Write a data folder of simulated participants with spread between them and between units."""
    from participants import DataFolder, SessionInfo, write_published_session

    DataFolder(root).describe(name="benchmark", kind="sessions", sources=[])
    random = np.random.default_rng(seed)
    unit_shift = random.normal(0, 0.75, UNITS)
    for participant in range(1, participants + 1):
        rows = session_rows(participant, random, unit_shift)
        info = SessionInfo(
            participant=participant, session=1, kind="simulated", protocol="benchmark",
            started="2026-11-24T09:00:00+00:00", completed="2026-11-24T09:50:00+00:00",
            observer={"name": "sdt"},
        )  # fmt: skip
        write_published_session(root, info, rows)


def session_rows(
    participant: int, random: np.random.Generator, unit_shift: np.ndarray
) -> list[dict[str, Any]]:
    """Answers of one participant."""
    own = random.normal(0, 0.15)
    plan = [(c, u, "main") for c in CONDITIONS for u in random.permutation(UNITS)]
    plan += [("synthetic", 0, "catch"), ("natural", 1, "catch")]
    d = np.array([MIDDLE[c] + own + unit_shift[u] for c, u, _ in plan])
    lower_right = random.random(len(plan)) < 0.5
    evidence = np.where(lower_right, d, -d) + random.normal(0, np.sqrt(2), len(plan))
    confidence = 1 + np.digitize(np.abs(evidence), [0.7, 1.7])
    times = random.lognormal(1.5, 0.6, len(plan))
    rows = []
    for k, (condition, unit, kind) in enumerate(plan):
        branch = ("1x1", "3x3", "5x5", "pool")[unit % 4]
        layer = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")[unit % 9]
        right, chosen = lower_right[k], evidence[k] > 0
        rows.append(
            {
                "participant": participant, "session": 1, "block": 1 + k // 33, "trial": k + 1,
                "trial_type": kind, "condition": condition, "scheme": "Min+Max 9",
                "unit": f"{layer}:{branch}:{unit}", "layer": layer, "branch": branch,
                "channel": int(unit), "selection": ("random", "hand-picked")[int(unit % 8 == 3)],
                "batch": 1 + participant % 9, "query_upper": f"natural/{unit:06d}",
                "query_lower": f"natural/{unit + 100:06d}",
                "correct_position": "lower" if right else "upper", "key": "u",
                "choice": "lower" if chosen else "upper", "correct": bool(right == chosen),
                "confidence": int(confidence[k]), "rt": float(times[k]), "interrupted": 0,
            }
        )  # fmt: skip
    return rows


HELPER = {"auto": None, "on": True, "off": False}
_BETWEEN_LOOKS = 0.25


def measure(root: Path, bootstrap: int, helper: bool | None) -> dict[str, float]:
    """Seconds of each step."""
    from analysis.further import further_estimates
    from analysis.inference import run_tests
    from analysis.intervals import Resamples
    from analysis.load import load
    from analysis.measures import estimates, with_codes
    from analysis.model_tests import fit_models

    found: dict[str, float] = {}
    begin, worked = time.perf_counter(), time.process_time()

    def lap(name: str) -> None:
        nonlocal begin, worked
        now, work = time.perf_counter(), time.process_time()
        found[name], found[f"{name}{_PROCESSOR}"] = now - begin, work - worked
        begin, worked = now, work

    dataset = load(root)
    lap("load")
    trials = with_codes(dataset.trials)
    resamples = Resamples.draw(
        int(trials["participant_code"].max()) + 1, int(trials["unit_code"].max()) + 1,
        bootstrap, 1,
    )  # fmt: skip
    estimates(trials, resamples)
    lap("measures")
    run_tests(trials)
    lap("tests")
    models = fit_models(trials, helper=helper)
    lap("mixed models")
    further_estimates(trials, resamples, models, 1)
    lap("signal detection, metacognition, agreement")
    found["trials"] = len(trials)
    return found


def report(source: Path, out: Path) -> dict[str, float]:
    """Seconds to import the released tables and to write the full report."""
    from analysis.load import load
    from analysis.outputs import write_report
    from analysis.published import import_published

    begin = time.perf_counter()
    counts = import_published(source, out / "data")
    middle = time.perf_counter()
    dataset = load(out / "data")
    write_report(dataset, out / "report")
    end = time.perf_counter()
    answered, ratings = (
        sum(one[kind] for one in counts.values()) for kind in ("trials", "ratings")
    )
    steps = {"import": middle - begin, "load, analyse, write": end - middle}
    return {**steps, "trials": answered, "ratings": ratings}


def in_process(*arguments: str) -> dict[str, float]:
    """Run this file again with these arguments, read what it measured, and watch its memory."""
    begin = time.perf_counter()
    command = [sys.executable, __file__, *arguments]
    with tempfile.TemporaryFile("w+") as out:
        running = subprocess.Popen(command, stdout=out)
        peak = 0
        while running.poll() is None:
            peak = max(peak, resident(running.pid))
            time.sleep(_BETWEEN_LOOKS)
        seconds = time.perf_counter() - begin
        if running.returncode:
            raise SystemExit(f"{' '.join(command)} ended with {running.returncode}")
        out.seek(0)
        found: dict[str, float] = json.loads(out.read().splitlines()[-1])
    # What came and went between two looks, of the process itself.
    own = found.pop("own peak")
    return {**found, "peak": max(peak / 1024**3, own), "whole process": seconds}


def resident(pid: int) -> int:
    """Bytes that a process and those that it started have in memory."""
    import psutil

    total = 0
    try:
        process = psutil.Process(pid)
        for one in (process, *process.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                total += one.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
    return total


def blas_threads() -> int:
    """Threads that numpy's and scipy's linear algebra may take in this process."""
    from threadpoolctl import threadpool_info

    return max((int(p["num_threads"]) for p in threadpool_info() if p["user_api"] == "blas"),
               default=1)  # fmt: skip


def machine() -> str:
    """One line on machine and versions."""
    from house.provenance import software_versions

    versions = software_versions(("numpy", "pandas", "scipy", "gpboost"))
    names = ", ".join(f"{k} {v}" for k, v in versions.items())
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return (
        f"{cores} of {os.cpu_count()} cores, {platform.platform()}, {names}, load "
        f"{os.getloadavg()[0]:.1f}"
    )


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--bootstrap", type=int, default=2000)
    parser.add_argument("--published", type=Path, default=os.environ.get("BOROWSKI2021_DATA"))
    parser.add_argument("--data", type=Path, help="keep the simulated data here and use it again")
    parser.add_argument("--helper", nargs="+", choices=list(HELPER), default=["auto"])
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--report", type=Path, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure or given.report:
        found = (
            measure(given.measure, given.bootstrap, HELPER[given.helper[0]])
            if given.measure
            else report(*given.report)
        )
        kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        used, helped = (resource.getrusage(kind) for kind in kinds)
        found["processor"] = sum(one.ru_utime + one.ru_stime for one in (used, helped))
        found["own peak"] = used.ru_maxrss / 1024**2
        found["blas threads"] = blas_threads()
        print(json.dumps(found))
        return
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        if given.published:
            found = in_process("--report", str(given.published), str(Path(folder) / "published"))
            print(
                f"\nPublished report: {found['trials']:,} trials, {found['ratings']} ratings, "
                f"whole process "
                f"{found['whole process']:.1f} s, of that import {found['import']:.1f} s, "
                f"analysis and writing {found['load, analyse, write']:.1f} s; "
                f"{found['processor']:.1f} s of processor time, {found['peak']:.2f} GiB; "
                f"{found['blas threads']:.0f} BLAS threads"
            )
        rows: list[tuple[str, dict[str, float]]] = []
        for size in given.sizes:
            root = (given.data or Path(folder)) / f"trials-{size}"
            if not root.exists():
                write_data(root, max(2, size // TRIALS_EACH))
            options = ("--measure", str(root), "--bootstrap", str(given.bootstrap), "--helper")
            rows += [(helper, in_process(*options, helper)) for helper in given.helper]
        if rows:
            steps = [k for k in rows[0][1] if k not in _TOTALS and not k.endswith(_PROCESSOR)]
            heads = ["helper", "BLAS threads", *steps, "whole process", "processor time",
                     "peak memory together"]  # fmt: skip
            print("\n| trials | " + " | ".join(heads) + " |")
            print("|" + "---|" * (len(heads) + 1))
            for helper, row in rows:
                times = [helper, f"{row['blas threads']:.0f}"]
                times += [f"{row[k]:.1f} s ({row[k + _PROCESSOR]:.1f})" for k in steps]
                times += [f"{row['whole process']:.1f} s", f"{row['processor']:.1f} s"]
                cells = [f"{row['trials']:,.0f}", *times, f"{row['peak']:.2f} GiB"]
                print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
