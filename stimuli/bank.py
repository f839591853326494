"""Reading a bank: units, images by id, batches. Needs h5py and numpy only."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import h5py
import numpy as np
import numpy.typing as npt

from house.errors import UserError
from house.names import nearest
from stimuli import schema
from stimuli.bank_file import BankFile
from stimuli.damage import damaged, reason_of
from stimuli.machine import MachinePrediction, machine_names, read_machine
from stimuli.schema import SIGNS, Sign, Unit


class StimulusBank(BankFile):
    """A stimulus bank, open for reading.

    Parameters
    ----------
    path : Path
        The HDF5 file.

    Raises
    ------
    UserError
        If the file is missing, damaged, no bank, or of another schema version.

    Examples
    --------
    >>> with StimulusBank(path) as bank:  # doctest: +SKIP
    ...     query, *references = bank.batch("fire5:3x3:145", "max", 0)
    ...     pixels = bank.image(query)
    """

    @property
    def name(self) -> str:
        """What people call this bank."""
        return self.attribute("name")

    @property
    def schema_version(self) -> int:
        """Version of the format."""
        with self.reading():
            return int(self.file.attrs["schema_version"])

    @property
    def content_sha256(self) -> str:
        """Checksum, as recorded, over everything that a participant can see."""
        return self.attribute("content_sha256")

    @property
    def recipe(self) -> str:
        """The recipe as TOML text."""
        return self.attribute("recipe")

    @cached_property
    def provenance(self) -> dict[str, Any]:
        """Seeds, versions, hardware, network and checksums."""
        try:
            value = json.loads(self.attribute("provenance"))
        except ValueError as error:
            reason = f"its provenance is no JSON: {reason_of(error)}"
            raise damaged(self.path, reason) from error
        if not isinstance(value, dict):
            raise damaged(self.path, "its provenance is no JSON object")
        return value

    @property
    def image_size(self) -> int:
        """Height and width of every image in pixels."""
        return self.shape("natural/images", 4)[1]

    @property
    def images_per_sign(self) -> int:
        """Number of synthetic images of a unit and sign."""
        return self.shape("synthetic/images", 6)[2]

    @property
    def n_natural(self) -> int:
        """Number of natural images stored."""
        return self.shape("natural/images", 4)[0]

    @property
    def n_batches(self) -> int:
        """Number of disjoint sets of natural images of a unit."""
        return int(self._batches.shape[2])

    @property
    def batch_size(self) -> int:
        """Number of natural images of a unit, sign and batch, the query included."""
        return int(self._batches.shape[3])

    @cached_property
    def _batches(self) -> npt.NDArray[np.int32]:
        # A few kilobytes a unit, of which every plan asks for many.
        self.shape("natural/batches", 4)
        return np.asarray(self.values("natural/batches"), dtype=np.int32)

    @cached_property
    def units(self) -> tuple[Unit, ...]:
        """All units in the bank's order."""
        columns = {}
        with self.reading():
            present = [n for n in schema.OPTIONAL_UNIT_COLUMNS if f"units/{n}" in self.file]
            for name in (*schema.UNIT_COLUMNS, *present):
                text = h5py.check_string_dtype(schema.expected_dtype(f"units/{name}")) is not None
                found = self.values(f"units/{name}").tolist()
                if any(isinstance(value, str) is not text for value in found):
                    raise damaged(self.path, f"units/{name} holds values of another type")
                columns[name] = found
            rows = zip(*columns.values(), strict=True)
            units = tuple(Unit(**dict(zip(columns, values, strict=True))) for values in rows)
            for unit in units:
                if unit.unit_id != schema.unit_id(unit.layer, unit.branch, unit.channel):
                    raise damaged(self.path, f"{unit.unit_id} is not the unit that it is called")
        return units

    @cached_property
    def _rows(self) -> dict[str, int]:
        return {unit.unit_id: row for row, unit in enumerate(self.units)}

    def row(self, unit_id: str) -> int:
        """Row of a unit in the bank's arrays."""
        try:
            return self._rows[unit_id]
        except KeyError:
            some = ", ".join(list(self._rows)[:12]) + (", …" if len(self._rows) > 12 else "")
            raise UserError(
                f'this bank has no unit "{unit_id}"',
                where=str(self.path),
                remedy=nearest(unit_id, self._rows) or f"It has: {some}.",
            ) from None

    def unit(self, unit_id: str) -> Unit:
        """Give the unit of that id; a `UserError` names the nearest one when there is none."""
        return self.units[self.row(unit_id)]

    @cached_property
    def _pictures(self) -> dict[str, h5py.Dataset]:
        # Looking a data set up takes longer than reading a picture from it.
        return {kind: self.dataset(f"{kind}/images") for kind in ("natural", "synthetic")}

    def image(self, image_id: str) -> npt.NDArray[np.uint8]:
        """Read one image.

        Parameters
        ----------
        image_id : str
            ``natural/000123`` or ``synthetic/fire5:3x3:145/max/03``.

        Returns
        -------
        uint8 array, shape (H, W, 3)
            RGB, row 0 at the top.
        """
        group, _, rest = image_id.partition("/")
        try:
            if group == "natural":
                place: Any = int(rest)
            elif group == "synthetic":
                unit_id, sign, index = rest.split("/")
                place = (self.row(unit_id), SIGNS.index(sign), int(index))
            else:
                raise ValueError(image_id)
            pictures = self._pictures[group]
            try:
                value = pictures[place]
            except (ValueError, IndexError):
                raise
            except Exception as error:
                raise damaged(self.path, reason_of(error)) from error
        except (ValueError, IndexError) as error:
            raise UserError(f'this bank has no image "{image_id}"', where=str(self.path)) from error
        return np.asarray(value, dtype=np.uint8)

    def images(self, image_ids: Iterable[str]) -> list[npt.NDArray[np.uint8]]:
        """Read several images in order."""
        return [self.image(image_id) for image_id in image_ids]

    def batch(self, unit_id: str, sign: Sign, batch: int) -> tuple[str, ...]:
        """Ids of a batch's natural images; position 0 is the query, the rest are references.

        References come from successively less extreme rank bins.
        """
        if not 0 <= batch < self.n_batches:
            raise UserError(
                f"this bank has batches 0 to {self.n_batches - 1}, not {batch}",
                where=str(self.path),
            )
        rows = self._batches[self.row(unit_id), SIGNS.index(sign), batch]
        return tuple(schema.natural_id(int(row)) for row in rows)

    def synthetic(self, unit_id: str, sign: Sign) -> tuple[str, ...]:
        """Ids of a unit's synthetic images of one sign."""
        self.row(unit_id)
        return tuple(schema.synthetic_id(unit_id, sign, k) for k in range(self.images_per_sign))

    def exemplars(self, unit_id: str, sign: Sign) -> tuple[str, ...]:
        """Ids of the most extreme natural images of a unit, most extreme first."""
        place = (self.row(unit_id), SIGNS.index(sign))
        rows = self.values("natural/exemplars", place)
        return tuple(schema.natural_id(int(row)) for row in rows)

    def activations(
        self, unit_id: str, sign: Sign, kind: Literal["synthetic", "natural"] = "synthetic"
    ) -> npt.NDArray[np.float32]:
        """Activations of a unit by its synthetic images, or by its exemplars in rank order.

        Returns
        -------
        float32 array, shape (K,) or (R,)
            Spatial mean of the unit's pre-ReLU feature map, in the network's own units.
        """
        name = "synthetic/activations" if kind == "synthetic" else "natural/exemplar_activations"
        place = (self.row(unit_id), SIGNS.index(sign))
        return np.asarray(self.values(name, place), dtype=np.float32)

    def curve(self, unit_id: str, sign: Sign) -> npt.NDArray[np.float32]:
        """Mean activation during optimisation at `curve_steps`, shape (C,)."""
        place = (self.row(unit_id), SIGNS.index(sign))
        return np.asarray(self.values("synthetic/curves", place), dtype=np.float32)

    def optimisation(self, unit_id: str, sign: Sign) -> dict[str, Any]:
        """How a unit's synthetic images came about.

        Returns
        -------
        dict
            ``objective_curve`` and ``similarity_curve``, float32 (C,) at `curve_steps`;
            ``diversity``, the weight of that similarity; ``updates``, how many were made. Empty
            for banks of programs that did not keep it.
        """
        place = (self.row(unit_id), SIGNS.index(sign))
        return {
            name: self.values(where, place)[()]
            for name, where in schema.OPTIMISATION.items()
            if where in self.file
        }

    @property
    def curve_steps(self) -> npt.NDArray[np.int32]:
        """Optimisation steps at which `curve` was recorded, shape (C,)."""
        return np.asarray(self.values("synthetic/curve_steps"), dtype=np.int32)

    @property
    def machine_names(self) -> tuple[str, ...]:
        """Names of the machine observers whose answers the bank holds."""
        with self.reading():
            return machine_names(self.file)

    def machine(self, name: str | None = None) -> MachinePrediction:
        """Answers of a machine observer to every trial; without a name, of the only one."""
        with self.reading():
            return read_machine(self.file, tuple(self._rows), name)

    def source(self, image_id: str) -> dict[str, str]:
        """Source of a natural image: name, sha256, label, licence, author."""
        group, _, row = image_id.partition("/")
        if group != "natural":
            raise ValueError(f"{image_id} is no natural image")
        return {
            column: str(self.values(f"natural/{column}", int(row)))
            for column in schema.NATURAL_COLUMNS
        }

    def compute_content_sha256(self) -> str:
        """Compute the content checksum from the pixels and tables themselves.

        Takes about a second per gigabyte. A bank is whole when this equals `content_sha256`.
        """
        with self.reading():
            return schema.combine_hashes(
                (name, schema.hash_dataset(self.dataset(name)))
                for name in schema.visible_datasets(self.file)
            )


def read_units(path: Path | str) -> tuple[Unit, ...]:
    """Read the unit table of a bank."""
    with StimulusBank(path) as bank:
        return bank.units
