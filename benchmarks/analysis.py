"""Time and memory of the analysis: the published report, and growth up to a million trials.

    python benchmarks/analysis.py
    python benchmarks/analysis.py --published FOLDER_WITH_RELEASED_CSV --sizes 10000 100000

Simulated participants answer 66 units in three conditions and two catch trials: 200 trials each,
so a million trials are 5,000 participants. Every measurement runs in a process of its own, on the
data folder that `participants` writes; its peak memory is that of the process and its helpers.
Prints the tables of benchmarks/RESULTS.md: seconds by the clock and, in brackets, of the
processor, which differ on a busy machine.
"""

from __future__ import annotations

import argparse
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

_TOTALS = ("trials", "peak", "whole process", "processor")
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


def measure(root: Path, bootstrap: int) -> dict[str, float]:
    """Seconds of each step, and the process's peak memory in GiB."""
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
    models = fit_models(trials)
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
    """Run this file again with these arguments and read what it measured."""
    begin = time.perf_counter()
    done = subprocess.run(
        [sys.executable, __file__, *arguments], check=True, capture_output=True, text=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return {**found, "whole process": time.perf_counter() - begin}


def machine() -> str:
    """One line on machine and versions."""
    from house.provenance import software_versions

    versions = software_versions(("numpy", "pandas", "scipy", "gpboost"))
    names = ", ".join(f"{k} {v}" for k, v in versions.items())
    threads = os.environ.get("OMP_NUM_THREADS", "default")
    return f"{os.cpu_count()} cores, {platform.platform()}, {names}, OMP_NUM_THREADS {threads}"


def main() -> None:
    """Measure and print tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--bootstrap", type=int, default=2000)
    parser.add_argument("--published", type=Path, default=os.environ.get("BOROWSKI2021_DATA"))
    parser.add_argument("--data", type=Path, help="keep the simulated data here and use it again")
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--report", type=Path, nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.measure or given.report:
        found = measure(given.measure, given.bootstrap) if given.measure else report(*given.report)
        kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
        used, helped = (resource.getrusage(kind) for kind in kinds)
        found["processor"] = sum(one.ru_utime + one.ru_stime for one in (used, helped))
        # At the most: a helper fits long models, not when this process is at its largest.
        found["peak"] = (used.ru_maxrss + helped.ru_maxrss) / 1024**2
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
                f"{found['processor']:.1f} s of processor time, {found['peak']:.2f} GiB"
            )
        rows: list[dict[str, float]] = []
        for size in given.sizes:
            root = (given.data or Path(folder)) / f"trials-{size}"
            if not root.exists():
                write_data(root, max(2, size // TRIALS_EACH))
            rows.append(in_process("--measure", str(root), "--bootstrap", str(given.bootstrap)))
        if rows:
            steps = [k for k in rows[0] if k not in _TOTALS and not k.endswith(_PROCESSOR)]
            heads = [*steps, "whole process", "processor time", "peak memory"]
            print("\n| trials | " + " | ".join(heads) + " |")
            print("|" + "---|" * (len(heads) + 1))
            for row in rows:
                times = [f"{row[k]:.1f} s ({row[k + _PROCESSOR]:.1f})" for k in steps]
                times += [f"{row['whole process']:.1f} s", f"{row['processor']:.1f} s"]
                cells = [f"{row['trials']:,.0f}", *times, f"{row['peak']:.2f} GiB"]
                print("| " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
