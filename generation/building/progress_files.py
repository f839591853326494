"""Work in progress: one file a finished unit, beside the bank, so that a build can go on.

Builds of several recipes may leave work in one folder. Every file's name holds the key of what
decides it, and each build notes the keys that it uses: what it clears away in the end is its own.
"""

from __future__ import annotations

import glob
import hashlib
import json
import re
import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from generation.synthesis.optimize import Optimized
from house.files import atomic_writer

_UNIT = re.compile(r"(?!recording-|shard-|run-).+-([0-9a-f]{16})\.npz")
# Any file that a key decides: a unit's, or one of a recording.
_KEYED = re.compile(r".+-([0-9a-f]{16})(?:-\d+-\d+)?\.(?:npz|npy|bin)")
CLAIM = re.compile(r"build-[0-9a-f]{16}\.json")
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
    build : str
        Checksum of all that decides the bank: whose work it is; without, nothing is claimed.
    """

    def __init__(self, bank: Path, *, parents: bool = True, build: str = "") -> None:
        self.path = bank.with_name(f"{bank.name}.work")
        self._parents = parents
        self._build = build
        self._claim = self.path / f"build-{build[:16]}.json"

    def load(self, unit_id: str, key: str) -> list[Optimized] | None:
        """Give a unit's images (min, max) if they were finished under the same key."""
        return _read(self._file(unit_id, key), key)

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
        _write(self._file(unit_id, key), key, signs, parents=self._parents)

    def load_run(self, unit_id: str, key: str, sign: int, weight: float) -> Optimized | None:
        """Give a search's images with one weight of diversity if they were kept."""
        runs = _read(self._run(unit_id, key, sign, weight), key)
        return runs[0] if runs and runs[0].diversity == weight else None

    def save_run(self, unit_id: str, key: str, sign: int, made: Optimized) -> None:
        """Keep what a search has made with one weight, until the unit is finished."""
        path = self._run(unit_id, key, sign, made.diversity)
        _write(path, key, [made], parents=self._parents)

    def discard_runs(self, unit_id: str, key: str) -> None:
        """Delete all that a search has kept."""
        own = _file_name(unit_id, key)
        for path in self.path.glob(f"run-*-{glob.escape(own)}"):
            path.unlink(missing_ok=True)

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

    def claim(self, keys: Collection[str], threads: int | None = None) -> int | None:
        """Note that this build uses the files of such keys, besides those that it noted before.

        Parameters
        ----------
        keys : collection of str
            Of units, or of the recording.
        threads : int, optional
            With how many this call computes.

        Returns
        -------
        int or None
            With how many an earlier call did, where it was another number.
        """
        if not self._build:
            return None
        earlier = _claimed(self._claim)
        before = earlier["threads"]
        ours = sorted({*earlier["keys"], *(key[:16] for key in keys)})
        # The lock lies there already: where the folder lacks, its disk is away.
        with atomic_writer(self._claim, parents=False) as temporary:
            temporary.write_text(json.dumps({"keys": ours, "threads": threads or before}))
        return before if threads and before and before != threads else None

    def size(self) -> int:
        """Give the bytes that this build's files take already."""
        ours = set(_claimed(self._claim)["keys"])
        return sum(path.stat().st_size for path, key in self._keyed() if key in ours)

    def remove(self) -> int:
        """Delete what only this build uses, and the folder where nothing else is in it.

        Returns
        -------
        int
            How many files of other builds are left.
        """
        others = {
            key for path in self._claims() if path != self._claim for key in _claimed(path)["keys"]
        }
        ours = set(_claimed(self._claim)["keys"]) - others
        left = 0
        for path, key in self._keyed():
            if key in ours:
                path.unlink(missing_ok=True)
            else:
                left += 1
        self._claim.unlink(missing_ok=True)
        return left

    def _keyed(self) -> list[tuple[Path, str]]:
        if not self.path.is_dir():
            return []
        matches = ((path, _KEYED.fullmatch(path.name)) for path in self.path.iterdir())
        return [(path, match.group(1)) for path, match in matches if match]

    def _claims(self) -> list[Path]:
        return [path for path in self.path.glob("build-*.json") if CLAIM.fullmatch(path.name)]

    def _file(self, unit_id: str, key: str) -> Path:
        return self.path / _file_name(unit_id, key)

    def _run(self, unit_id: str, key: str, sign: int, weight: float) -> Path:
        return self.path / f"run-{sign}-{weight!r}-{_file_name(unit_id, key)}"


def _file_name(unit_id: str, key: str) -> str:
    return f"{unit_id.replace(':', '_')}-{key[:16]}.npz"


def _read(path: Path, key: str) -> list[Optimized] | None:
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
                for s in range(len(arrays["images"]))
            ]
    except _DAMAGED:
        # Absent, or damaged by the disk: either way it is made again.
        return None


def _write(path: Path, key: str, made: Sequence[Optimized], *, parents: bool) -> None:
    with atomic_writer(path, parents=parents) as temporary, temporary.open("wb") as file:
        np.savez(
            file,
            key=np.array(key),
            images=np.stack([one.images for one in made]),
            activations=np.stack([one.activations for one in made]),
            curves=np.stack([one.curve for one in made]),
            updates=np.array([one.updates for one in made]),
            diversity=np.array([one.diversity for one in made]),
            objective_curves=np.stack([one.objective_curve for one in made]),
            similarity_curves=np.stack([one.similarity_curve for one in made]),
        )


def _claimed(path: Path) -> dict[str, Any]:
    """Read which keys a build uses; none where that is not known."""
    try:
        notes = json.loads(path.read_text(encoding="utf-8"))
        return {"keys": [str(key) for key in notes["keys"]], "threads": notes["threads"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {"keys": [], "threads": None}
