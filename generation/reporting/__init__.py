"""Telling people how far the work is, and how long it will take."""
