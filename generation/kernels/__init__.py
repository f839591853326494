"""Loops that torch has no fast function for on a processor, compiled by numba.

All work on arrays with their channels last, in float32 or, as the bits of an int16, in bfloat16,
and compute each image by itself, so that how many are taken together and by how many threads
changes nothing.
"""
