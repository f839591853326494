"""The pool of natural photographs, each with its author and licence.

The pool that comes with the project lies beside this file. A laboratory that prefers its own
pictures points `load_photographs` at a folder of the same layout: a table `attribution.tsv` and
the files it names.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from house.errors import UserError
from house.files import safe_join

#: The folder of the embedded pool.
PHOTOGRAPHS = Path(__file__).resolve().parent

#: The table that every pool carries: tab-separated UTF-8 without quoting, one header line.
TABLE = "attribution.tsv"

#: Columns that a table must have, in any order, among whatever others it has.
COLUMNS = ("file", "title", "author", "licence", "label")

_LAYOUT = (
    "A pool is a folder with a tab-separated table "
    f"{TABLE} (columns {', '.join(COLUMNS)}) and the files it names."
)


@dataclass(frozen=True)
class Photograph:
    """One photograph of a pool.

    Attributes
    ----------
    path : Path
        The image file.
    name : str
        The file's name without folder and suffix; unique within its pool.
    title : str
        The title its source gives it, or a description.
    author : str
        Whom to credit.
    licence : str
        SPDX-like identifier, e.g. ``CC-BY-SA-4.0`` or ``public-domain``.
    label : str
        ImageNet-1k class name where a person found it beyond doubt, else an empty string.
    """

    path: Path
    name: str
    title: str
    author: str
    licence: str
    label: str


def load_photographs(folder: Path | None = None) -> tuple[Photograph, ...]:
    """List the photographs of a pool without opening them.

    Parameters
    ----------
    folder : Path, optional
        A folder with a table ``attribution.tsv``; the embedded pool by default.

    Returns
    -------
    tuple of Photograph
        Sorted by name.

    Raises
    ------
    UserError
        If the table is missing, unreadable or incomplete, names a file that is not there or
        lies outside the folder, or names two files alike.
    """
    root = PHOTOGRAPHS if folder is None else Path(folder)
    table = root / TABLE
    photographs: dict[str, Photograph] = {}
    for line, row in _read_table(table):
        where = f"{table}, line {line}"
        for column in ("file", "author", "licence"):
            if not row[column]:
                raise UserError(
                    f"the column {column!r} is empty",
                    where=where,
                    remedy="Credit every photograph: author and licence must not be left out.",
                )
        path = safe_join(root, row["file"])
        if not path.is_file():
            raise UserError(
                f"the photograph {row['file']!r} is not there",
                where=where,
                remedy="Restore the file or remove its line from the table.",
            )
        if path.stem in photographs:
            raise UserError(
                f"two photographs are named {path.stem!r}",
                where=where,
                remedy="Names must differ by more than folder and suffix.",
            )
        photographs[path.stem] = Photograph(
            path=path,
            name=path.stem,
            title=row["title"],
            author=row["author"],
            licence=row["licence"],
            label=row["label"],
        )
    if not photographs:
        raise UserError("the table names no photograph", where=str(table), remedy=_LAYOUT)
    return tuple(photographs[name] for name in sorted(photographs))


def _read_table(table: Path) -> list[tuple[int, dict[str, str]]]:
    """Read the rows with their line numbers (1-based), every required column present."""
    try:
        text = table.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise UserError(
            "there is no table of photographs here", where=str(table), remedy=_LAYOUT
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else str(error)
        raise UserError(
            f"the table of photographs cannot be read ({reason})",
            where=str(table),
            remedy="Save it as tab-separated text in UTF-8.",
        ) from error
    # Not str.splitlines: it would also cut at rarer separators inside a title.
    lines = [line.rstrip("\r") for line in text.split("\n")]
    header = [name.strip() for name in lines[0].split("\t")]
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise UserError(
            f"the table of photographs lacks the column {missing[0]!r}",
            where=f"{table}, line 1",
            remedy=_LAYOUT,
        )
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        if len(cells) != len(header):
            raise UserError(
                f"there are {len(cells)} cells where the header has {len(header)}",
                where=f"{table}, line {number}",
                remedy="Separate cells by single tabs; two tabs in a row leave a cell empty.",
            )
        rows.append((number, dict(zip(header, cells, strict=True))))
    return rows
