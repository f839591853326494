from __future__ import annotations

import subprocess
import sys

import pytest

# In a process of its own: what it sets, it sets for good.
_SCRIPT = """
import ctypes, resource, sys
from generation.synthesis.kept_memory import keep_freed_memory
if not hasattr(ctypes.CDLL(None), "gnu_get_libc_version"):
    sys.exit(3)
SIZE = 24 << 20
malloc, free = ctypes.CDLL(None).malloc, ctypes.CDLL(None).free
malloc.restype, free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
if sys.argv[1] == "keep":
    assert keep_freed_memory()
    assert keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        first, second = malloc(SIZE), malloc(SIZE)
        ctypes.memset(first, 1, SIZE)
        ctypes.memset(second, 1, SIZE)
        free(first)
        free(second)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="it is for Linux alone")
def test_freed_memory_is_not_cleared_again() -> None:
    found = {}
    for what in ("keep", "plain"):
        run = subprocess.run(
            [sys.executable, "-c", _SCRIPT, what], capture_output=True, text=True, check=False
        )
        if run.returncode == 3:
            pytest.skip("the C library is not glibc")
        assert run.returncode == 0, run.stderr
        found[what] = int(run.stdout)
    pages = 10 * 2 * (24 << 20) // 4096
    assert found["keep"] < pages / 20 < found["plain"]
