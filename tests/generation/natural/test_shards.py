from __future__ import annotations

import errno
import pickle
import tarfile
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from generation.building.progress_files import WorkFolder
from generation.natural.checkpoints import RecordingFiles
from generation.natural.exemplars import record, record_span
from generation.natural.photographs import Pool
from generation.natural.shard_plan import Span
from generation.natural.shards import Damaged, Shard, ShardFiles, merge
from generation.natural.source_part import part_of
from generation.natural.tar_shards import TarSource
from generation.natural.unfinished import Recording
from generation.networks.network import Network
from house.errors import UserError
from tests.generation.natural.test_exemplars import LAYERS, Killed, killed_after, same, small_pool

K, IMAGES = 3, 2
COLUMNS = [("fire6", 5), ("fire2", 100)]
KEY = "a" * 64


def shard_of(
    network: Network, span: Span, columns: Sequence[tuple[str, int]] = (), pool: Pool | None = None
) -> Shard:
    pool = small_pool() if pool is None else pool
    # As it is sent to another machine.
    part = pickle.loads(pickle.dumps(part_of(pool.source, span.first, span.last, 0)))
    there = Pool(part, pool.decoding, 3, 0)
    return record_span(network, there, LAYERS, K, IMAGES, span.first, columns)


@pytest.fixture(scope="module")
def expected(network: Network) -> Recording:
    return record(network, small_pool(), LAYERS, K, IMAGES)


def test_merged_shards_are_what_one_go_gives(network: Network) -> None:
    spans = [Span(0, 8), Span(8, 10), Span(10, 16)]
    parts = [shard_of(network, span) for span in spans]
    together, at_once = merge(parts), shard_of(network, Span(0, 16))
    np.testing.assert_array_equal(together.checksums, at_once.checksums)
    for layer in LAYERS:
        for name in ("kept", "lost"):
            one, other = together.states[layer][name], at_once.states[layer][name]
            np.testing.assert_array_equal(np.sort(one), np.sort(other))
    nested = merge([parts[0], merge(parts[1:])])
    np.testing.assert_array_equal(
        np.sort(nested.states["fire6"]["kept"]), np.sort(together.states["fire6"]["kept"])
    )
    with pytest.raises(ValueError, match="no neighbours"):
        merge([parts[0], parts[2]])


@pytest.mark.parametrize(
    "spans",
    [
        [Span(0, 8), Span(8, 12), Span(12, 23)],
        [Span(4, 10), Span(14, 16)],
        [Span(2, 6), Span(2, 4), Span(4, 6), Span(10, 12)],
    ],
)
def test_a_process_goes_on_from_the_shards_that_a_cluster_left(
    network: Network, expected: Recording, tmp_path: Path, spans: list[Span]
) -> None:
    files = RecordingFiles(tmp_path, KEY)
    for span in spans:
        files.shards.save(shard_of(network, span))
    covered = len({index for span in spans for index in range(*span)})
    assert files.done() == covered
    shown: list[int] = []
    same(record(network, small_pool(), LAYERS, K, IMAGES, shown.append, files=files), expected)
    assert sum(shown) == len(small_pool()) - covered
    assert files.shards.found() == []
    assert files.done() == len(small_pool())


def test_a_cluster_goes_on_behind_the_checkpoint_of_a_process(
    network: Network, expected: Recording, tmp_path: Path
) -> None:
    files = RecordingFiles(tmp_path, KEY)
    with pytest.raises(Killed):
        record(
            network,
            small_pool(),
            LAYERS,
            K,
            IMAGES,
            killed_after(3),
            files=files,
            checkpoint_passes=1,
        )
    assert files.done() == 6
    # One that the checkpoint has already, and one that it has not.
    files.shards.save(shard_of(network, Span(0, 4)))
    files.shards.save(shard_of(network, Span(6, 12)))
    assert files.done() == 12
    same(record(network, small_pool(), LAYERS, K, IMAGES, files=files), expected)


def test_every_activation_of_chosen_units_survives_sharding(
    network: Network, tmp_path: Path
) -> None:
    whole, parted = (RecordingFiles(tmp_path, key) for key in ("b" * 64, "c" * 64))
    one = record(network, small_pool(), LAYERS, K, IMAGES, files=whole, columns=COLUMNS)
    for span in (Span(2, 8), Span(8, 14)):
        parted.shards.save(shard_of(network, span, COLUMNS))
    other = record(network, small_pool(), LAYERS, K, IMAGES, files=parted, columns=COLUMNS)
    same(one, other)
    assert one.all_values is not None
    assert other.all_values is not None
    np.testing.assert_array_equal(one.all_values, other.all_values)


def test_a_damaged_or_foreign_shard_is_recorded_again(
    network: Network, expected: Recording, tmp_path: Path
) -> None:
    files = RecordingFiles(tmp_path, KEY)
    span = Span(4, 12)
    files.shards.save(shard_of(network, span))
    (path,) = tmp_path.iterdir()
    data = path.read_bytes()
    middle = len(data) // 2
    flipped = data[:middle] + bytes(255 - byte for byte in data[middle : middle + 64])
    foreign = ShardFiles(tmp_path, KEY[:16] + "d" * 48)
    for damaged in (b"", data[:-30], data[: len(data) // 3], flipped + data[middle + 64 :]):
        path.write_bytes(damaged)
        with pytest.raises(Damaged):
            files.shards.load(span)
        same(record(network, small_pool(), LAYERS, K, IMAGES, files=files), expected)
        assert not path.exists()
        (tmp_path / f"recording-{KEY[:16]}.npz").unlink()
    path.write_bytes(data)
    with pytest.raises(Damaged, match="something else"):
        foreign.load(span)
    path.rename(tmp_path / path.name.replace("-12.npz", "-14.npz"))
    with pytest.raises(Damaged):
        files.shards.load(Span(4, 14))


def test_unreadable_photographs_of_all_shards_count_together(
    network: Network, tmp_path: Path, pool_folder: Path
) -> None:
    from generation.natural.photographs import open_pool
    from generation.natural.settings import Natural

    photographs = sorted(pool_folder.glob("*.jpg"))
    for victim in (1, 13):
        photographs[victim].write_bytes(b"no picture")
    settings = Natural(
        photographs=str(pool_folder), resize=64, batches=2, positions=3, unreadable_limit=2
    )
    one = record(network, open_pool(settings, 48), LAYERS, K, IMAGES)
    files = RecordingFiles(tmp_path, KEY)
    for span in (Span(0, 8), Span(8, 14)):
        files.shards.save(shard_of(network, span, pool=open_pool(settings, 48)))
    pool = open_pool(settings, 48)
    same(record(network, pool, LAYERS, K, IMAGES, files=files), one)
    assert sorted(pool.unreadable) == [1, 13]
    strict = open_pool(settings.model_copy(update={"unreadable_limit": 1}), 48)
    files = RecordingFiles(tmp_path, "e" * 64)
    for span in (Span(0, 8), Span(8, 14)):
        files.shards.save(shard_of(network, span, pool=open_pool(settings, 48)))
    with pytest.raises(UserError, match="2 photographs cannot be read"):
        record(network, strict, LAYERS, K, IMAGES, files=files)


def test_a_part_of_tar_shards_reads_the_same_bytes(tmp_path: Path) -> None:
    pool = small_pool(step=60)
    with tarfile.open(tmp_path / "a.tar", "w") as archive:
        for number in range(len(pool)):
            archive.add(pool.source.place(number).path, f"{number:03d}.jpg")
    source = TarSource([tmp_path / "a.tar"])
    part = pickle.loads(pickle.dumps(part_of(source, 2, 6, 0)))
    assert len(part) == 6
    for index in range(2, 6):
        assert part.read(index) == source.read(index)
        assert (part.name(index), part.size(index)) == (source.name(index), source.size(index))


def test_a_photograph_that_was_listed_and_is_gone_is_no_unreadable_one(tmp_path: Path) -> None:
    pool = small_pool(step=60)
    data = pool.source.read(0)
    for name in ("a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(data)
    from generation.natural.folders import list_folder

    part = part_of(list_folder(tmp_path), 0, 2, 0.6)
    (tmp_path / "b.jpg").unlink()
    assert part.read(0) == data
    with pytest.raises(UserError, match="is not there any more"):
        part.read(1)
    (tmp_path / "b.jpg").mkdir()
    with pytest.raises(OSError, match="directory") as caught:
        part.read(1)
    assert caught.value.errno == errno.EISDIR


def test_the_patience_is_the_same_however_many_threads_wait(tmp_path: Path) -> None:
    from generation.natural.folders import list_folder

    disk, away = tmp_path / "disk", tmp_path / "away"
    disk.mkdir()
    for number in range(8):
        (disk / f"{number}.jpg").write_bytes(bytes([number]))
    part = part_of(list_folder(disk), 0, 8, 3.0)
    for _ in range(2):
        # Away for half of the patience, twice: 8 threads have then waited 24 s together.
        disk.rename(away)
        returning = threading.Timer(1.5, lambda: away.rename(disk))
        returning.start()
        with ThreadPoolExecutor(8) as threads:
            assert list(threads.map(part.read, range(8))) == [bytes([n]) for n in range(8)]
        returning.join()


def test_a_disk_that_is_damaged_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from generation.natural.folders import list_folder

    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(b"x")
    part = part_of(list_folder(tmp_path), 0, 3, 0.9)

    def broken(place: object) -> bytes:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(part, "_read", broken)
    seconds = []
    for index in range(3):
        begun = time.monotonic()
        with pytest.raises(OSError, match="Input/output"):
            part.read(index)
        seconds.append(time.monotonic() - begun)
    assert seconds[0] >= 0.9
    assert max(seconds[1:]) < 0.5


def test_files_of_other_recordings_are_counted(network: Network, tmp_path: Path) -> None:
    files = RecordingFiles(tmp_path, KEY)
    (tmp_path / "note").write_text("x")
    files.shards.save(shard_of(network, Span(0, 2)))
    files.open_values(4, 2)
    record(network, small_pool(step=60), LAYERS, K, IMAGES, files=files)
    (tmp_path / f"fire2_1x1_30-{'b' * 16}.npz").write_bytes(b"x")
    assert files.foreign() == 0
    found = sorted(path.name for path in tmp_path.glob(f"*{'a' * 16}*"))
    assert [name.split("-")[0] for name in found] == ["checksums", "recording", "values"]
    assert RecordingFiles(tmp_path, "b" * 64).foreign() == 3
    RecordingFiles(tmp_path, "b" * 64).shards.save(shard_of(network, Span(0, 2)))
    assert files.foreign() == 1
    work = WorkFolder(tmp_path / "bank.h5")
    work.path.mkdir()
    for name in ("shard-" + "c" * 16 + "-0-2", "recording-" + "c" * 16, "2_all_1-" + "c" * 16):
        (work.path / f"{name}.npz").write_bytes(b"x")
    assert work.foreign([]) == 1
    assert work.foreign(["c" * 64]) == 0
