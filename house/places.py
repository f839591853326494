"""Where banks, sessions and reports lie when nobody says otherwise."""

from __future__ import annotations

from pathlib import Path

import platformdirs

_HERE = Path(__file__).resolve().parent.parent


def _root() -> Path:
    """Give the checkout when this runs from one, else the user's data folder."""
    if (_HERE / "pyproject.toml").is_file() and (_HERE / "stimuli").is_dir():
        return _HERE
    return Path(platformdirs.user_data_dir("exemplary-lab", appauthor=False))


def banks_directory() -> Path:
    """Folder of stimulus banks: `stimuli/banks` of the checkout, or in the user's data folder."""
    return _root() / "stimuli" / "banks"


def sessions_directory() -> Path:
    """Folder of recorded data sets: `participants/data` of the checkout, or the user's."""
    return _root() / "participants" / "data"


def reports_directory() -> Path:
    """Folder of reports: `reports` of the checkout, or in the user's data folder."""
    return _root() / "reports"


def embedded_protocols() -> Path:
    """Folder of the protocols that come with the package: text, which every room may read."""
    return _HERE / "experiment" / "protocols"
