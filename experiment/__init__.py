"""The experiment: a bank, a protocol and a participant become a recorded session."""
