"""The catalogue of texts that participants read, one TOML file a language."""

from __future__ import annotations

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
