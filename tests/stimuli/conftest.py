"""A small bank of painted pictures, sound in every respect."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from stimuli import BankWriter, Unit, unit_id

SIZE, IMAGES, BATCHES, POSITIONS = 16, 3, 2, 3
RANKS = BATCHES * POSITIONS


def small_units() -> list[Unit]:
    return [
        Unit(unit_id("fire2", "1x1", 7), "fire2", 1, "1x1", 7, "random", "main"),
        Unit(unit_id("fire9", "3x3", 400), "fire9", 8, "3x3", 400, "hand-picked", "practice"),
    ]


def write_small_bank(
    path: Path,
    seed: int = 0,
    before_exit: Callable | None = None,
    units: Sequence[Unit] = tuple(small_units()),
) -> str:
    rng = np.random.default_rng(seed)
    n = 20
    with BankWriter(
        path,
        units=units,
        name="small",
        image_size=SIZE,
        images_per_sign=IMAGES,
        curve_steps=[0, 5],
        recipe='name = "small"',
        provenance={"seed": seed},
    ) as writer:
        for u in range(len(units)):
            for s in range(2):
                images = rng.integers(0, 256, (IMAGES, SIZE, SIZE, 3), dtype=np.uint8)
                writer.write_synthetic(u, s, images, [s - 0.5] * IMAGES, [0.0, s - 0.5])
        photographs = rng.integers(0, 256, (n, SIZE, SIZE, 3), dtype=np.uint8)
        writer.write_natural(
            photographs,
            name=[f"bild-{i}-ü.jpg" for i in range(n)],
            sha256=[f"{i:064x}" for i in range(n)],
            label=["lion"] + [""] * (n - 1),
            licence=["CC0-1.0"] * n,
            author=["Jürgen"] * n,
        )
        activations = rng.normal(size=(len(units), n)).astype(np.float32)
        order = np.argsort(activations, axis=1)
        exemplars = np.stack([order[:, :RANKS], order[:, ::-1][:, :RANKS]], axis=1)
        ranks = np.arange(RANKS).reshape(POSITIONS, BATCHES).T
        ranks = np.broadcast_to(ranks, (len(units), 2, BATCHES, POSITIONS))
        batches = np.take_along_axis(
            exemplars[:, :, None, :].repeat(BATCHES, axis=2), ranks, axis=3
        )
        values = np.take_along_axis(activations[:, None, :].repeat(2, axis=1), exemplars, axis=2)
        writer.write_exemplars(exemplars, values, batches, ranks)
        if before_exit:
            before_exit(writer)
    assert writer.content_sha256 is not None
    return writer.content_sha256


@pytest.fixture
def bank_path(tmp_path: Path) -> Path:
    path = tmp_path / "small.h5"
    write_small_bank(path)
    return path
