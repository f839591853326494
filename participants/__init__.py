"""The record of a session: plan, journal, trial table, metadata.

Written by `experiment`, read by `analysis`. Needs neither PsychoPy nor torch.
"""

from participants.columns import (
    CONDITIONS,
    MISSING,
    POSITIONS,
    RESULT_COLUMNS,
    SCHEMES,
    TRIAL_COLUMNS,
    TRIAL_TYPES,
    Column,
)
from participants.journal import EVENTS, Entry, Journal, read_journal
from participants.record import Plan, PlannedBlock, PlannedTrial, SessionInfo
from participants.session_folder import SessionFolder
from participants.store import DataFolder, write_published_session
from participants.table import SessionState, read_table, rows_from, state_of, write_table

__all__ = [
    "CONDITIONS",
    "EVENTS",
    "MISSING",
    "POSITIONS",
    "RESULT_COLUMNS",
    "SCHEMES",
    "TRIAL_COLUMNS",
    "TRIAL_TYPES",
    "Column",
    "DataFolder",
    "Entry",
    "Journal",
    "Plan",
    "PlannedBlock",
    "PlannedTrial",
    "SessionFolder",
    "SessionInfo",
    "SessionState",
    "read_journal",
    "read_table",
    "rows_from",
    "state_of",
    "write_published_session",
    "write_table",
]
