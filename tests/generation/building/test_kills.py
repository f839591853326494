"""Builds that are killed again and again end in the bank of one that was left in peace."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from stimuli import StimulusBank, verify_bank
from tests.generation.conftest import RECIPE, ROOT, run_terminated

PHOTOGRAPHS = 30
# A build whose network need not be looked at again at every start: that is not what is tested.
BUILD = """
import sys
import torch
from pathlib import Path
torch.set_num_threads(1)
import generation.building.order
from generation.recipe import load_recipe
from generation.reporting.terminal import TerminalReporter
generation.building.order.check_network = lambda network: None
print("ready", flush=True)
recipe, out = sys.argv[1:]
with TerminalReporter(quiet=True) as reporter:
    built = generation.building.order.build(*load_recipe(recipe), Path(out), reporter, workers=2)
print("built", built.content_sha256, flush=True)
"""


def start(recipe: Path, out: Path) -> subprocess.Popen[str]:
    """Start a build and wait until it has loaded what it needs."""
    process = subprocess.Popen(
        [sys.executable, "-c", BUILD, str(recipe), str(out)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def make_recipe(folder: Path, photographs: str, steps: int) -> Path:
    recipe = folder / "tiny.toml"
    text = RECIPE.format(steps=steps, photographs=photographs)
    # A checkpoint after every pass of few photographs: many moments between two of them.
    recipe.write_text(
        text.replace("[natural]", "[natural]\nimages_per_pass = 4\ncheckpoint_passes = 1"),
        encoding="utf-8",
    )
    return recipe


def fingerprint(bank: Path) -> dict[str, str]:
    """Checksums of all data sets, measured values included."""
    with StimulusBank(bank) as opened:
        names: list[str] = []
        opened.file.visititems(
            lambda name, item: names.append(name) if "sha256" in item.attrs else None
        )
        return {name: opened.file[name].attrs["sha256"] for name in names}


def recorded(work: Path) -> int:
    """Number of photographs that the checkpoint has seen."""
    for path in work.glob("recording*.npz"):
        with np.load(path) as arrays:
            return int(json.loads(str(arrays["progress"]))["done"])
    return 0


def kill_again_and_again(recipe: Path, folder: Path, kills: int, seed: int) -> dict[str, int]:
    """Kill builds at random moments until it was done `kills` times; compare every whole bank.

    Returns
    -------
    dict
        How many kills met which kind of work, and how many banks were finished.
    """
    whole = start(recipe, folder / "whole.h5")
    begun = time.monotonic()
    while recorded(folder / "whole.h5.work") < PHOTOGRAPHS and whole.poll() is None:
        time.sleep(0.01)
    recording = time.monotonic() - begun
    output, _ = whole.communicate(timeout=300)
    duration = time.monotonic() - begun
    assert whole.returncode == 0
    expected = fingerprint(folder / "whole.h5")
    rng = np.random.default_rng(seed)
    met = {"recording": 0, "synthesis": 0, "writing": 0, "finished": 0}
    out = folder / "killed.h5"
    work = folder / "killed.h5.work"
    killed = 0
    while killed < kills:
        # Shorter than the whole: what follows finds earlier work to go on with. The recording is
        # short, and yet to be met twice in every bank.
        early = recorded(work) < PHOTOGRAPHS and met["recording"] < 2 * (met["finished"] + 1)
        longest = 0.5 * recording if early else 0.6 * duration
        process = start(recipe, out)
        try:
            process.wait(timeout=float(rng.uniform(0, longest)))
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.wait(timeout=10)
            killed += 1
            units = len(list(work.glob("fire*.npz")))
            kind = "synthesis" if recorded(work) == PHOTOGRAPHS else "recording"
            met["writing" if units == 3 else kind] += 1
            assert not out.exists() or verify_bank(out).ok
            continue
        assert process.returncode == 0
        assert process.stdout is not None
        assert process.stdout.read() == output
        assert fingerprint(out) == expected
        assert sorted(path.name for path in folder.glob("*killed*")) == ["killed.h5"]
        out.unlink()
        met["finished"] += 1
    process = start(recipe, out)
    assert process.communicate(timeout=300)[0] == output
    assert fingerprint(out) == expected
    assert sorted(path.name for path in folder.glob("*killed*")) + sorted(
        path.name for path in folder.glob(".*killed*")
    ) == ["killed.h5"]
    return met


def test_killed_at_two_random_moments(tmp_path: Path, pool_folder: Path) -> None:
    recipe = make_recipe(tmp_path, pool_folder.as_posix(), steps=20)
    kill_again_and_again(recipe, tmp_path, 2, seed=1)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_twenty_random_moments_of_recording_and_synthesis(
    tmp_path: Path, pool_folder: Path
) -> None:
    recipe = make_recipe(tmp_path, pool_folder.as_posix(), steps=20)
    met = kill_again_and_again(recipe, tmp_path, 20, seed=0)
    print(met)
    assert met["recording"] >= 2
    assert met["synthesis"] >= 5


def test_killed_while_every_activation_is_kept_for_percentiles(
    tmp_path: Path, pool_folder: Path
) -> None:
    recipe = make_recipe(tmp_path, pool_folder.as_posix(), steps=1)
    text = recipe.read_text(encoding="utf-8").replace("checkpoint_passes = 1", "")
    recipe.write_text(
        text.replace("[natural]", "[natural]\nquery_percentile = 80.0\ncheckpoint_passes = 2"),
        encoding="utf-8",
    )
    whole = start(recipe, tmp_path / "whole.h5")
    output, _ = whole.communicate(timeout=300)
    out = tmp_path / "killed.h5"
    suicidal = BUILD.replace(
        "recipe, out = sys.argv[1:]",
        "import os\n"
        "from generation.natural.unfinished import Unfinished\n"
        "take = Unfinished.take\n"
        "def killed(self, images, *rest):\n"
        "    take(self, images, *rest)\n"
        "    images.last < 20 or os.kill(os.getpid(), 9)\n"
        "Unfinished.take = killed\n"
        "recipe, out = sys.argv[1:]",
    )
    died = subprocess.run(
        [sys.executable, "-c", suicidal, str(recipe), str(out)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        timeout=300,
        check=False,
    )
    assert died.returncode == -signal.SIGKILL
    # Four photographs a pass, two passes between checkpoints: the fifth pass is lost.
    assert recorded(tmp_path / "killed.h5.work") == 16
    again = start(recipe, out)
    assert again.communicate(timeout=300)[0] == output
    assert fingerprint(out) == fingerprint(tmp_path / "whole.h5")


def test_sigterm_stores_a_checkpoint_and_says_how_to_go_on(
    tmp_path: Path, pool_folder: Path
) -> None:
    recipe = make_recipe(tmp_path, pool_folder.as_posix(), steps=1)
    text = recipe.read_text(encoding="utf-8")
    recipe.write_text(text.replace("checkpoint_passes = 1", ""), encoding="utf-8")
    out = tmp_path / "bank.h5"
    ended = run_terminated("build", recipe, "--out", out)
    assert ended.returncode == 130, ended.stderr
    assert "Give the same command again, and it goes on where it stopped." in ended.stderr
    assert "Traceback" not in ended.stderr
    assert recorded(tmp_path / "bank.h5.work") == 12
    for bank in (out, tmp_path / "whole.h5"):
        assert start(recipe, bank).wait(timeout=300) == 0
    assert fingerprint(out) == fingerprint(tmp_path / "whole.h5")
