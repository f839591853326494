"""Work in progress: one file a finished unit, beside the bank, so that a build can go on."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import zipfile
from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from generation.synthesis.optimize import Optimized
from house.files import atomic_writer

_UNIT = re.compile(r"(?!recording-|shard-).+-([0-9a-f]{16})\.npz")
_DAMAGED = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)


def key_of(determinants: dict[str, Any]) -> str:
    """Hash everything that decides a result: 64 hexadecimal digits.

    Parameters
    ----------
    determinants : dict
        Anything JSON can hold; floats count to their last bit.
    """
    text = json.dumps(determinants, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


class WorkFolder:
    """The folder ``BANK.work`` of one bank.

    Parameters
    ----------
    bank : Path
        The bank that is being built.
    parents : bool
        Whether to create the folder when absent; see `house.files.atomic_writer`.
    """

    def __init__(self, bank: Path, *, parents: bool = True) -> None:
        self.path = bank.with_name(f"{bank.name}.work")
        self._parents = parents

    def load(self, unit_id: str, key: str) -> list[Optimized] | None:
        """Give a unit's images (min, max) if they were finished under the same key."""
        path = self._file(unit_id, key)
        try:
            with np.load(path, allow_pickle=False) as arrays:
                if str(arrays["key"]) != key:
                    return None
                return [
                    Optimized(
                        arrays["images"][s],
                        arrays["activations"][s],
                        arrays["curves"][s],
                        int(arrays["updates"][s]),
                        float(arrays["diversity"][s]),
                        arrays["objective_curves"][s],
                        arrays["similarity_curves"][s],
                    )
                    for s in (0, 1)
                ]
        except _DAMAGED:
            # Absent, or damaged by the disk: either way the unit is made again.
            return None

    def activations(self, unit_id: str, key: str) -> npt.NDArray[np.float32] | None:
        """Give a finished unit's activations (2, K), without reading its images."""
        try:
            with np.load(self._file(unit_id, key), allow_pickle=False) as arrays:
                if str(arrays["key"]) != key or not {"images", "updates"} <= set(arrays):
                    return None
                return np.asarray(arrays["activations"], dtype=np.float32)
        except _DAMAGED:
            return None

    def save(self, unit_id: str, key: str, signs: list[Optimized]) -> None:
        """Keep a finished unit, whole or not at all."""
        path = self._file(unit_id, key)
        with (
            atomic_writer(path, parents=self._parents) as temporary,
            temporary.open("wb") as file,
        ):
            np.savez(
                file,
                key=np.array(key),
                images=np.stack([sign.images for sign in signs]),
                activations=np.stack([sign.activations for sign in signs]),
                curves=np.stack([sign.curve for sign in signs]),
                updates=np.array([sign.updates for sign in signs]),
                diversity=np.array([sign.diversity for sign in signs]),
                objective_curves=np.stack([sign.objective_curve for sign in signs]),
                similarity_curves=np.stack([sign.similarity_curve for sign in signs]),
            )

    def discard(self, unit_id: str, key: str) -> None:
        """Delete a unit's file, so that it is made again."""
        self._file(unit_id, key).unlink(missing_ok=True)

    def foreign(self, keys: Collection[str]) -> int:
        """Count finished units of other keys: of another recipe or another version of this code."""
        ours = {key[:16] for key in keys}
        return sum(
            found.group(1) not in ours
            for path in self.path.glob("*.npz")
            if (found := _UNIT.fullmatch(path.name))
        )

    def size(self) -> int:
        """Give the bytes that finished units take already."""
        return sum(path.stat().st_size for path in self.path.glob("*.npz"))

    def remove(self) -> None:
        """Delete the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _file(self, unit_id: str, key: str) -> Path:
        return self.path / f"{unit_id.replace(':', '_')}-{key[:16]}.npz"
