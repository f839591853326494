"""Adding a machine's answers to a finished bank, which stays whole whatever happens."""

from __future__ import annotations

import shutil
import stat
from pathlib import Path

import h5py

from house.errors import UserError
from house.files import atomic_writer
from stimuli.bank import StimulusBank
from stimuli.disk_space import LIBVER, MARGIN, reserve
from stimuli.machine import MachinePrediction, other_content, put_machine


def add_machine(path: Path | str, prediction: MachinePrediction, *, replace: bool = False) -> None:
    """Put a prediction into a bank.

    The bank is copied, the copy changed, fsynced and renamed: whoever reads meanwhile sees the
    bank as it was, and a crash leaves it as it was.

    Parameters
    ----------
    path : Path
        The bank. A link is followed.
    prediction : MachinePrediction
        For this bank's units and batches.
    replace : bool
        Whether one of the same name may be replaced.

    Raises
    ------
    UserError
        If there is one of that name, the bank was changed meanwhile, the prediction is about
        other images under the same names, or there is no room.
    ValueError
        If the prediction belongs to another bank.
    """
    path = Path(path).resolve()
    refuse_second(path, prediction.name, replace)
    with StimulusBank(path) as bank:
        if tuple(unit.unit_id for unit in bank.units) != prediction.unit_ids:
            raise ValueError("the prediction is about other units than the bank's")
        if bank.n_batches != prediction.decision.shape[1]:
            raise ValueError("the prediction is about other batches than the bank's")
        if other_content(prediction.facts, bank.content_sha256):
            raise UserError(
                "this bank is not the one that the prediction is about: its images or batches are "
                "others",
                where=str(path),
                remedy="Make it again with `python -m generation predict BANK`.",
            )
    before = path.stat()
    with atomic_writer(path, mode=stat.S_IMODE(before.st_mode)) as temporary:
        shutil.copyfile(path, temporary)
        room = sum(values.nbytes for values in prediction.arrays.values())
        reserve(temporary, before.st_size + room + MARGIN)
        with h5py.File(temporary, "r+", libver=LIBVER) as file:
            put_machine(file, prediction)
        now = path.stat()
        if (now.st_ino, now.st_mtime_ns) != (before.st_ino, before.st_mtime_ns):
            raise UserError(
                "this bank was changed while the prediction was added",
                where=str(path),
                remedy="Give the command again.",
            )


def refuse_second(path: Path | str, name: str, replace: bool) -> None:
    """Raise a `UserError` where a bank has a prediction of that name that must stay."""
    if replace:
        return
    with StimulusBank(path) as bank:
        if name in bank.machine_names:
            raise UserError(
                f'this bank has a prediction called "{name}" already',
                where=str(path),
                remedy="Replace it with --force, or give the new one another --name.",
            )
