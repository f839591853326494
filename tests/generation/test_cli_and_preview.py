from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.generation.conftest import run_generation


def test_build_verify_preview_as_a_user_would(recipe_file: Path, tmp_path: Path) -> None:
    out = tmp_path / "bank.h5"
    built = run_generation("build", recipe_file, "--out", out)
    assert built.returncode == 0, built.stderr
    checksum = re.search(r"content sha256: ([0-9a-f]{64})", built.stdout)
    assert checksum
    assert "fire2:1x1:30: synthetic" in built.stderr
    verified = run_generation("verify", out)
    assert verified.returncode == 0, verified.stderr
    assert checksum[0] in verified.stdout
    assert "24 images measured again, 0 differ" in verified.stdout
    folder = tmp_path / "sheets"
    shown = run_generation("preview", out, "--out", folder)
    assert shown.returncode == 0, shown.stderr
    page = (folder / "index.html").read_text(encoding="utf-8")
    for file in re.findall(r'src="([^"]+)"', page):
        with Image.open(folder / file) as image:
            assert image.width > 800
            # Pictures and text, not a blank sheet.
            assert np.asarray(image.convert("L")).std() > 20
    assert page.count('class="card"') == 3
    assert len(list(folder.glob("*.png"))) == 3
    assert (folder / "overview.jpg").stat().st_size < 600_000
    quiet = run_generation("build", recipe_file, "--out", out, "--quiet")
    assert quiet.stderr == ""
    assert "there already" in quiet.stdout
    blob = bytearray(out.read_bytes())
    blob[len(blob) // 2] ^= 0xFF
    out.write_bytes(blob)
    damaged = run_generation("verify", out)
    assert damaged.returncode == 1
    assert "checksum" in damaged.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "no-such-recipe"], "Embedded: "),
        (["verify", "/nowhere/bank.h5"], "no such stimulus bank"),
        (["preview", "/nowhere/bank.h5"], "no such stimulus bank"),
        (["units", "--network", "squeezenet"], "squeezenet1_1"),
    ],
)
def test_bad_input_is_answered_with_a_sentence(arguments: list[str], message: str) -> None:
    done = run_generation(*arguments)
    assert done.returncode == 2
    assert done.stderr.startswith("error: ")
    assert message in done.stderr
    assert "Traceback" not in done.stderr + done.stdout


def test_recipe_key_unit_folder_and_output_errors(recipe_file: Path, tmp_path: Path) -> None:
    text = recipe_file.read_text(encoding="utf-8")
    (tmp_path / "file").write_text("in the way")
    cases = [
        (text.replace("steps =", "stpes ="), "b.h5", 'Did you mean "steps"'),
        (text.replace("fire2:1x1:30", "fire2:1x1:300"), "b.h5", "channels 0 to 63"),
        (text.replace("/pool", "/nowhere"), "b.h5", "there are no photographs here"),
        (text, "file/b.h5", "cannot write"),
    ]
    for changed, out, message in cases:
        recipe_file.write_text(changed, encoding="utf-8")
        done = run_generation("build", recipe_file, "--out", tmp_path / out)
        assert done.returncode == 2, done.stdout + done.stderr
        assert message in done.stderr
        assert "Traceback" not in done.stderr
    assert not list(tmp_path.glob("b.h5*"))


def test_units_lists_what_a_recipe_may_name() -> None:
    listed = run_generation("units")
    assert listed.returncode == 0
    assert "fire9" in listed.stdout
    assert "256 to 511" in listed.stdout


@pytest.mark.parametrize("command", ["build", "verify", "preview", "units"])
def test_help_names_the_defaults(command: str) -> None:
    done = run_generation(command, "--help")
    assert done.returncode == 0
    assert "default" in done.stdout or command == "units"
