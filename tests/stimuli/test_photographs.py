"""The embedded pool is whole, credited and free of repeats; damaged pools are told apart."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from PIL import Image

from house.errors import UserError
from stimuli.photographs import COLUMNS, PHOTOGRAPHS, TABLE, load_photographs

CLASSES = Path(__file__).parents[2] / "generation" / "weights" / "imagenet_classes.txt"
LICENCES = {
    "public-domain",
    "CC0-1.0",
    "CC-BY-2.0",
    "CC-BY-2.5",
    "CC-BY-3.0",
    "CC-BY-4.0",
    "CC-BY-SA-2.0",
    "CC-BY-SA-2.0-DE",
    "CC-BY-SA-2.5",
    "CC-BY-SA-3.0",
    "CC-BY-SA-4.0",
    "GPL-2.0-only",
    "GPL-2.0-or-later",
    "GFDL-1.1-or-later",
    "GFDL-1.2-only",
}


def table() -> list[dict[str, str]]:
    lines = (PHOTOGRAPHS / TABLE).read_text(encoding="utf-8").split("\n")
    header = lines[0].split("\t")
    return [dict(zip(header, line.split("\t"), strict=True)) for line in lines[1:] if line]


def difference_hash(image: Image.Image) -> int:
    """256 bits: is a pixel of the 17 x 16 grey miniature brighter than its left neighbour?"""
    grey = image.convert("L").resize((17, 16), Image.Resampling.BICUBIC)
    pixels = grey.tobytes()
    bits = 0
    for row in range(16):
        for column in range(16):
            bits = bits << 1 | (pixels[row * 17 + column + 1] > pixels[row * 17 + column])
    return bits


def test_there_are_enough_photographs_for_a_bank() -> None:
    assert len(load_photographs()) >= 400


def test_table_and_folder_name_the_same_files() -> None:
    named = sorted(row["file"] for row in table())
    present = sorted(
        path.relative_to(PHOTOGRAPHS).as_posix() for path in (PHOTOGRAPHS / "images").iterdir()
    )
    assert named == present
    assert len(named) == len(set(named))


def test_every_file_has_the_bytes_that_the_table_records() -> None:
    for row in table():
        digest = hashlib.sha256((PHOTOGRAPHS / row["file"]).read_bytes()).hexdigest()
        assert digest == row["sha256"], row["file"]


def test_every_photograph_decodes_as_rgb_of_256_pixels() -> None:
    for photograph in load_photographs():
        with Image.open(photograph.path) as image:
            image.load()
            assert (image.mode, image.size) == ("RGB", (256, 256)), photograph.name


def test_every_photograph_is_credited() -> None:
    for row in table():
        assert row["author"], row["file"]
        assert row["title"], row["file"]
        assert row["licence"] in LICENCES, row["file"]
        assert (PHOTOGRAPHS / row["notice"]).is_file(), row["file"]
        url = row["licence_url"]
        assert url.startswith("https://") or (PHOTOGRAPHS / url).is_file(), row["file"]
        assert int(row["width"]) > 0, row["file"]
        assert int(row["height"]) > 0, row["file"]


def test_names_are_portable() -> None:
    allowed = set("abcdefghijklmnopqrstuvwxyz0123456789-")
    for photograph in load_photographs():
        assert set(photograph.name) <= allowed, photograph.name
        assert len(photograph.path.name) <= 60, photograph.name


def test_labels_are_imagenet_classes_and_cover_many() -> None:
    known = CLASSES.read_text(encoding="utf-8").splitlines()
    labels = [photograph.label for photograph in load_photographs() if photograph.label]
    assert set(labels) <= set(known)
    # A name that two classes share (crane, maillot) could not tell which one is meant.
    assert all(known.count(label) == 1 for label in labels)
    assert len(labels) >= 60
    assert len(set(labels)) >= 50


def test_no_two_photographs_are_near_identical_or_mirrored() -> None:
    hashes: list[tuple[str, int, int]] = []
    for photograph in load_photographs():
        with Image.open(photograph.path) as image:
            mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            hashes.append((photograph.name, difference_hash(image), difference_hash(mirrored)))
    for position, (name, bits, _) in enumerate(hashes):
        for other, plain, mirrored_bits in hashes[:position]:
            nearest = min(bin(bits ^ plain).count("1"), bin(bits ^ mirrored_bits).count("1"))
            assert nearest > 20, f"{name} repeats {other} ({nearest} of 256 bits differ)"


def test_the_repeat_check_sees_a_recompressed_mirrored_copy(tmp_path: Path) -> None:
    with Image.open(load_photographs()[0].path) as image:
        bits = difference_hash(image)
        mirrored = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        mirrored.save(tmp_path / "copy.jpg", quality=60)
    with Image.open(tmp_path / "copy.jpg") as copy:
        back = difference_hash(copy.transpose(Image.Transpose.FLIP_LEFT_RIGHT))
        assert bin(bits ^ back).count("1") <= 20
        assert bin(bits ^ difference_hash(copy)).count("1") > 20


def test_photographs_come_sorted_by_unique_name() -> None:
    names = [photograph.name for photograph in load_photographs()]
    assert names == sorted(set(names))


def own_pool(root: Path, rows: list[str], header: str = "\t".join(COLUMNS)) -> Path:
    for name in ("b.jpg", "a.png"):
        Image.new("RGB", (8, 8)).save(root / name)
    (root / TABLE).write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return root


GOOD = ["b.jpg\tA bee\tÉmile\tCC0-1.0\tbee", "a.png\tAn ant\tAnn\tCC-BY-4.0\t"]


def test_a_laboratory_can_bring_its_own_folder(tmp_path: Path) -> None:
    ant, bee = load_photographs(own_pool(tmp_path, GOOD))
    assert (ant.name, ant.title, ant.label) == ("a", "An ant", "")
    assert (bee.name, bee.author, bee.licence, bee.label) == ("b", "Émile", "CC0-1.0", "bee")
    assert bee.path == (tmp_path / "b.jpg").resolve()


def test_tables_saved_by_windows_programs_are_read(tmp_path: Path) -> None:
    own_pool(tmp_path, GOOD)
    text = (tmp_path / TABLE).read_text(encoding="utf-8")
    (tmp_path / TABLE).write_bytes(text.replace("\n", "\r\n").encode("utf-8-sig"))
    assert [photograph.name for photograph in load_photographs(tmp_path)] == ["a", "b"]


def test_a_missing_table_is_explained(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no table of photographs.*attribution\.tsv"):
        load_photographs(tmp_path)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("c.jpg\tC\tAnn\tCC0-1.0\t", r"line 3: the photograph 'c\.jpg' is not there"),
        ("a.png\tA\t\tCC0-1.0\t", r"line 3: the column 'author' is empty"),
        ("a.png\tA\tAnn\t\t", r"line 3: the column 'licence' is empty"),
        ("a.png\tA\tAnn\tCC0-1.0", r"line 3: there are 4 cells where the header has 5"),
        ("b.jpg\tB\tAnn\tCC0-1.0\t", r"line 3: two photographs are named 'b'"),
        ("../a.png\tA\tAnn\tCC0-1.0\t", r"leads out of its folder"),
    ],
)
def test_a_damaged_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_photographs(own_pool(tmp_path, [GOOD[0], row]))


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="lacks the column 'licence'"):
        load_photographs(own_pool(tmp_path, ["a.png\tAnn"], header="file\tauthor\ttitle\tlabel"))


def test_a_table_without_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="names no photograph"):
        load_photographs(own_pool(tmp_path, []))


def test_a_table_in_another_encoding_is_explained(tmp_path: Path) -> None:
    own_pool(tmp_path, GOOD)
    text = (tmp_path / TABLE).read_text(encoding="utf-8")
    (tmp_path / TABLE).write_bytes(text.encode("latin-1"))
    with pytest.raises(UserError, match="not UTF-8"):
        load_photographs(tmp_path)
