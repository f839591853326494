from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generation.photographs import decode, listing_sha256, open_pool
from generation.recipe import Natural
from house.errors import UserError


def natural(folder: Path, **more: int) -> Natural:
    settings = {"resize": 64, "batches": 2, "positions": 3, "unreadable_limit": 1, **more}
    return Natural(photographs=str(folder), **settings)


def test_decoding_resizes_the_shorter_side_and_cuts_the_centre(tmp_path: Path) -> None:
    # A horizontal ramp: the centre crop's columns are known.
    ramp = np.tile(np.arange(200, dtype=np.uint8), (100, 1))
    path = tmp_path / "ramp.png"
    Image.fromarray(ramp).save(path)
    image = decode(path, 100, 60)
    assert image.shape == (60, 60, 3)
    np.testing.assert_array_equal(image[:, :, 1], np.tile(np.arange(70, 130), (60, 1)))
    half = decode(path, 50, 50)
    np.testing.assert_allclose(half[25, :, 0], 50.5 + 2 * np.arange(50), atol=1)


def test_odd_files_become_rgb(tmp_path: Path) -> None:
    for mode in ("L", "RGBA", "CMYK", "P", "1"):
        path = tmp_path / f"{mode}.tif"
        Image.new(mode, (80, 70)).save(path)
        assert decode(path, 64, 48).shape == (48, 48, 3)


def test_an_unreadable_photograph_is_logged_counted_and_left_out(
    pool_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    victim = sorted(pool_folder.glob("*.jpg"))[3]
    victim.write_bytes(victim.read_bytes()[:200])
    pool = open_pool(natural(pool_folder), 48)
    with caplog.at_level(logging.WARNING, "generation"):
        indices = [index for some, _ in pool.passes(4) for index in some]
    assert len(indices) == 29
    assert list(pool.unreadable) == [3]
    assert victim.name in caplog.text


def test_too_many_unreadable_photographs_stop(pool_folder: Path) -> None:
    for victim in sorted(pool_folder.glob("*.jpg"))[:2]:
        victim.write_text("no picture")
    pool = open_pool(natural(pool_folder), 48)
    with pytest.raises(UserError, match="2 photographs cannot be read"):
        list(pool.passes(4))


def test_missing_folder_and_too_few_photographs(tmp_path: Path, pool_folder: Path) -> None:
    with pytest.raises(UserError, match=r"attribution\.tsv"):
        open_pool(natural(tmp_path / "nowhere"), 48)
    with pytest.raises(UserError, match="need 60"):
        open_pool(natural(pool_folder, batches=10), 48)
    assert open_pool(natural(pool_folder, batches=5), 48).photographs


def test_the_listing_changes_with_any_file(pool_folder: Path) -> None:
    pool = open_pool(natural(pool_folder), 48)
    before = listing_sha256(pool.photographs, pool.checksums())
    victim = pool.photographs[0].path
    victim.write_bytes(victim.read_bytes() + b"x")
    assert listing_sha256(pool.photographs, pool.checksums()) != before
