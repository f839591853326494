"""What ran: versions, commit, machine. Recorded in banks, sessions and reports."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Iterable
from pathlib import Path


def software_versions(packages: Iterable[str]) -> dict[str, str]:
    """Versions of this package, Python and the named distributions; absent ones are left out."""
    versions = {"python": platform.python_version()}
    for name in ("exemplary-lab", *packages):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def git_commit() -> str | None:
    """Commit of the checkout that this code lies in, with ``+changes`` where it was edited.

    None outside a checkout or where git is not installed.
    """
    here = Path(__file__).resolve().parent.parent
    if not (here / ".git").exists():
        return None

    def git(*arguments: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(here), *arguments],
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        return done.stdout.strip()

    try:
        changes = git("status", "--porcelain", "--untracked-files=no")
        return git("rev-parse", "HEAD") + ("+changes" if changes else "")
    except (OSError, subprocess.SubprocessError):
        return None


def machine() -> dict[str, str]:
    """Operating system, processor and core count; no host name and no user name."""
    return {
        "system": platform.platform(),
        "processor": _processor() or platform.machine(),
        "architecture": platform.machine(),
        "cores": str(os.cpu_count() or 0),
    }


def _processor() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor()
