from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from generation.networks.weight_files import read_state
from house.errors import UserError


def test_npz_and_torch_files(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.float16).reshape(2, 3)
    np.savez(tmp_path / "a.npz", w=array)
    state = read_state(tmp_path / "a.npz")
    assert state["w"].dtype == torch.float32
    np.testing.assert_array_equal(state["w"], array)

    tensors = {"module.w": torch.ones(2), "module.n": torch.tensor(3)}
    for name, saved in [
        ("plain", tensors),
        ("nested", {"state_dict": tensors, "epoch": 3}),
        ("model", {"model": tensors}),
    ]:
        path = tmp_path / f"{name}.pth"
        torch.save(saved, path)
        state = read_state(path)
        assert set(state) == {"w", "n"}
        assert state["n"].dtype == torch.int64


class Payload:
    """What a hostile file would run."""

    def __reduce__(self) -> Any:
        return (Path.touch, (Path("ran"),))


def test_nothing_in_a_file_is_executed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"w": Payload()}, "bad.pth")
    np.savez("bad.npz", w=np.array([Payload()], dtype=object))
    for name in ("bad.pth", "bad.npz"):
        with pytest.raises(UserError, match="cannot be read") as caught:
            read_state(Path(name))
        assert not re.search("weights.only|can still be loaded", str(caught.value), re.IGNORECASE)
    assert not Path("ran").exists()


@pytest.mark.parametrize("suffix", [".npz", ".pth"])
def test_damaged_files(tmp_path: Path, suffix: str) -> None:
    whole = tmp_path / f"whole{suffix}"
    if suffix == ".npz":
        np.savez(whole, w=np.arange(1000))
    else:
        torch.save({"w": torch.arange(1000)}, whole)
    data = whole.read_bytes()
    for content in (b"", b"text", data[: len(data) // 2], data[:-10]):
        whole.write_bytes(content)
        with pytest.raises(UserError, match="cannot be read"):
            read_state(whole)


def test_other_contents_and_missing_files(tmp_path: Path) -> None:
    for content in ([1, 2], {}, {"w": "text"}):
        torch.save(content, tmp_path / "other.pt")
        with pytest.raises(UserError, match=r"other\.pt.*cannot be read"):
            read_state(tmp_path / "other.pt")
    with pytest.raises(UserError, match="no such file"):
        read_state(tmp_path / "none.pth")
