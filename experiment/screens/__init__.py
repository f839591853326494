"""Kinds of screen, one class each. Every screen declares its parameters and its data."""

from experiment.screens.base import Press, Responses, Screen, ScreenData, Wish, show_page
from experiment.screens.intuitiveness import IntuitivenessScreen, rate
from experiment.screens.keys import KeysPage, show_keys
from experiment.screens.pages import (
    BlockPage,
    ConsentPage,
    DebriefPage,
    EndPage,
    InstructionsPage,
    LeavePage,
    PausePage,
    ScorePage,
    show_pause,
)
from experiment.screens.trial import FeedbackScreen, TrialOutcome, TrialScreen, ask

__all__ = [
    "BlockPage",
    "ConsentPage",
    "DebriefPage",
    "EndPage",
    "FeedbackScreen",
    "InstructionsPage",
    "IntuitivenessScreen",
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
    "rate",
    "show_keys",
    "show_page",
    "show_pause",
]
