"""Writing a bank: one temporary file, checked, fsynced and renamed."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from house.files import atomic_writer
from stimuli import schema
from stimuli.disk_space import LIBVER, MARGIN, create_empty, reserve
from stimuli.machine import MachinePrediction, put_machine
from stimuli.schema import Unit


class BankWriter:
    """Write one stimulus bank; it appears under its name when it is whole, or not at all.

    Images are kept uncompressed: lossless codecs save a third of the space of photographs but
    cost 4 to 15 times the reading time of a trial's 20 images, which must fit into the gap
    between trials.

    Parameters
    ----------
    path : Path
        The finished bank's name.
    units : sequence of Unit
        The units, in the bank's order; ids must differ.
    name : str
        What people call this bank.
    image_size : int
        Height and width of every image in pixels.
    images_per_sign : int
        Number K of synthetic images of a unit and sign.
    curve_steps : array of int, shape (C,)
        Optimisation steps at which the objective was recorded.
    recipe : str
        The recipe as TOML text.
    provenance : dict
        Seeds, versions, hardware, network, checksums: anything JSON can hold.

    Raises
    ------
    UserError
        If the file cannot be written. Nothing half-written is left.
    ValueError
        If something is missing or of the wrong shape on leaving the block.
    """

    def __init__(
        self,
        path: Path,
        *,
        units: Sequence[Unit],
        name: str,
        image_size: int,
        images_per_sign: int,
        curve_steps: npt.ArrayLike,
        recipe: str,
        provenance: dict[str, Any],
    ) -> None:
        if not units:
            raise ValueError("a bank needs at least one unit")
        if len({unit.unit_id for unit in units}) != len(units):
            raise ValueError("two units have the same id")
        self.path = Path(path)
        self.units = tuple(units)
        self.name = name
        self.image_size = image_size
        self.images_per_sign = images_per_sign
        self.curve_steps = np.asarray(curve_steps, dtype=np.int32)
        self.recipe = recipe
        self._provenance = json.dumps(provenance, ensure_ascii=False, sort_keys=True)
        self.content_sha256: str | None = None
        self._written: set[tuple[int, int]] = set()
        self._predictions: list[MachinePrediction] = []
        self._stack = contextlib.ExitStack()

    def __enter__(self) -> BankWriter:
        n, k, size = len(self.units), self.images_per_sign, self.image_size
        self._temporary = self._stack.enter_context(atomic_writer(self.path))
        try:
            a_sign = 3 * k * size**2 + 4 * (k + len(self.curve_steps))
            texts = len(self.recipe.encode()) + len(self._provenance.encode())
            self._size = MARGIN + texts + n * (1024 + 2 * a_sign)
            create_empty(self._temporary, self._size)
            self._file: h5py.File = self._stack.enter_context(
                h5py.File(self._temporary, "r+", libver=LIBVER)
            )
            self._write_units()
            self._create("synthetic/images", (n, 2, k, size, size, 3))
            self._create("synthetic/activations", (n, 2, k))
            self._create("synthetic/curves", (n, 2, len(self.curve_steps)))
            self._create("synthetic/curve_steps", data=self.curve_steps)
        except BaseException as failure:
            # Leaves through the atomic writer, which clears away and says what is wrong.
            self._stack.__exit__(type(failure), failure, failure.__traceback__)
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            try:
                self._finish()
            except BaseException as failure:
                self._stack.__exit__(type(failure), failure, failure.__traceback__)
                raise
        self._stack.__exit__(kind, error, trace)

    def write_synthetic(
        self,
        unit: int,
        sign: int,
        images: npt.NDArray[np.uint8],
        activations: npt.ArrayLike,
        curve: npt.ArrayLike,
    ) -> None:
        """Write one unit's synthetic images of one sign.

        Parameters
        ----------
        unit : int
            Row of the unit.
        sign : int
            0 = min, 1 = max.
        images : uint8 array, shape (K, H, W, 3)
            RGB, as a participant will see them.
        activations : float array, shape (K,)
            The unit's activation by each image, measured on these very pixels.
        curve : float array, shape (C,)
            Mean activation of the images during optimisation at `curve_steps`.
        """
        shape = (self.images_per_sign, self.image_size, self.image_size, 3)
        _expect(images, shape, np.uint8, "synthetic images")
        self._file["synthetic/images"][unit, sign] = images
        self._file["synthetic/activations"][unit, sign] = np.asarray(activations, np.float32)
        self._file["synthetic/curves"][unit, sign] = np.asarray(curve, np.float32)
        self._written.add((unit, sign))

    def write_optimisation(
        self,
        unit: int,
        sign: int,
        *,
        objective_curve: npt.ArrayLike,
        similarity_curve: npt.ArrayLike,
        diversity: npt.ArrayLike,
        updates: npt.ArrayLike,
    ) -> None:
        """Write how one unit's synthetic images of one sign came about; may be left out for all.

        Parameters
        ----------
        unit, sign : int
            As for `write_synthetic`.
        objective_curve, similarity_curve : float array, shape (C,)
            What was maximised as a whole, and the images' similarity within it.
        diversity : float or array of shape ()
            Weight of that similarity, in units of activation.
        updates : int or array of shape ()
            How many were made.
        """
        values = (objective_curve, similarity_curve, diversity, updates)
        for name, value in zip(schema.OPTIONAL_MEASURED, values, strict=True):
            if name not in self._file:
                shape = (len(self.units), 2, *np.shape(value))
                self._reserve(4 * int(np.prod(shape)) + 1024)
                self._create(name, shape)
            self._file[name][unit, sign] = value

    def write_natural(
        self,
        images: npt.NDArray[np.uint8] | Iterable[npt.NDArray[np.uint8]],
        *,
        name: Sequence[str],
        sha256: Sequence[str],
        label: Sequence[str],
        licence: Sequence[str],
        author: Sequence[str],
    ) -> None:
        """Write the natural images, each once, with their sources.

        Parameters
        ----------
        images : uint8 array, shape (N, H, W, 3), or iterable of N arrays (H, W, 3)
            RGB. Of an iterable one image at a time is held in memory.
        name, sha256, label, licence, author : sequence of str, length N
            File name and checksum of the source file, its class where known (else empty),
            licence and author. `sha256` may grow while an iterable is consumed.
        """
        count, size = len(name), self.image_size
        if isinstance(images, np.ndarray):
            _expect(images, (count, size, size, 3), np.uint8, "photographs")
        # References to the texts, and the texts themselves in a heap.
        texts = (name, sha256, label, licence, author)
        self._reserve(count * (3 * size**2 + 600) + sum(len(str(t)) * 4 for c in texts for t in c))
        self._create("natural/images", (count, size, size, 3))
        written = 0
        for image in images:
            if written == count:
                raise ValueError(f"more than {count} photographs")
            _expect(image, (size, size, 3), np.uint8, "a photograph")
            self._file["natural/images"][written] = image
            written += 1
        if written != count:
            raise ValueError(f"{written} of {count} photographs")
        columns = {
            "name": name,
            "sha256": sha256,
            "label": label,
            "licence": licence,
            "author": author,
        }
        for column, values in columns.items():
            if len(values) != count:
                raise ValueError(f"natural/{column} has {len(values)} of {count} values")
            self._create(f"natural/{column}", data=[str(value) for value in values])

    def write_exemplars(
        self,
        exemplars: npt.ArrayLike,
        activations: npt.ArrayLike,
        batches: npt.ArrayLike,
        batch_ranks: npt.ArrayLike,
    ) -> None:
        """Write each unit's extreme photographs and how they are dealt to batches.

        Parameters
        ----------
        exemplars : int array, shape (U, 2, R)
            Rows of /natural/images, most extreme first.
        activations : float array, shape (U, 2, R)
            The unit's activation by each.
        batches : int array, shape (U, 2, B, P)
            Rows of /natural/images; position 0 is the query.
        batch_ranks : int array, shape (U, 2, B, P)
            Rank of each in `exemplars`, 0 = most extreme.
        """
        self._reserve(8 * (np.size(exemplars) + np.size(batches)))
        self._create("natural/exemplars", data=np.asarray(exemplars, np.int32))
        self._create("natural/exemplar_activations", data=np.asarray(activations, np.float32))
        self._create("natural/batches", data=np.asarray(batches, np.int32))
        self._create("natural/batch_ranks", data=np.asarray(batch_ranks, np.int32))

    def write_machine(self, prediction: MachinePrediction) -> None:
        """Put a machine's answers beside the content.

        Parameters
        ----------
        prediction : MachinePrediction
            For these units, in their order, and the batches of `write_exemplars`.
        """
        if prediction.unit_ids != tuple(unit.unit_id for unit in self.units):
            raise ValueError("the prediction is about other units than the bank's")
        texts = len(json.dumps(prediction.facts).encode())
        arrays = sum(values.nbytes for values in prediction.arrays.values())
        self._reserve(MARGIN + texts + arrays)
        self._predictions.append(prediction)

    def _write_units(self) -> None:
        for column in schema.UNIT_COLUMNS:
            self._create(f"units/{column}", data=[getattr(unit, column) for unit in self.units])
        for column in schema.OPTIONAL_UNIT_COLUMNS:
            values = [getattr(unit, column) for unit in self.units]
            if any(values):
                self._create(f"units/{column}", data=values)

    def _reserve(self, size: int) -> None:
        self._size += size
        reserve(self._temporary, self._size)

    def _create(self, name: str, shape: tuple[int, ...] | None = None, data: Any = None) -> None:
        dtype = schema.expected_dtype(name)
        self._file.create_dataset(name, shape=shape, data=data, dtype=dtype, track_times=False)

    def _finish(self) -> None:
        missing = [name for name in schema.DATASETS if name not in self._file]
        if missing:
            raise ValueError(f"the bank is incomplete: {', '.join(missing)}")
        for u, unit in enumerate(self.units):
            for s, sign in enumerate(schema.SIGNS):
                if (u, s) not in self._written:
                    raise ValueError(f"{unit.unit_id} has no {sign} synthetic images")
        digests = {}
        visible = schema.visible_datasets(self._file)
        for name in (*visible, *schema.measured_datasets(self._file)):
            digests[name] = schema.hash_dataset(self._file[name])
            self._file[name].attrs["sha256"] = digests[name]
        self.content_sha256 = schema.combine_hashes((name, digests[name]) for name in visible)
        attributes = self._file.attrs
        attributes["format"] = schema.FORMAT
        attributes["schema_version"] = schema.SCHEMA_VERSION
        attributes["name"] = self.name
        attributes["content_sha256"] = self.content_sha256
        attributes["recipe"] = self.recipe
        attributes["provenance"] = self._provenance
        attributes[schema.ATTRIBUTES_CHECKSUM] = schema.hash_attributes(attributes)
        for prediction in self._predictions:
            put_machine(self._file, prediction)


def _expect(
    array: npt.NDArray[Any], shape: tuple[int, ...], dtype: npt.DTypeLike, what: str
) -> None:
    if array.shape != shape or array.dtype != np.dtype(dtype):
        raise ValueError(
            f"{what} must be {np.dtype(dtype)} of shape {shape}, not {array.dtype} {array.shape}"
        )
