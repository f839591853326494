from __future__ import annotations

import logging
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generation.natural.decode_ahead import ahead
from generation.natural.photographs import Pool, open_pool
from generation.natural.settings import Natural
from house.errors import UserError


def natural(folder: Path, **more: float) -> Natural:
    settings = {"resize": 64, "batches": 2, "positions": 3, "unreadable_limit": 1, **more}
    return Natural(photographs=str(folder), **settings)


def spoil(folder: Path, place: int) -> Path:
    victim = sorted(folder.glob("*.jpg"))[place]
    victim.write_bytes(victim.read_bytes()[:200])
    return victim


@pytest.mark.parametrize("workers", [0, 1, 4])
def test_an_unreadable_photograph_is_logged_counted_and_left_out(
    pool_folder: Path, caplog: pytest.LogCaptureFixture, workers: int
) -> None:
    victim = spoil(pool_folder, 3)
    pool = open_pool(natural(pool_folder), 48, workers)
    with caplog.at_level(logging.WARNING, "generation"):
        passes = list(pool.passes(4))
    # Every photograph keeps its place: what shares a pass does not depend on what is readable.
    assert [images.first for images in passes] == list(range(0, 30, 4))
    assert [len(images.pixels) for images in passes] == [4] * 7 + [2]
    readable = np.concatenate([images.readable for images in passes])
    assert np.flatnonzero(~readable).tolist() == [3]
    assert not passes[0].pixels[3].any()
    assert passes[0].pixels[2].any()
    assert list(pool.unreadable) == [3]
    assert victim.stem in caplog.text
    assert "truncated" in pool.unreadable[3].lower()


def test_a_pool_can_be_entered_at_any_pass(pool_folder: Path) -> None:
    spoil(pool_folder, 3)
    whole = list(open_pool(natural(pool_folder), 48).passes(4))
    rest = list(open_pool(natural(pool_folder), 48, 2).passes(4, 8, whole[1].contents))
    for one, other in zip(whole[2:], rest, strict=True):
        assert (one.first, one.last, one.contents) == (other.first, other.last, other.contents)
        np.testing.assert_array_equal(one.pixels, other.pixels)


def test_the_contents_checksum_knows_every_file_and_name(pool_folder: Path) -> None:
    def last() -> bytes:
        return list(open_pool(natural(pool_folder), 48).passes(7))[-1].contents

    before = last()
    assert list(open_pool(natural(pool_folder), 48).passes(4))[-1].contents == before
    victim = sorted(pool_folder.glob("*.jpg"))[0]
    data = victim.read_bytes()
    victim.write_bytes(data + b"x")
    assert last() != before
    victim.write_bytes(data)
    assert last() == before


def test_too_many_unreadable_photographs_stop_by_number_or_share(pool_folder: Path) -> None:
    for place in (0, 1):
        spoil(pool_folder, place)
    pool = open_pool(natural(pool_folder), 48, 2)
    before = threading.active_count()
    with pytest.raises(UserError, match="2 photographs cannot be read"):
        list(pool.passes(4))
    assert threading.active_count() == before
    allowed = open_pool(natural(pool_folder, unreadable_share=0.07), 48)
    assert allowed.allowed == 2
    assert sum(images.readable.sum() for images in allowed.passes(4)) == 28


def test_small_photographs_are_left_out_where_that_is_wanted(
    pool_folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for place, size in ((2, (1, 1)), (4, (90, 39)), (6, (40, 90))):
        victim = sorted(pool_folder.glob("*.jpg"))[place]
        Image.new("RGB", size).save(victim, "JPEG")
    everything = open_pool(natural(pool_folder), 48)
    assert sum(images.readable.sum() for images in everything.passes(4)) == 30
    assert everything.image(4).shorter_side == 39
    # More of them than may be unreadable.
    pool = open_pool(natural(pool_folder, shortest_side=40), 48)
    with caplog.at_level(logging.INFO, "generation"):
        readable = np.concatenate([images.readable for images in pool.passes(4)])
    assert np.flatnonzero(~readable).tolist() == [2, 4] == sorted(pool.too_small)
    assert "90 x 39 pixels" in caplog.text
    spoil(pool_folder, 8)
    spoil(pool_folder, 9)
    with pytest.raises(UserError, match="2 photographs cannot be read"):
        list(open_pool(natural(pool_folder, shortest_side=40), 48).passes(4))


def test_reasons_are_for_people(pool_folder: Path) -> None:
    victim = sorted(pool_folder.glob("*.jpg"))[3]
    victim.write_bytes(b"no picture")
    pool = open_pool(natural(pool_folder), 48)
    list(pool.passes(4))
    assert pool.unreadable == {3: "no image of a known kind"}
    with pytest.raises(UserError, match=r"cannot be read any more \(no image of a known kind\)"):
        pool.image(3)


def test_a_photograph_that_vanishes_before_it_is_written_is_named(pool_folder: Path) -> None:
    pool: Pool = open_pool(natural(pool_folder), 48)
    victim = sorted(pool_folder.glob("*.jpg"))[5]
    victim.unlink()
    with pytest.raises(UserError, match="cannot be read any more") as caught:
        pool.image(5)
    assert victim.stem in str(caught.value)


def test_missing_folder_and_too_few_photographs(tmp_path: Path, pool_folder: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        open_pool(natural(tmp_path / "nowhere"), 48)
    with pytest.raises(UserError, match="need 60"):
        open_pool(natural(pool_folder, batches=10), 48)
    assert len(open_pool(natural(pool_folder, batches=5), 48)) == 30


@pytest.mark.parametrize("workers", [0, 1, 5])
def test_work_ahead_comes_in_order_and_stays_within_its_depth(workers: int) -> None:
    begun: list[int] = []

    def work(item: int) -> int:
        begun.append(item)
        time.sleep(0.002 * (item % 3))
        return item * item

    results = ahead(range(40), work, workers, depth=4)
    for expected in range(40):
        assert next(results) == expected * expected
        assert len(begun) <= expected + 1 + 4 + 1
    assert next(results, None) is None


def test_an_exception_comes_when_its_turn_comes_and_ends_the_threads() -> None:
    def work(item: int) -> int:
        if item == 3:
            raise ValueError("three")
        return item

    before = threading.active_count()
    results = ahead(range(10), work, 2, depth=6)
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="three"):
        next(results)
    assert threading.active_count() == before


def test_a_caller_who_stops_early_ends_the_threads() -> None:
    before = threading.active_count()
    results = ahead(range(1000), lambda item: item, 3, depth=6)
    next(results)
    assert threading.active_count() > before
    results.close()
    assert threading.active_count() == before
