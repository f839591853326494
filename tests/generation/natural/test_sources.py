from __future__ import annotations

import io
import logging
import os
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generation.natural.photographs import identify, open_pool
from generation.natural.settings import Natural
from generation.natural.sources import Source, listing_sha256, open_source, printable
from house.errors import UserError


def picture(shade: int) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (40, 40), (shade, shade, shade)).save(buffer, "PNG")
    return buffer.getvalue()


def write(folder: Path, *names: str) -> None:
    for shade, name in enumerate(names):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture(shade))


def names(source: Source) -> list[str]:
    return [source.name(index) for index in range(len(source))]


def labels(source: Source) -> list[str]:
    return [source.credit(index).label for index in range(len(source))]


def make_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return path


def test_class_folders_as_imagenets_are_listed_by_bytes_with_their_labels(tmp_path: Path) -> None:
    write(tmp_path, "n02/b.JPEG", "n01/z.jpg", "n01/Z.png", "n01/a/deep.webp")
    (tmp_path / "n01" / "readme.txt").write_text("no picture")
    (tmp_path / ".DS_Store").write_text("hidden")
    (tmp_path / "n01" / "._z.jpg").write_text("hidden, too")
    source = open_source(str(tmp_path))
    assert names(source) == ["n01/Z.png", "n01/a/deep.webp", "n01/z.jpg", "n02/b.JPEG"]
    assert labels(source) == ["n01", "n01", "n01", "n02"]
    assert source.ignored == 1
    assert source.read(3) == picture(0)
    assert source.size(3) == len(picture(0))


def test_a_flat_folder_has_no_labels(tmp_path: Path) -> None:
    write(tmp_path, "2.png", "10.png", "1.png")
    source = open_source(str(tmp_path))
    assert names(source) == ["1.png", "10.png", "2.png"]
    assert labels(source) == ["", "", ""]


@pytest.mark.skipif(sys.platform == "win32", reason="such names cannot exist there")
def test_odd_names_are_read_listed_and_shown_safely(tmp_path: Path) -> None:
    odd = [
        "a b.png",
        "line\nbreak.png",
        "tab\tand\rreturn.png",
        "émigré 日本 🐘.png",
        '"quoted", [bold]rich[/].png',
        "back\\slash.png",
        "-rf.png",
        "~home.png",
        "%s %d {0}.png",
        "UPPER.PNG",
    ]
    write(tmp_path, *odd)
    raw = os.fsencode(tmp_path) + b"/\xff\xfe.png"
    with open(raw, "wb") as file:  # noqa: PTH123
        file.write(picture(99))
    source = open_source(str(tmp_path))
    assert sorted(names(source)) == sorted([*odd, "\udcff\udcfe.png"])
    assert names(source) == sorted(names(source), key=os.fsencode)
    for index in range(len(source)):
        shown = printable(source.name(index))
        shown.encode("utf-8")
        assert "\n" not in shown
        assert source.read(index)[:4] == b"\x89PNG"
    assert printable("line\nbreak.png") == "line\\nbreak.png"
    assert printable("\udcff\udcfe.png") == "\\udcff\\udcfe.png"
    assert printable("a b 日本 back\\slash.png") == "a b 日本 back\\slash.png"


def test_a_line_break_in_a_name_cannot_imitate_another_listing(tmp_path: Path) -> None:
    size = len(picture(0))
    write(tmp_path / "one", "a.png", "b.png")
    write(tmp_path / "two", f"a.png {size}\n5:b.png")
    first, second = (
        listing_sha256(open_source(str(tmp_path / name)))[0] for name in ("one", "two")
    )
    assert first != second


def test_the_listing_changes_with_names_and_sizes_and_small_sets_with_any_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, "a.png", "b.png")
    before = identify(open_source(str(tmp_path)))
    assert identify(open_source(str(tmp_path))) == before
    data = bytearray((tmp_path / "b.png").read_bytes())
    data[-1] ^= 1
    (tmp_path / "b.png").write_bytes(bytes(data))
    after = identify(open_source(str(tmp_path)))
    assert after.listing_sha256 == before.listing_sha256
    assert after.contents != before.contents
    monkeypatch.setattr("generation.natural.photographs.READ_TWICE", 10)
    assert identify(open_source(str(tmp_path))).contents is None
    (tmp_path / "b.png").write_bytes(bytes(data) + b"x")
    assert identify(open_source(str(tmp_path))).listing_sha256 != before.listing_sha256


@pytest.mark.parametrize("text", ["", "no image here"])
def test_an_empty_folder_or_none_is_a_sentence(tmp_path: Path, text: str) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        open_source(str(tmp_path / "nowhere"))
    folder = tmp_path / "folder"
    folder.mkdir()
    if text:
        (folder / "notes.txt").write_text(text)
    with pytest.raises(UserError, match="only 1 other" if text else "it is empty"):
        open_source(str(folder))
    with pytest.raises(UserError, match="no image"):
        open_pool(Natural(photographs=str(folder)), 48)


def test_links_may_stay_inside_but_not_lead_out_or_round(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    write(folder, "a/1.png")
    write(tmp_path, "secret.png")
    (folder / "b").symlink_to(folder / "a")
    assert names(open_source(str(folder))) == ["a/1.png", "b/1.png"]
    (folder / "b").unlink()
    (folder / "a" / "back").symlink_to(folder / "a")
    with pytest.raises(UserError, match="leads back"):
        open_source(str(folder))
    (folder / "a" / "back").unlink()
    for target in (tmp_path / "secret.png", tmp_path):
        link = folder / "a" / "out.png"
        link.symlink_to(target)
        with pytest.raises(UserError, match="leads out"):
            open_source(str(folder))
        link.unlink()
    # The folder itself may be reached through a link.
    (tmp_path / "alias").symlink_to(folder)
    assert names(open_source(str(tmp_path / "alias"))) == ["a/1.png"]


def test_links_may_lead_into_a_root_and_go_round_there_neither(tmp_path: Path) -> None:
    data, folder = tmp_path / "data", tmp_path / "chosen"
    write(data / "all", "cat/1.png", "cat/2.png", "dog/3.png")
    folder.mkdir()
    (folder / "felis").symlink_to(data / "all" / "cat")
    (folder / "one.png").symlink_to(data / "all" / "dog" / "3.png")
    with pytest.raises(UserError, match=r"leads out.*natural\.root.*--dataset-root"):
        open_source(str(folder))
    source = open_source(str(folder), str(data))
    assert names(source) == ["felis/1.png", "felis/2.png", "one.png"]
    assert labels(source) == ["felis", "felis", ""]
    assert source.read(2) == (data / "all" / "dog" / "3.png").read_bytes()
    with pytest.raises(UserError, match="leads out"):
        open_source(str(folder), str(data / "all" / "cat"))
    # Out of the folder, and round there.
    (data / "all" / "cat" / "more").symlink_to(data / "all")
    with pytest.raises(UserError, match="leads back"):
        open_source(str(folder), str(data))
    with pytest.raises(UserError, match=r"no such folder for natural\.root"):
        open_source(str(folder), str(tmp_path / "nowhere"))


def test_links_that_lead_nowhere_are_passed_over_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path, "a/1.png")
    (tmp_path / "a" / "gone.png").symlink_to(tmp_path / "a" / "nowhere.png")
    (tmp_path / "itself.png").symlink_to(tmp_path / "itself.png")
    with caplog.at_level(logging.WARNING, "generation"):
        assert names(open_source(str(tmp_path))) == ["a/1.png"]
    assert [record.message.count("leads nowhere") for record in caplog.records] == [1, 1]
    assert "gone.png" in caplog.text


def test_a_listing_may_lie_elsewhere_than_its_files(tmp_path: Path) -> None:
    data, mine = tmp_path / "data", tmp_path / "mine"
    write(data, "x/b.png", "c.png")
    write(tmp_path, "out.png")
    mine.mkdir()
    listing = mine / "list.txt"
    listing.write_text(f"x/b.png\n{data / 'c.png'}\n", encoding="utf-8")
    with pytest.raises(UserError, match=r'no file "x/b\.png".*--dataset-root'):
        open_source(str(listing))
    source = open_source(str(listing), str(data))
    assert names(source) == ["x/b.png", "c.png"]
    assert labels(source) == ["x", ""]
    listing.write_text("../out.png\n", encoding="utf-8")
    with pytest.raises(UserError, match="leads out"):
        open_source(str(listing), str(data))


def test_how_a_place_is_written_does_not_tell_sets_apart_but_their_credits_do(
    tmp_path: Path,
) -> None:
    write(tmp_path, "1.png", "2.png")
    settings = [
        Natural(photographs=place, root=root, unreadable_limit=limit).determinants()
        for place, root, limit in (("a", None, 10), ("b", "/", 20))
    ]
    assert settings[0] == settings[1]
    assert Natural(shortest_side=2).determinants() != settings[0]
    table = tmp_path / "list.csv"
    identities = []
    for label in ("cat", "dog"):
        table.write_text(f"file,label\n1.png,cat\n2.png,{label}\n", encoding="utf-8")
        identities.append(identify(open_source(str(table))))
    assert identities[0].listing_sha256 == identities[1].listing_sha256
    assert identities[0].credits_sha256 != identities[1].credits_sha256


def test_a_plain_listing_keeps_its_own_order(tmp_path: Path) -> None:
    write(tmp_path, "x/b.png", "a c.png", "never.png")
    listing = tmp_path / "list.txt"
    listing.write_text("x/b.png\r\na c.png\n\n", encoding="utf-8")
    source = open_source(str(listing))
    assert names(source) == ["x/b.png", "a c.png"]
    assert source.read(0) == picture(0)
    assert labels(source) == ["x", ""]
    absolute = tmp_path / "absolute.txt"
    absolute.write_text(str(tmp_path / "a c.png"), encoding="utf-8")
    assert names(open_source(str(absolute))) == ["a c.png"]


def test_a_table_brings_labels_and_credits(tmp_path: Path) -> None:
    write(tmp_path, "1.png", 'a "b", c.png')
    table = tmp_path / "list.csv"
    table.write_text(
        '\ufefflabel,path,author\ncat,1.png,Me\n,"a ""b"", c.png",\n', encoding="utf-8"
    )
    source = open_source(str(table))
    assert names(source) == ["1.png", 'a "b", c.png']
    assert labels(source) == ["cat", ""]
    assert source.credit(0).author == "Me"
    (tmp_path / "list.tsv").write_text("file\tlicence\n1.png\tCC0\n", encoding="utf-8")
    assert open_source(str(tmp_path / "list.tsv")).credit(0).licence == "CC0"


@pytest.mark.parametrize(
    ("name", "text", "message", "line"),
    [
        ("l.txt", "1.png\n../out.png\n", "leads out", 2),
        ("l.txt", "/etc/passwd\n", "leads out", 1),
        ("l.txt", "1.png\n2.png\n", 'no file "2.png"', 2),
        ("l.txt", "1.png\nsub/../1.png\n", "stands twice, in line 1", 2),
        ("l.txt", "1.png\0\n", "no file", 1),
        ("l.txt", "\n\n", "names no file", None),
        ("l.tsv", "name\tlabel\n1.png\tcat\n", 'no column "file"', 1),
        ("l.csv", "file,label\n,cat\n", "no file is named", 2),
        ("l.csv", "file,label\n1.png,cat\n1.png,dog\n", "stands twice", 3),
        ("l.csv", "", 'no column "file"', 1),
    ],
)
def test_a_wrong_listing_names_its_line(
    tmp_path: Path, name: str, text: str, message: str, line: int | None
) -> None:
    folder = tmp_path / "folder"
    (folder / "sub").mkdir(parents=True)
    write(folder, "1.png")
    write(tmp_path, "out.png")
    (folder / name).write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=message) as caught:
        open_source(str(folder / name))
    if line is not None:
        assert f"line {line}" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("1.png", "this is one image.*Name the folder that it lies in"),
        ("val.tar.gz", "this is a packed archive.*Unpack it"),
        ("val.ZIP", "this is a packed archive.*Unpack it"),
        ("list", "no listing of photographs: it is not UTF-8 text"),
    ],
)
def test_what_is_no_listing_is_called_what_it_is(tmp_path: Path, name: str, message: str) -> None:
    write(tmp_path, name)
    with pytest.raises(UserError, match=message):
        open_source(str(tmp_path / name))


def test_shards_are_read_in_place_whatever_members_are_called(tmp_path: Path) -> None:
    first = {
        "b.jpg": picture(1),
        "b.cls": b"207",
        "a.png": picture(2),
        "../../etc/x.png": picture(3),
    }
    make_tar(tmp_path / "s-001.tar", first)
    make_tar(
        tmp_path / "s-000.tar", {"d/k.seg.png": picture(4), "d/k.json": b"{}", "/abs.gif": b"?"}
    )
    source = open_source(str(tmp_path))
    assert names(source) == [
        "s-000.tar/d/k.seg.png",
        "s-000.tar//abs.gif",
        "s-001.tar/b.jpg",
        "s-001.tar/a.png",
        "s-001.tar/../../etc/x.png",
    ]
    assert labels(source) == ["", "", "207", "", ""]
    assert source.ignored == 1
    assert [source.read(index) for index in (4, 0, 3, 2)] == [picture(s) for s in (3, 4, 2, 1)]
    assert not list(tmp_path.parent.glob("etc"))
    pattern = open_source(str(tmp_path / "s-{000..001}.tar"))
    assert names(pattern) == names(source)
    assert names(open_source(str(tmp_path / "s-*1.tar"))) == names(source)[2:]
    assert names(open_source(str(tmp_path / "s-001.tar"))) == names(source)[2:]
    with pytest.raises(UserError, match="a shard is missing"):
        open_source(str(tmp_path / "s-{000..002}.tar"))
    with pytest.raises(UserError, match="no shard"):
        open_source(str(tmp_path / "t-*.tar"))


def test_damaged_compressed_and_empty_shards_are_sentences(tmp_path: Path) -> None:
    whole = make_tar(tmp_path / "whole.tar", {"a.png": picture(0), "b.png": picture(1)})
    cut = tmp_path / "cut" / "cut.tar"
    cut.parent.mkdir()
    cut.write_bytes(whole.read_bytes()[: 512 + 20])
    with pytest.raises(UserError, match="damaged"):
        open_source(str(cut))
    packed = tmp_path / "packed" / "packed.tar"
    packed.parent.mkdir()
    with tarfile.open(packed, "w:gz") as archive:
        archive.add(whole, "whole")
    with pytest.raises(UserError, match="compressed"):
        open_source(str(packed))
    make_tar(tmp_path / "none.tar", {"a.txt": b"7"})
    with pytest.raises(UserError, match="no image"):
        open_source(str(tmp_path / "none.tar"))


def test_a_pool_is_the_same_from_a_folder_a_listing_and_shards(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    files = {f"{i:02d}.png": b"" for i in range(13)}
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in files:
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, (50, 40, 3), dtype=np.uint8)).save(buffer, "PNG")
        files[name] = buffer.getvalue()
        (folder / name).write_bytes(files[name])
    (folder / "list.txt").write_text("\n".join(files), encoding="utf-8")
    make_tar(tmp_path / "all.tar", files)
    settings = {"resize": 40, "batches": 2, "positions": 3}
    stacks = []
    for place in (folder, folder / "list.txt", tmp_path / "all.tar"):
        for workers in (0, 3):
            pool = open_pool(Natural(photographs=str(place), **settings), 32, workers)
            stacks.append(np.concatenate([images.pixels for images in pool.passes(4)]))
    for other in stacks[1:]:
        np.testing.assert_array_equal(other, stacks[0])
