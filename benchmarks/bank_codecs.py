"""Compare codecs for a bank's images: size, writing, reading a trial's 20 images.

    python benchmarks/bank_codecs.py [BANK]

Uses the embedded photographs at 224 px, one image a chunk; the table is in docs/bank-format.md.
With a bank it reads trials from that: each time the file is opened anew, the first reading of the
new handle is measured, with the file in the system's cache and after it was dropped from there
(where the system allows that). That table is in benchmarks/RESULTS.md.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from PIL import Image

from stimuli import SIGNS, StimulusBank
from stimuli.photographs import load_photographs

CODECS: dict[str, dict[str, Any]] = {
    "uncompressed": {},
    "zstd 3": dict(hdf5plugin.Zstd(clevel=3)),
    "LZF": {"compression": "lzf"},
    "gzip 1": {"compression": "gzip", "compression_opts": 1},
    "gzip 4": {"compression": "gzip", "compression_opts": 4},
}


def measure(images: np.ndarray, options: dict[str, Any], rounds: int = 20) -> tuple[float, ...]:
    """Relative size, seconds to write, median milliseconds to read 20 images."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "images.h5"
        begin = time.perf_counter()
        with h5py.File(path, "w") as file:
            file.create_dataset("x", data=images, chunks=(1, *images.shape[1:]), **options)
        writing = time.perf_counter() - begin
        rng = np.random.default_rng(0)
        reading = []
        for _ in range(rounds):
            with h5py.File(path) as file:
                rows = rng.choice(len(images), 20, replace=False)
                begin = time.perf_counter()
                for row in rows:
                    file["x"][row]
                reading.append(time.perf_counter() - begin)
        return path.stat().st_size / images.nbytes, writing, 1e3 * float(np.median(reading))


def drop_from_cache(path: Path) -> bool:
    """Ask the system to forget the file's pages; whether it can be asked."""
    if not hasattr(os, "posix_fadvise"):
        return False
    with path.open("rb") as file:
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True


def read_trials(path: Path, rounds: int = 60) -> None:
    """Print how long a trial's images take from a handle that has read nothing yet."""
    rng = np.random.default_rng(0)
    print("| kind | file | median | 99 % within | processor time |\n|---|---|---|---|---|")
    for kind in ("natural", "synthetic"):
        for cached in (True, False):
            milliseconds, busy = [], []
            for _ in range(rounds):
                if not cached and not drop_from_cache(path):
                    return
                with StimulusBank(path) as bank:
                    unit = bank.units[rng.integers(len(bank.units))].unit_id
                    batch = int(rng.integers(bank.n_batches))
                    begin, used = time.perf_counter(), time.thread_time()
                    ids: list[str] = []
                    for sign in SIGNS:
                        dealt = bank.batch(unit, sign, batch)
                        shown = dealt if kind == "natural" else bank.synthetic(unit, sign)[:9]
                        ids += dict.fromkeys((dealt[0], *shown))
                    images = bank.images(ids)
                    milliseconds.append(1e3 * (time.perf_counter() - begin))
                    busy.append(1e3 * (time.thread_time() - used))
                    assert len(images) == 20
            median, most = np.percentile(milliseconds, [50, 99])
            where = "cached" if cached else "dropped from the cache"
            processor = float(np.median(busy))
            print(f"| {kind} | {where} | {median:.1f} ms | {most:.1f} ms | {processor:.1f} ms |")


def main() -> None:
    """Print the tables."""
    if len(sys.argv) > 1:
        read_trials(Path(sys.argv[1]))
        return
    images = np.stack(
        [
            np.asarray(Image.open(photograph.path).resize((224, 224)))
            for photograph in load_photographs()[:200]
        ]
    )
    print(f"{len(images)} photographs, h5py {h5py.__version__}")
    print("| storage | size | writing | reading 20 images |\n|---|---|---|---|")
    for name, options in CODECS.items():
        size, writing, reading = measure(images, options)
        print(f"| {name} | {size:.2f} | {writing:.2f} s | {reading:.1f} ms |")


if __name__ == "__main__":
    main()
