"""Weights from a file that a user names: ``.npz``, or a state dict saved by torch."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from house.errors import UserError

_WRAPPERS = ("state_dict", "model_state_dict", "model")


def read_state(path: Path) -> dict[str, Tensor]:
    """Read arrays by name; nothing in the file is executed.

    Parameters
    ----------
    path : Path
        ``.npz`` of plain arrays, or a state dict (alone, or under ``state_dict``, ``model`` or
        ``model_state_dict``) saved by ``torch.save``.

    Returns
    -------
    dict of str to Tensor
        On the CPU; half precision widened to float32.

    Raises
    ------
    UserError
        If the file is missing, damaged, or holds anything but arrays by name.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError("there is no such file of weights", where=str(path))
    try:
        return _read_npz(path) if path.suffix == ".npz" else _read_torch(path)
    except Exception as error:
        # What a damaged archive or pickle raises depends on where the damage lies.
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        if isinstance(error, pickle.UnpicklingError):
            # torch's own words advise to run whatever the file holds.
            reason = "it is damaged, or holds more than arrays, such as a whole module"
        raise UserError(
            f"the weights cannot be read ({reason})",
            where=str(path),
            remedy="Give an .npz file of arrays, or what torch.save made of a module.state_dict().",
        ) from error


def _read_npz(path: Path) -> dict[str, Tensor]:
    with np.load(path, allow_pickle=False) as arrays:
        return {key: _single(torch.from_numpy(arrays[key])) for key in arrays}


def _read_torch(path: Path) -> dict[str, Tensor]:
    loaded: Any = torch.load(path, map_location="cpu", weights_only=True)
    for wrapper in _WRAPPERS:
        if isinstance(loaded, Mapping) and isinstance(loaded.get(wrapper), Mapping):
            loaded = loaded[wrapper]
    if not isinstance(loaded, Mapping) or not loaded:
        raise TypeError("it holds no arrays by name")
    state = {}
    for key, value in loaded.items():
        if not isinstance(value, Tensor):
            raise TypeError(f"{key} is not an array")
        # Saved from a module that was trained on several GPUs.
        state[str(key).removeprefix("module.")] = _single(value)
    return state


def _single(array: Tensor) -> Tensor:
    return array.float() if array.is_floating_point() else array
