"""Configuration in TOML, checked by a pydantic model, with errors that name file and key."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from house.errors import UserError
from house.names import nearest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

Model = TypeVar("Model", bound=BaseModel)

_LONGEST = 80
"""Characters of a wrong value that are shown."""
_MOST = 20
"""Wrong keys that are told."""


def read_toml(path: Path, what: str) -> dict[str, Any]:
    """Read a TOML file.

    Raises
    ------
    UserError
        If the file is missing, unreadable or not TOML; the message names the line.
    """
    try:
        return parse_toml(Path(path).read_text(encoding="utf-8"), what, str(path))
    except FileNotFoundError:
        raise UserError(f"there is no such {what} file", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise UserError(f"this {what} is not valid TOML: {error}", where=str(path)) from error
    except OSError as error:
        raise UserError(f"cannot read this {what} ({error.strerror})", where=str(path)) from error


def parse_toml(text: str, what: str, where: str) -> dict[str, Any]:
    """Read TOML from a text that came from `where`.

    Raises
    ------
    UserError
        If it is not TOML; the message names the line.
    """
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"this {what} is not valid TOML: {error}", where=where) from error


def validate(model: type[Model], data: Any, where: str) -> Model:
    """Check `data` against a pydantic model.

    Parameters
    ----------
    model : type
        A pydantic model with ``extra="forbid"``.
    data : dict
        What was read.
    where : str
        The file's name, for messages.

    Raises
    ------
    UserError
        One message for all that is wrong, a line a key: the key's full name, what is allowed,
        what was found, and the nearest right key for an unknown one.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        problems = [_describe(model, detail) for detail in error.errors()]
    if len(problems) == 1:
        raise UserError(problems[0], where=where)
    listing = "".join(f"\n  - {problem}" for problem in problems[:_MOST])
    if len(problems) > _MOST:
        listing += f"\n  and {len(problems) - _MOST} more"
    raise UserError(f"{len(problems)} things are wrong:{listing}", where=where)


def _describe(model: type[BaseModel], detail: ErrorDetails) -> str:
    # Tags of discriminated unions appear in the location but are no keys of the file.
    key = ".".join(str(part) for part in detail["loc"]) or "the file"
    if detail["type"] == "extra_forbidden":
        siblings = _siblings(model, detail["loc"])
        allowed = f"; allowed here: {', '.join(siblings)}" if siblings else ""
        hint = nearest(str(detail["loc"][-1]), siblings)
        return f"unknown key `{key}`{allowed}{'. ' + hint if hint else ''}"
    if detail["type"] == "missing":
        return f"the key `{key}` is missing"
    message = detail["msg"].removeprefix("Value error, ").removeprefix("Input ")
    # Of what is wrong with a whole table the message tells; to repeat all of it would hide that.
    whole = isinstance(detail["input"], dict) and (
        not detail["loc"] or detail["type"] == "value_error"
    )
    found = "" if whole else f", found {_shortened(repr(detail['input']))}"
    return f"`{key}` {message[0].lower()}{message[1:]}{found}"


def _shortened(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"


def _siblings(model: type[BaseModel], location: tuple[int | str, ...]) -> list[str]:
    """List the keys that are allowed where the unknown one stood."""
    current: Any = model
    for part in location[:-1]:
        if isinstance(part, int):
            continue
        fields = getattr(current, "model_fields", {})
        if part not in fields:
            return []
        current = _model_within(fields[part].annotation)
        if current is None:
            return []
    return sorted(getattr(current, "model_fields", {}))


def _model_within(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for argument in getattr(annotation, "__args__", ()):
        found = _model_within(argument)
        if found is not None:
            return found
    return None
