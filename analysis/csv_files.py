"""CSV files of others as text, and what their columns must hold; every complaint names the row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from house.errors import UserError


def read_csv(path: Path, columns: Iterable[str]) -> pd.DataFrame:
    """Read a CSV file as text and make sure that it has rows and the columns named.

    Raises
    ------
    UserError
        Naming the file, and the columns that are missing.
    """
    try:
        table = pd.read_csv(path, dtype=str, encoding="utf-8-sig", keep_default_na=False)
    except pd.errors.EmptyDataError:
        raise UserError("this file is empty", where=str(path)) from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"this file is not UTF-8 text (byte {error.start} does not fit)",
            where=str(path),
            remedy="Save it as CSV with UTF-8 encoding, or use the file as it was released.",
        ) from error
    except (pd.errors.ParserError, OSError) as error:
        raise UserError(f"this file cannot be read as CSV ({error})", where=str(path)) from error
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise UserError(
            f"the column{'s' if len(missing) > 1 else ''} {', '.join(missing)} "
            f"{'are' if len(missing) > 1 else 'is'} missing",
            where=str(path),
            remedy="Use the table as it was released; commas must separate its columns.",
        )
    if table.empty:
        raise UserError("this file has a heading but no rows", where=str(path))
    return pd.DataFrame({name: table[name].str.strip() for name in table.columns})


def check_levels(table: pd.DataFrame, levels: Mapping[str, set[str]], path: Path) -> None:
    """Refuse a value that its column cannot have."""
    for column, allowed in levels.items():
        unknown = sorted(set(table[column].unique()) - allowed)
        if unknown:
            raise UserError(
                f'column {column} holds "{unknown[0]}"',
                where=str(path),
                remedy=f"Known are {', '.join(sorted(allowed))}.",
            )


def make_numbers(table: pd.DataFrame, columns: Iterable[str], path: Path) -> None:
    """Turn columns of text into float in place, empty cells into NaN."""
    for column in columns:
        numbers = pd.to_numeric(table[column], errors="coerce").astype(float)
        wrong = numbers.isna() & ~table[column].isin(["", "nan", "NaN"])
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise UserError(
                f'column {column} holds "{table[column].iloc[row]}", which is not a number',
                where=f"{path}, row {row + 2}",
            )
        table[column] = numbers


def make_integers(table: pd.DataFrame, columns: Iterable[str], path: Path) -> None:
    """Turn columns of text into int in place; every cell must hold a whole number."""
    for column in columns:
        wrong = ~table[column].str.fullmatch(r"-?\d+(\.0*)?")
        if wrong.any():
            row = int(wrong.to_numpy().argmax())
            raise UserError(
                f'column {column} holds "{table[column].iloc[row]}", which is not a whole number',
                where=f"{path}, row {row + 2}",
            )
        table[column] = table[column].astype(float).astype(int)


def refuse_broken(table: pd.DataFrame, rules: Mapping[str, pd.Series[bool]], path: Path) -> None:
    """Refuse a table with rows that break a rule.

    Parameters
    ----------
    table : pandas.DataFrame
        As it lies in the file, so that row numbers are those of a spreadsheet.
    rules : mapping of str to Series of bool
        What is wrong, to the rows in which it is.
    """
    for problem, broken in rules.items():
        if broken.any():
            row = int(broken.to_numpy().argmax())
            raise UserError(
                problem,
                where=f"{path}, row {row + 2}",
                remedy=f"{int(broken.sum())} row(s) are like this; use the table as released.",
            )
