"""Folders of images, and listings of image files."""

from __future__ import annotations

import csv
import logging
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from generation.natural.sources import IMAGE_SUFFIXES, Credit, FileSource, name_bytes, printable
from house.errors import UserError
from house.files import safe_join

_log = logging.getLogger(__name__)

_ENCODING = "Save it as UTF-8 text."


def list_folder(root: Path, within: Path | None = None) -> FileSource:
    """List all images below a folder, in class folders (ImageNet's layout) or not.

    Files and folders whose names begin with a dot are passed over, and links that lead nowhere
    are logged and passed over.

    Parameters
    ----------
    root : Path
        The folder.
    within : Path, optional
        Another folder that links may lead into.

    Raises
    ------
    UserError
        If there is no image, a folder cannot be read, or a link leads out of both folders.
    """
    files: list[str] = []
    others = 0
    allowed = [root.resolve(), *([] if within is None else [within.resolve()])]
    for name in _walk(allowed, "", (allowed[0],)):
        if Path(name).suffix.lower() in IMAGE_SUFFIXES:
            files.append(name)
        else:
            others += 1
    if not files:
        raise UserError(
            "there is no image in this folder"
            + (f", only {others} other files" if others else ": it is empty"),
            where=str(root),
            remedy=f"Images end in {', '.join(sorted(IMAGE_SUFFIXES))}.",
        )
    return FileSource(root.resolve(), sorted(files, key=name_bytes), ignored=others)


def _walk(allowed: Sequence[Path], below: str, above: tuple[Path, ...]) -> Iterator[str]:
    """Give the files below a folder; `above` are the folders on the way there, without links."""
    root = allowed[0]
    folder = root / below
    try:
        with os.scandir(folder) as scan:
            entries = list(scan)
    except OSError as error:
        raise UserError(
            f"this folder cannot be read ({error.strerror})", where=str(folder)
        ) from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = f"{below}/{entry.name}" if below else entry.name
        target = above[-1] / entry.name
        if entry.is_symlink():
            found = _follow(allowed, path, above)
            if found is None:
                continue
            target = found
        if entry.is_dir():
            yield from _walk(allowed, path, (*above, target))
        elif entry.is_file():
            yield path


def _follow(allowed: Sequence[Path], path: str, above: tuple[Path, ...]) -> Path | None:
    """Give what a link leads to; None where that does not exist."""
    link = allowed[0] / path
    where = printable(str(link))
    try:
        target = link.resolve(strict=True)
    except (OSError, RuntimeError):
        _log.warning("%s is passed over: this link leads nowhere", where)
        return None
    if target in above:
        raise UserError(
            "this link leads back to a folder that it lies in",
            where=where,
            remedy="Remove it: its photographs would stand twice.",
        )
    if not any(folder in (target, *target.parents) for folder in allowed):
        raise UserError(
            "this link leads out of the folder of photographs",
            where=where,
            remedy="Name the folder that holds the files themselves, or, in natural.root of the "
            "recipe or by --dataset-root, a folder that links may lead into.",
        )
    return target


def read_listing(path: Path, within: Path | None = None) -> FileSource:
    """Read a listing of image files.

    Parameters
    ----------
    path : Path
        ``.tsv`` or ``.csv`` with a header that has the column ``file`` (or ``path``) and may have
        ``label``, ``licence`` and ``author``; any other file names one image a line. The order
        is the listing's.
    within : Path, optional
        The folder that the files lie in or below, and that their paths are relative to; by
        default the listing's own.

    Raises
    ------
    UserError
        If it cannot be read, a file is not there, leads out of the folder or stands twice.
    """
    root = (path.parent if within is None else within).resolve()
    files: list[str] = []
    credits: list[Credit] = []
    seen: dict[Path, int] = {}
    tabular = path.suffix.lower() in (".tsv", ".csv")
    for line, file, credit in _rows(path) if tabular else _lines(path):
        where = f"{path}, line {line}"
        try:
            joined = safe_join(root, file)
            there = joined.is_file()
        except (ValueError, OSError):
            there = False
        except UserError as error:
            raise UserError(error.problem, where=where, remedy=_INSIDE) from None
        if not there:
            raise UserError(f'there is no file "{printable(file)}"', where=where, remedy=_INSIDE)
        if joined in seen:
            raise UserError(
                f'"{printable(file)}" stands twice, in line {seen[joined]}, too',
                where=where,
                remedy="Remove one of the lines: a photograph must not be its own reference.",
            )
        seen[joined] = line
        files.append(Path(os.path.relpath(joined, root)).as_posix())
        credits.append(credit)
    if not files:
        raise UserError("this listing names no file", where=str(path))
    labelled = tabular and any(credits[i] != Credit() for i in range(len(credits)))
    return FileSource(root, files, credits=credits if labelled else None)


_INSIDE = (
    "Write paths relative to the listing's folder, in or below which the files must lie; for "
    "another folder name that in natural.root of the recipe, or by --dataset-root."
)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(
            "this is no listing of photographs: it is not UTF-8 text",
            where=str(path),
            remedy=_ENCODING,
        ) from error
    except OSError as error:
        raise UserError(f"it cannot be read ({error.strerror})", where=str(path)) from error


def _lines(path: Path) -> Iterator[tuple[int, str, Credit]]:
    # Not str.splitlines: it would also cut at rarer separators inside a name.
    for number, line in enumerate(_text(path).split("\n"), start=1):
        if file := line.rstrip("\r"):
            yield number, file, Credit()


def _rows(path: Path) -> Iterator[tuple[int, str, Credit]]:
    delimiter = "\t" if path.suffix.lower() == ".tsv" else ","
    reader = csv.DictReader(_text(path).splitlines(keepends=True), delimiter=delimiter)
    header = reader.fieldnames or []
    column = next((name for name in ("file", "path") if name in header), None)
    if column is None:
        raise UserError(
            'the listing has no column "file"',
            where=f"{path}, line 1",
            remedy=f"Its columns: {', '.join(header) or 'none'}.",
        )
    try:
        for row in reader:
            if not row[column]:
                raise UserError("no file is named", where=f"{path}, line {reader.line_num}")
            credit = Credit(*(row.get(key) or "" for key in ("label", "licence", "author")))
            yield reader.line_num, row[column], credit
    except csv.Error as error:
        raise UserError(
            f"the listing is damaged ({error})", where=f"{path}, line {reader.line_num}"
        ) from error
