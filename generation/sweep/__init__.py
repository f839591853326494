"""One bank for each of several networks, and one of all."""
