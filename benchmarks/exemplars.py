"""Recording exemplars against the bare network, decoding against the decoder alone, and memory.

    OMP_NUM_THREADS=1 python benchmarks/exemplars.py [--quick]

Processor time of one thread, so that other work on the machine does not count; the two sides of
every ratio are measured in turns. The tables are in benchmarks/RESULTS.md.
"""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import PIL
import torch
from PIL import Image

from generation.natural.decoding import Decoding, decode
from generation.natural.exemplars import record
from generation.natural.extremes import RunningExtremes
from generation.natural.photographs import START, Pass, Pool
from generation.natural.sources import FileSource
from generation.networks.network import Network, load_network, network_spec
from stimuli.photographs import load_photographs

K = 200
PARTS = ("recording", "decoding", "memory")


class PacedPool(Pool):
    """Photographs that lie decoded in memory; before each pass other work on it is timed.

    So the two sides of a comparison take turns every few images, and other work on the machine
    meets both alike. What the recording does between two passes is timed, too.
    """

    def __init__(self, images: np.ndarray, others: list[Callable[[np.ndarray], None]]) -> None:
        super().__init__(
            FileSource(Path("/"), [str(i) for i in range(len(images))]), Decoding(1, 1)
        )
        self.images = images
        self.others = others
        self.seconds = [0.0] * (len(others) + 1)

    def passes(
        self, count: int, first: int = 0, contents: bytes = START, last: int | None = None
    ) -> Iterator[Pass]:
        """Give slices."""
        last = len(self.images) if last is None else last
        for start in range(first, last, count):
            pixels = self.images[start : min(start + count, last)]
            for place, other in enumerate(self.others):
                self.seconds[place] += spent(lambda other=other, pixels=pixels: other(pixels))
            whole = np.ones(len(pixels), dtype=bool)
            begin = time.process_time()
            yield Pass(start, start + len(pixels), pixels, whole, contents)
            self.seconds[-1] += time.process_time() - begin


def spent(work: Callable[[], object]) -> float:
    """Processor seconds of some work."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def take_turns(sides: list[Callable[[], None]], rounds: int) -> list[list[float]]:
    """Processor seconds of each side in each round, after one round that does not count."""
    seconds: list[list[float]] = [[] for _ in sides]
    for number in range(rounds + 1):
        for side, measured in zip(sides, seconds, strict=True):
            begin = time.process_time()
            side()
            if number:
                measured.append(time.process_time() - begin)
    return seconds


def recording(name: str, count: int, size: int) -> str:
    """One row: images a second of the bare forward pass and of recording every unit."""
    spec = network_spec(name)
    network = (
        load_network(spec)
        if spec.weights
        else Network(spec, spec.factory().eval(), torch.device("cpu"))
    )
    images = np.random.default_rng(0).integers(0, 256, (count, 224, 224, 3), dtype=np.uint8)
    layers = [layer.name for layer in spec.layers]

    def ready(pixels: np.ndarray) -> torch.Tensor:
        return torch.from_numpy(pixels).permute(0, 3, 1, 2).float() / 255

    def whole(pixels: np.ndarray) -> None:
        network.classify(ready(pixels))

    def part(pixels: np.ndarray) -> None:
        with torch.no_grad():
            network.features(ready(pixels), layers[-1])

    whole(images[:size])
    pool = PacedPool(images, [whole, part])
    found = record(network, pool, layers, K, size)
    pool.seconds[-1] += spent(lambda: [extremes.all() for extremes in found.extremes.values()])
    rates = " | ".join(f"{count / seconds:.1f}" for seconds in pool.seconds)
    shares = " | ".join(f"{seconds / pool.seconds[-1]:.1%}" for seconds in pool.seconds[:-1])
    units = sum(layer.channels for layer in spec.layers)
    return f"| {name} | {units} | {size} | {rates} | {shares} |"


def keeping(columns: int, size: int, count: int) -> float:
    """Processor milliseconds an image of keeping the extremes of so many units, by themselves."""
    activations = np.random.default_rng(0).normal(size=(count, columns)).astype(np.float32)
    running = RunningExtremes(columns, K)

    def keep() -> None:
        for first in range(0, count, size):
            rows = range(first, min(first + size, count))
            running.update(activations[first : first + size], rows)
        running.all()

    return spent(keep) / count * 1e3


def decoding(rounds: int) -> list[str]:
    """Rows: images a second of the decoder alone and of the pool, published and draft."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        files = []
        for photograph in load_photographs()[::9]:
            with Image.open(photograph.path) as image:
                # As large as ImageNet's pictures are on average.
                path = Path(folder) / f"{photograph.name}.jpg"
                image.resize((500, 375), Image.Resampling.BICUBIC).save(path, quality=92)
                files.append(path)
        for decoder in ("pillow", "draft"):
            how = Decoding(256, 224, decoder)
            source = FileSource(Path(folder), [path.name for path in files])

            def published() -> None:
                for path in files:
                    with Image.open(path) as image:
                        picture = image.convert("RGB").resize((341, 256), Image.Resampling.BILINEAR)
                        np.array(picture.crop((58, 16, 282, 240)))

            def alone(how: Decoding = how) -> None:
                for path in files:
                    decode(path, how)

            def pooled(workers: int, source: FileSource = source, how: Decoding = how) -> None:
                for _ in Pool(source, how, 0, workers).passes(16):
                    pass

            seconds = take_turns([published, alone, lambda: pooled(0), lambda: pooled(2)], rounds)
            rates = [len(files) / statistics.median(side) for side in seconds]
            rows.append(f"| {decoder} | {' | '.join(f'{rate:.0f}' for rate in rates)} |")
    return rows


def memory(counts: list[int]) -> list[str]:
    """Rows: peak memory of recording so many photographs, each in a process of its own."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for number, photograph in enumerate(load_photographs()[:64]):
            with Image.open(photograph.path) as image:
                image.resize((64, 64)).save(Path(folder) / f"{number}.jpg")
        for count in counts:
            command = [sys.executable, __file__, "--memory", folder, str(count)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            rows.append(f"| {count:,} | {done.stdout.strip()} |")
    return rows


def peak() -> float:
    """Most memory that this process has held so far, in MB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM"):
            return int(line.split()[1]) / 1024
    # Where the kernel does not tell, what it told when the process was started counts, too.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def one_memory(folder: str, count: int) -> None:
    """Record `count` small photographs and print the peak of memory in MB."""
    torch.set_num_threads(1)
    network = load_network("squeezenet1_1")
    source = FileSource(Path(folder), [f"{index % 64}.jpg" for index in range(count)])
    layers = [layer.name for layer in network.spec.layers]
    before = peak()
    record(network, Pool(source, Decoding(64, 48), 0, 2), layers, K, 64)
    print(f"{before:.0f} | {peak():.0f}")


def tables_of_recording(quick: bool) -> None:
    """Print how fast all units are recorded, and what keeping the extremes costs."""
    print(
        "| network | units | images a pass | whole forward pass, images/s | up to the last layer "
        "recorded | recording | share of the whole | share of the part |"
    )
    print("|---" * 8 + "|")
    for name, size, count in (("squeezenet1_1", 16, 512), ("inception_v1", 32, 256)):
        print(recording(name, count // (4 if quick else 1), size), flush=True)
    print("\n| units | keeping the extremes alone, ms an image |\n|---|---|")
    for columns, size in ((2560, 16), (5484, 32)):
        print(f"| {columns:,} | {keeping(columns, size, 1024 if quick else 8192):.2f} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--memory", nargs=2, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        one_memory(options.memory[0], int(options.memory[1]))
        return
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    rounds = 2 if options.quick else 3
    print(f"{platform.processor() or platform.machine()}, one thread, torch {torch.__version__},")
    print(f"Pillow {PIL.__version__}, Python {platform.python_version()}\n")
    if "recording" in options.parts:
        tables_of_recording(options.quick)
    if "decoding" in options.parts:
        print("\n| decoder | all by Pillow, images/s | alone | pool | pool, two threads ahead |")
        print("|---" * 5 + "|")
        print("\n".join(decoding(rounds)), flush=True)
    if "memory" not in options.parts:
        return
    print("\n| photographs | MB before | MB at most |\n|---|---|---|")
    print("\n".join(memory([500, 2000] if options.quick else [1000, 8000, 64000])))


if __name__ == "__main__":
    main()
