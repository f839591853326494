from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from generation.natural.checkpoints import RecordingFiles
from generation.natural.decoding import Decoding
from generation.natural.exemplars import record
from generation.natural.extremes import RunningExtremes
from generation.natural.photographs import Pool, open_pool
from generation.natural.settings import Natural
from generation.natural.sources import FileSource
from generation.natural.unfinished import Recording
from generation.networks.network import Network
from stimuli.photographs import load_photographs

LAYERS = ["fire2", "fire6"]


def small_pool(workers: int = 0, step: int = 20) -> Pool:
    paths = [str(photograph.path) for photograph in load_photographs()[::step]]
    return Pool(FileSource(Path("/"), paths), Decoding(64, 48), 3, workers)


def same(one: Recording, other: Recording) -> None:
    assert one.contents_sha256 == other.contents_sha256
    np.testing.assert_array_equal(one.checksums, other.checksums)
    for layer in LAYERS:
        for found, expected in zip(
            one.extremes[layer].all(), other.extremes[layer].all(), strict=True
        ):
            np.testing.assert_array_equal(found, expected)


def test_one_pass_finds_what_each_unit_alone_would(network: Network) -> None:
    pool = small_pool()
    counted: list[int] = []
    found = record(network, pool, LAYERS, 4, 5, counted.append)
    assert sum(counted) == len(pool)
    images = np.stack([pool.image(index)[0] for index in range(len(pool))])
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    for layer, extremes in found.extremes.items():
        values = network.activations(x, [layer])[layer].numpy()
        for column in (0, 17, values.shape[1] - 1):
            indices, recorded = extremes.of(column)
            order = np.argsort(values[:, column], kind="stable")
            assert indices[0].tolist() == order[:4].tolist()
            assert indices[1].tolist() == order[::-1][:4].tolist()
            np.testing.assert_allclose(recorded, values[indices, column], rtol=1e-3, atol=0.05)


class Killed(Exception):  # noqa: N818
    """Stands for a killed process: nothing is tidied up."""


def killed_after(passes: int) -> Callable[[int], None]:
    """Give a listener that ends the recording in the middle of its work."""
    seen: list[int] = []

    def listen(count: int) -> None:
        seen.append(count)
        if len(seen) == passes:
            raise Killed

    return listen


@pytest.mark.parametrize("workers", [0, 3])
@pytest.mark.parametrize("every", [1, 3])
def test_threads_checkpoints_and_interruptions_change_nothing(
    network: Network, tmp_path: Path, workers: int, every: int
) -> None:
    expected = record(network, small_pool(), LAYERS, 3, 2)
    files = RecordingFiles(tmp_path, "a" * 64)
    for passes in (1, 2, 4):
        begun = files.done()
        with pytest.raises(Killed):
            record(
                network,
                small_pool(workers),
                LAYERS,
                3,
                2,
                killed_after(passes),
                files=files,
                checkpoint_passes=every,
            )
        # The pass in which it was killed is stored, or those since the last checkpoint are lost.
        assert files.done() == begun + 2 * (passes - passes % every)
    assert 0 < files.done() < len(small_pool())
    found = record(network, small_pool(workers), LAYERS, 3, 2, files=files)
    same(found, expected)


def test_unreadable_photographs_are_remembered_over_an_interruption(
    network: Network, pool_folder: Path, tmp_path: Path
) -> None:
    victim = sorted(pool_folder.glob("*.jpg"))[2]
    victim.write_bytes(b"no picture")
    settings = Natural(
        photographs=str(pool_folder), resize=64, batches=2, positions=3, unreadable_limit=1
    )
    files = RecordingFiles(tmp_path, "b" * 64)
    first = record(network, open_pool(settings, 48), LAYERS, 6, 4, files=files)
    pool = open_pool(settings, 48)
    again = record(network, pool, LAYERS, 6, 4, files=files)
    assert list(pool.unreadable) == [2]
    same(again, first)
    for layer in LAYERS:
        assert not (again.extremes[layer].all()[0] == 2).any()


def test_the_number_of_images_in_a_pass_moves_no_more_than_last_bits(network: Network) -> None:
    alone = record(network, small_pool(), LAYERS, 3, 1)
    for size in (2, 7, 23):
        together = record(network, small_pool(), LAYERS, 3, size)
        for layer in LAYERS:
            one, other = alone.extremes[layer].all(), together.extremes[layer].all()
            np.testing.assert_allclose(one[1], other[1], rtol=1e-4, atol=1e-2)


def test_a_damaged_or_foreign_checkpoint_is_not_used(network: Network, tmp_path: Path) -> None:
    pool = small_pool(step=60)
    files = RecordingFiles(tmp_path, "c" * 64)
    expected = record(network, pool, LAYERS, 2, 4, files=files)
    assert files.done() == len(pool)
    assert RecordingFiles(tmp_path, "d" * 64).done() == 0
    assert RecordingFiles(tmp_path, "c" * 16 + "d" * 48).done() == 0
    for path in tmp_path.iterdir():
        data = path.read_bytes()
        for damaged in (b"", data[:-30], data[:100] + bytes(100) + data[200:]):
            path.write_bytes(damaged)
            shown: list[int] = []
            again = record(network, pool, LAYERS, 2, 4, shown.append, files=files)
            same(again, expected)
            assert sum(shown) == len(pool), path
            assert path.read_bytes() == data


def test_the_recording_knows_the_checksum_of_every_file(network: Network, tmp_path: Path) -> None:
    pool = small_pool(step=60)
    files = RecordingFiles(tmp_path, "f" * 64)
    with pytest.raises(Killed):
        record(network, pool, LAYERS, 2, 2, killed_after(2), files=files, checkpoint_passes=1)
    found = record(network, pool, LAYERS, 2, 2, files=files)
    expected = [hashlib.sha256(pool.source.read(index)).digest() for index in range(len(pool))]
    assert [checksum.tobytes() for checksum in found.checksums] == expected


@pytest.mark.parametrize("within_a_pass", [False, True])
def test_an_interrupt_stores_what_was_recorded_and_no_half_pass(
    network: Network, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, within_a_pass: bool
) -> None:
    expected = record(network, small_pool(), LAYERS, 3, 2)
    files = RecordingFiles(tmp_path, "a" * 64)
    updates: list[int] = []
    update = RunningExtremes.update

    def interrupted(self: RunningExtremes, *arguments: torch.Tensor) -> None:
        # Two layers a pass: the second one of the fourth pass.
        if updates.append(1) or (within_a_pass and len(updates) == 8):
            raise KeyboardInterrupt
        update(self, *arguments)

    def listen(count: int) -> None:
        if len(updates) == 6 and not within_a_pass:
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(RunningExtremes, "update", interrupted)
        with pytest.raises(KeyboardInterrupt):
            record(network, small_pool(), LAYERS, 3, 2, listen, files=files)
    assert files.done() == (0 if within_a_pass else 6)
    same(record(network, small_pool(), LAYERS, 3, 2, files=files), expected)


def test_every_activation_of_chosen_units_is_kept_where_percentiles_need_it(
    network: Network, tmp_path: Path
) -> None:
    pool = small_pool(step=60)
    columns = [("fire6", 5), ("fire2", 100)]
    files = RecordingFiles(tmp_path, "e" * 64)
    with pytest.raises(Killed):
        record(
            network,
            pool,
            LAYERS,
            2,
            3,
            killed_after(1),
            files=files,
            checkpoint_passes=1,
            columns=columns,
        )
    assert files.done() == 3
    found = record(network, pool, LAYERS, 2, 3, files=files, columns=columns)
    assert found.all_values is not None
    values = np.asarray(found.all_values)
    assert values.shape == (len(pool), 2)
    for place, (layer, channel) in enumerate(columns):
        indices, recorded = found.extremes[layer].of(channel)
        np.testing.assert_array_equal(values[indices, place], recorded)
        assert values[:, place].min() == recorded[0, 0]
        assert values[:, place].max() == recorded[1, 0]
