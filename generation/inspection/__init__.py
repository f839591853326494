"""Looking at a finished bank: its sheets, and its images measured again."""
