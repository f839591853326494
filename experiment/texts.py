"""The catalogue of texts that participants read, one TOML file a language."""

from __future__ import annotations

import string
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from house.errors import UserError
from house.names import embedded_names, nearest
from house.tables import read_toml

TEXTS = Path(__file__).parent / "texts"


class Catalogue:
    """Texts of one language by dotted name.

    Parameters
    ----------
    language : str
        Such as "en".
    entries : dict
        Name to text; ``{placeholders}`` are filled by `text`.
    """

    def __init__(self, language: str, entries: dict[str, str]) -> None:
        self.language = language
        self.entries = entries

    def text(self, name: str, /, **values: object) -> str:
        """Give a text with its placeholders filled.

        Raises
        ------
        UserError
            If the catalogue lacks the text.
        """
        try:
            return self.entries[name].format(**values)
        except KeyError as error:
            raise UserError(
                f"the catalogue lacks {error}", where=f"texts/{self.language}.toml: {name}"
            ) from error

    def with_texts(self, overrides: Mapping[str, str]) -> Catalogue:
        """Give the catalogue with some texts replaced, as a protocol's `[texts]` does."""
        if not overrides:
            return self
        own = {name: text.strip() for name, text in overrides.items()}
        return Catalogue(self.language, {**self.entries, **own})


def placeholders(text: str) -> set[str]:
    """Name the ``{placeholders}`` of a text.

    Raises
    ------
    ValueError
        If a brace has no partner.
    """
    return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}


def override_problem(language: str, overrides: Mapping[str, str]) -> str | None:
    """Say what is wrong with texts that a protocol replaces; None where nothing is."""
    if not overrides:
        return None
    entries = load_texts(language).entries
    for name, text in overrides.items():
        if name not in entries:
            return f"`texts` has no text `{name}` to replace. {nearest(name, entries)}".strip()
        try:
            unknown = placeholders(text) - placeholders(entries[name])
        except ValueError as error:
            return f"`texts.{name}` cannot be filled ({error}); write {{{{ for a brace"
        if unknown:
            known = ", ".join(sorted(placeholders(entries[name]))) or "none"
            return f"`texts.{name}` holds {{{unknown.pop()}}}; there it may hold: {known}"
    return None


@lru_cache
def load_texts(language: str) -> Catalogue:
    """Read the catalogue of a language.

    Raises
    ------
    UserError
        If there is none for it.
    """
    languages = embedded_names(TEXTS, ".toml")
    if language not in languages:
        raise UserError(
            f'there are no texts in the language "{language}"',
            where="language",
            remedy=f"{nearest(language, languages)} There are: {', '.join(languages)}.".strip(),
        )
    entries: dict[str, str] = {}
    for section, texts in read_toml(TEXTS / f"{language}.toml", "text catalogue").items():
        entries.update({f"{section}.{name}": str(text).strip() for name, text in texts.items()})
    return Catalogue(language, entries)
