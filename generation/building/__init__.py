"""The order of work, who does it, and what is kept of it on the way to a bank."""
