"""Photographs: where they come from, what the network makes of them, how they are dealt."""
