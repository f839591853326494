"""Sections that a report has only for some data: people beside a machine, several networks."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from analysis.design import Table
from analysis.style import Picture
from house.files import atomic_write_text

FILES = (
    "machine_units.csv", "machine_agreement.csv", "networks.csv", "networks_tests.csv",
)  # fmt: skip
"""Every CSV file that a section may write; those of an earlier report are cleared away."""


@dataclass(frozen=True)
class Section:
    """A part of the report, and the table that lies beside it.

    Attributes
    ----------
    key : str
        Its anchor, and the name of its CSV files.
    title : str
    lead : list of str
        Paragraphs before everything else.
    tables : list of (str, Table, str)
        Heading, table, and a note below it (or empty).
    pictures : list of Picture
    notes : list of str
        What a reader must know about these numbers.
    files : dict of str to pandas.DataFrame
        Name of a CSV file to what it holds.
    """

    key: str
    title: str
    lead: list[str] = field(default_factory=list)
    tables: list[tuple[str, Table, str]] = field(default_factory=list)
    pictures: list[Picture] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    files: dict[str, pd.DataFrame] = field(default_factory=dict)


def write_section_files(out: Path, sections: list[Section]) -> None:
    """Write the tables of all sections; those that an earlier report left behind go."""
    written = {name: table for section in sections for name, table in section.files.items()}
    for name in FILES:
        if name in written:
            text = str(written[name].to_csv(index=False, lineterminator="\n"))
            atomic_write_text(out / name, text)
        else:
            (out / name).unlink(missing_ok=True)
