"""Compare codecs for a bank's images: size, writing, reading a trial's 20 images.

    python benchmarks/bank_codecs.py

Uses the embedded photographs at 224 px, one image a chunk. The table is in docs/bank-format.md.
"""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import Any

import h5py
import hdf5plugin
import numpy as np
from PIL import Image

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


def main() -> None:
    """Print the table."""
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
