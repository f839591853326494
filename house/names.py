"""Names that people give and type: what may be one, nearest right ones, files against paths."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path

from house.errors import UserError

NAME = r"^[A-Za-z0-9][A-Za-z0-9._-]*$"
"""What names files, groups of them and parts of units' names: the same on every system."""

NAME_RULE = "Take letters, digits, dot, underscore and hyphen; begin with a letter or a digit."
"""The same for people."""


def is_name(text: str) -> bool:
    """Whether a text is such a name."""
    return re.fullmatch(NAME, text) is not None


def without_odd_characters(text: str) -> str:
    """Put a hyphen for each character that no name has."""
    return re.sub(r"[^A-Za-z0-9._-]", "-", text)


def nearest(word: str, candidates: Iterable[str]) -> str:
    """Say what was probably meant: ``Did you mean "x" or "y"?``, or nothing when nothing is near.

    Parameters
    ----------
    word : str
        What was typed.
    candidates : iterable of str
        The names that exist.
    """
    folded = {name.casefold(): name for name in candidates}
    close = difflib.get_close_matches(word.casefold(), folded, n=3, cutoff=0.6)
    if not close:
        return ""
    return "Did you mean " + " or ".join(f'"{folded[name]}"' for name in close) + "?"


def embedded_names(folder: Path, suffix: str) -> list[str]:
    """Names, without suffix, of the files that come with the package."""
    return sorted(path.name.removesuffix(suffix) for path in folder.glob(f"*{suffix}"))


def find_embedded(name_or_path: str, folder: Path, suffix: str, what: str) -> Path:
    """Find a file by the name of an embedded one or by path.

    Parameters
    ----------
    name_or_path : str
        A bare name such as ``demo``, or a path. Whatever holds a separator or ends in `suffix`
        is a path.
    folder : Path
        Where the embedded files lie.
    suffix : str
        Their ending, with the dot.
    what : str
        The word for such a file in messages, such as "recipe".

    Raises
    ------
    UserError
        If there is no such file; the message lists the embedded names and the nearest one.
    """
    is_path = "/" in name_or_path or "\\" in name_or_path or name_or_path.endswith(suffix)
    path = Path(name_or_path).expanduser() if is_path else folder / f"{name_or_path}{suffix}"
    if path.is_file():
        return path
    names = embedded_names(folder, suffix)
    if is_path:
        raise UserError(
            f"there is no such {what} file",
            where=str(path),
            remedy=f"Check the path, or name an embedded {what}: {', '.join(names)}.",
        )
    hint = nearest(name_or_path, names)
    raise UserError(
        f'there is no embedded {what} called "{name_or_path}"',
        remedy=f"{hint} Embedded: {', '.join(names)}; or give the path of a {suffix} file.".strip(),
    )
