"""The k lowest and k highest values of many columns at once, kept while rows pass by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

_LOWEST = torch.iinfo(torch.int64).min
_HIGHEST = torch.iinfo(torch.int64).max
# Rows that wait before they are sorted in: sorting in many at once costs less for each.
_WAITING = 512


class RunningExtremes:
    """The k lowest and k highest values of many columns, with the rows that they stand in.

    Rows are ordered by value, then by index. Value and index together are one 64-bit integer,
    so the order is total and exact: neither how many rows come at a time nor the order in which
    they come can change the result, and the two ends share no row as soon as there are ``2 k``
    rows. Values that are not finite have no place in it; they are counted.

    Parameters
    ----------
    columns : int
        Number of units.
    k : int
        Rows kept at each end.
    device : torch.device
        Where they are kept.
    """

    def __init__(self, columns: int, k: int, device: torch.device | str = "cpu") -> None:
        self.k = k
        # The kept rows and, beside them, those that wait: one sort takes both, uncopied.
        self._rows = torch.empty((2, columns, k + _WAITING), dtype=torch.int64, device=device)
        self._rows[0, :, :k], self._rows[1, :, :k] = _HIGHEST, _LOWEST
        self._waiting = 0
        self._lost = torch.zeros(columns, dtype=torch.int64, device=device)

    def update(
        self, values: Tensor | npt.NDArray[np.float32], indices: Tensor | Sequence[int]
    ) -> None:
        """Take rows in.

        Parameters
        ----------
        values : Tensor or ndarray of float32, shape (N, columns)
            Activations.
        indices : Tensor or sequence of int, length N
            Which photographs they belong to: 0 or more, below 2^31, each only once.
        """
        values = torch.as_tensor(values, device=self._rows.device)
        indices = torch.as_tensor(indices, dtype=torch.int64, device=self._rows.device)
        for start in range(0, len(values), _WAITING):
            self._take(values[start : start + _WAITING], indices[start : start + _WAITING])

    def _take(self, values: Tensor, indices: Tensor) -> None:
        if self._waiting + len(values) > _WAITING:
            self._merge()
        place = slice(self.k + self._waiting, self.k + self._waiting + len(values))
        self._waiting += len(values)
        low, high = self._rows[0, :, place], self._rows[1, :, place]
        low.copy_(_ordered(values).T).bitwise_left_shift_(32).bitwise_or_(indices)
        high.copy_(low)
        finite = values.isfinite()
        # Asking a GPU would stall it; there the masks are applied unasked.
        if values.is_cuda or not finite.all():
            low.masked_fill_(~finite.T, _HIGHEST)
            high.masked_fill_(~finite.T, _LOWEST)
            self._lost += (~finite).sum(dim=0)

    def of(self, column: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Give one unit's extremes: indices and values, each (2, k), most extreme first.

        Fewer than k where fewer rows came.
        """
        indices, values = self.all(slice(column, column + 1))
        return indices[0], values[0]

    def all(
        self, columns: slice | Sequence[int] = slice(None)
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float32]]:
        """Give several units' extremes: indices and values, each (units, 2, k)."""
        self._merge()
        kept = self._rows[:, columns, : self.k]
        ordered = torch.stack([kept[0].sort(dim=1)[0], kept[1].sort(dim=1, descending=True)[0]], 1)
        found = int(((ordered != _HIGHEST) & (ordered != _LOWEST)).sum(dim=2).min())
        indices, values = _parts(ordered[:, :, :found])
        return indices.cpu().numpy(), values.cpu().numpy()

    def lost(self) -> npt.NDArray[np.int64]:
        """Give the number of values that were not finite, a column."""
        return np.asarray(self._lost.cpu().numpy(), dtype=np.int64)

    def state(self) -> dict[str, npt.NDArray[np.int64]]:
        """Give all that is needed to go on later."""
        self._merge()
        return {"kept": self._rows[:, :, : self.k].cpu().numpy().copy(), "lost": self.lost()}

    def restore(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Go on from a `state` of the same size; `ValueError` for another one."""
        self.check(state)
        self._rows[:, :, : self.k].copy_(torch.from_numpy(state["kept"]))
        self._lost.copy_(torch.from_numpy(state["lost"]))
        self._waiting = 0

    def absorb(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Take in what was kept of other rows: a `state` of the same size, else `ValueError`.

        The order is total, so the result is that of having seen all rows at once.
        """
        self.check(state)
        self._merge()
        others = torch.from_numpy(state["kept"]).to(self._rows.device)
        for end, largest in enumerate((False, True)):
            rows = torch.cat([self._rows[end, :, : self.k], others[end]], dim=1)
            best = rows.topk(self.k, dim=1, largest=largest, sorted=False)[0]
            self._rows[end, :, : self.k] = best
        self._lost += torch.from_numpy(state["lost"]).to(self._lost.device)

    def check(self, state: dict[str, npt.NDArray[Any]]) -> None:
        """Raise `ValueError` unless a `state` is one of as many columns and rows."""
        for name, own in (("kept", self._rows[:, :, : self.k]), ("lost", self._lost)):
            if state[name].shape != tuple(own.shape) or state[name].dtype != np.int64:
                raise ValueError(f"this state does not belong here: {name} {state[name].shape}")

    def _merge(self) -> None:
        if not self._waiting:
            return
        for end, largest in enumerate((False, True)):
            rows = self._rows[end, :, : self.k + self._waiting]
            rows[:, : self.k] = rows.topk(self.k, dim=1, largest=largest, sorted=False)[0]
        self._waiting = 0


def _ordered(values: Tensor) -> Tensor:
    """Turn float32 into int32 of the same order; -0 and 0, which are equal, into the same."""
    # Adding zero turns -0 into 0 and makes a copy that may be changed.
    bits = (values.float() + 0.0).view(torch.int32)
    # A float's bits sort as an integer if those of negative numbers, but for the sign, are turned.
    return bits.bitwise_xor_((bits >> 31).bitwise_and_(0x7FFFFFFF))


def _parts(keys: Tensor) -> tuple[Tensor, Tensor]:
    """Take rows apart: indices and values."""
    ordered = (keys >> 32).to(torch.int32)
    # Turning the bits of negative numbers is its own inverse.
    bits = ordered ^ ((ordered >> 31) & 0x7FFFFFFF)
    return keys & 0xFFFFFFFF, bits.view(torch.float32)
