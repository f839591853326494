"""A machine observer: what a perceptual similarity would answer in a bank's trials."""
