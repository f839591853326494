from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from analysis.analyse import Results, analyse
from analysis.load import Dataset, load
from analysis.measures import with_codes
from analysis.published import import_published
from tests.analysis.builders import session_rows

VARIABLE = "BOROWSKI2021_DATA"


@pytest.fixture(scope="session")
def published_source() -> Path:
    """Folder with the released CSV files; skipped, saying so, where it is not given."""
    place = os.environ.get(VARIABLE)
    if not place:
        pytest.skip(f"{VARIABLE} does not name the folder with the released CSV files")
    return Path(place)


@pytest.fixture(scope="session")
def published_folder(published_source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("published") / "data"
    import_published(published_source, out)
    return out


@pytest.fixture(scope="session")
def published(published_folder: Path) -> Dataset:
    return load(published_folder)


@pytest.fixture(scope="session")
def published_results(published: Dataset) -> Results:
    (results,) = analyse(published)
    return results


@pytest.fixture
def trials() -> pd.DataFrame:
    """Trials of six participants as `load` gives them."""
    return table_of(6)


def table_of(participants: int, **options: object) -> pd.DataFrame:
    random = np.random.default_rng(5)
    rows = [
        row
        for participant in range(1, participants + 1)
        for row in session_rows(participant, random, **options)  # type: ignore[arg-type]
    ]
    table = pd.DataFrame(rows).assign(experiment="demo", kind="human", expertise=None)
    for name in ("rating", "repeated_of"):
        table[name] = np.nan
    return with_codes(table.astype({"correct": "boolean", "confidence": "Int64"}))
