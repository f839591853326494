"""Kinds of screen, one class each. Every screen declares its parameters and its data."""

from experiment.screens.base import Press, Responses, Screen, ScreenData, Wish, show_page
from experiment.screens.pages import (
    BlockPage,
    EndPage,
    InstructionsPage,
    KeysPage,
    LeavePage,
    PausePage,
    ScorePage,
    show_keys,
    show_pause,
)
from experiment.screens.trial import FeedbackScreen, TrialOutcome, TrialScreen, ask

__all__ = [
    "BlockPage",
    "EndPage",
    "FeedbackScreen",
    "InstructionsPage",
    "KeysPage",
    "LeavePage",
    "PausePage",
    "Press",
    "Responses",
    "ScorePage",
    "Screen",
    "ScreenData",
    "TrialOutcome",
    "TrialScreen",
    "Wish",
    "ask",
    "show_keys",
    "show_page",
    "show_pause",
]
