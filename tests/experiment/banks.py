"""A small bank of painted pictures, each of which shows its own id."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from experiment.bank_index import BankSnapshot
from stimuli import BankWriter, Sign, Unit, unit_id

SIZE = 64
PER_SIGN = 9
BATCHES = 4
BATCH_SIZE = 10


def make_units(main: int = 4, practice: int = 3) -> list[Unit]:
    """Make units of made-up layers."""
    roles = ["main"] * main + ["practice"] * practice
    return [
        Unit(unit_id(f"layer{i}", "3x3", 10 + i), f"layer{i}", i, "3x3", 10 + i, "random", role)
        for i, role in enumerate(roles)
    ]


def painted(label: str, shade: float, size: int) -> npt.NDArray[np.uint8]:
    """Paint a gradient with a label on it."""
    ramp = np.linspace(0, 160, size)
    hue = np.array([np.sin(shade * k) * 40 + 60 for k in (1, 2, 3)])
    picture = Image.fromarray(
        np.clip(ramp[:, None, None] * 0.5 + ramp[None, :, None] * 0.5 + hue, 0, 255).astype("u1")
    )
    ImageDraw.Draw(picture).text((3, size // 2 - 6), label, fill="white")
    return np.asarray(picture)


def make_bank(
    path: Path,
    units: Sequence[Unit] | None = None,
    *,
    size: int = SIZE,
    per_sign: int = PER_SIGN,
    batches: int = BATCHES,
    batch_size: int = BATCH_SIZE,
) -> Path:
    """Write a bank in which no two units share a natural image."""
    units = make_units() if units is None else list(units)
    count = len(units) * 2 * batches * batch_size
    rows = np.arange(count).reshape(len(units), 2, batches * batch_size)
    naturals = np.stack([painted(f"n{i}", 0.3 * i, size) for i in range(count)])
    # Position p of batch b has rank p * batches + b: batches are disjoint and equally extreme.
    ranks = np.arange(batches * batch_size).reshape(batch_size, batches).T
    with BankWriter(
        path,
        units=units,
        name="painted",
        image_size=size,
        images_per_sign=per_sign,
        curve_steps=[0, 1],
        recipe="",
        provenance={"made by": "the tests"},
    ) as writer:
        for u in range(len(units)):
            for s in (0, 1):
                images = np.stack(
                    [painted(f"s{u}{'-+'[s]}{k}", u + 5 * s + k, size) for k in range(per_sign)]
                )
                level = (-1.0, 1.0)[s] * np.linspace(2, 1, per_sign)
                writer.write_synthetic(u, s, images, level, [0.0, float(level[0])])
        writer.write_natural(
            naturals,
            name=[f"{i}.png" for i in range(count)],
            sha256=[f"{i:064x}" for i in range(count)],
            label=[""] * count,
            licence=["CC0"] * count,
            author=["the tests"] * count,
        )
        sign = np.array([-1.0, 1.0])[None, :, None]
        activations = sign * np.linspace(5, 1, batches * batch_size)[None, None, :]
        activations = np.broadcast_to(activations, rows.shape)
        writer.write_exemplars(
            rows,
            activations,
            rows[:, :, ranks],
            np.broadcast_to(ranks, (len(units), 2, *ranks.shape)),
        )
    return path


def index_of(
    units: Sequence[Unit], *, per_sign: int = 10, batches: int = 20, batch_size: int = 10
) -> BankSnapshot:
    """Make the index of a bank that exists in memory only; no image occurs twice in it."""
    signs: tuple[Sign, Sign] = ("min", "max")
    ids = (f"natural/{i:06d}" for i in range(len(units) * 2 * batches * batch_size))
    return BankSnapshot(
        name="in memory",
        content_sha256="0" * 64,
        units=tuple(units),
        n_batches=batches,
        batch_size=batch_size,
        images_per_sign=per_sign,
        batches={
            (unit.unit_id, sign, b): tuple(next(ids) for _ in range(batch_size))
            for unit in units
            for sign in signs
            for b in range(batches)
        },
        synthetics={
            (unit.unit_id, sign): tuple(
                f"synthetic/{unit.unit_id}/{sign}/{k:02d}" for k in range(per_sign)
            )
            for unit in units
            for sign in signs
        },
    )


def experiment_one_units() -> list[Unit]:
    """Make units in the numbers of experiment I: 45 main, 15 practice, 3 for ratings."""
    layers = ("3a", "3b", "4a", "4b", "4c", "4d", "4e", "5a", "5b")
    found: list[Unit] = []
    for i, layer in enumerate(layers):
        for k, branch in enumerate(("1x1", "3x3", "5x5", "pool", "pool")):
            selection = "hand-picked" if k == 4 else "random"
            name = unit_id(layer, branch, 100 + k)
            found.append(Unit(name, layer, i, branch, 100 + k, selection, "main"))
    extra = [("practice", 15), ("intuitiveness", 3)]
    for place, (role, count) in enumerate(extra):
        for k in range(count):
            layer, channel = layers[k % 9], 200 + 100 * place + k
            found.append(
                Unit(unit_id(layer, "3x3", channel), layer, k % 9, "3x3", channel, "random", role)
            )
    return found


def experiment_two_units() -> list[Unit]:
    """Make units in the numbers of experiment II: sets a to g of 20 and 3 for ratings."""
    layers = ("3a", "4a", "4c", "4e", "5b")
    roles = {**dict.fromkeys("abcd", "main"), "e": "catch", "f": "practice", "g": "practice"}
    found: list[Unit] = []
    for k, (letter, role) in enumerate(roles.items()):
        for i, layer in enumerate(layers):
            for branch in ("1x1", "3x3", "5x5", "pool"):
                name = unit_id(layer, branch, 10 + k)
                found.append(Unit(name, layer, i, branch, 10 + k, "random", role, letter))
    for k in range(3):
        name = unit_id("4b", "pool", 500 + k)
        found.append(Unit(name, "4b", 3, "pool", 500 + k, "hand-picked", "intuitiveness"))
    return found
