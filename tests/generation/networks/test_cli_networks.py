"""Other networks, weights and sizes, as a user gives them at the command line."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from generation.__main__ import app
from generation.networks.architectures.inception_v1 import InceptionV1
from generation.networks.convert_inception_v1 import graph_name
from generation.recipe import Recipe
from house.errors import UserError
from house.tables import parse_toml
from stimuli import StimulusBank
from tests.generation.conftest import run_generation
from tests.generation.networks.graph_encoder import const_node
from tests.generation.networks.test_hooked_networks import MODULE


def call(*arguments: str | Path) -> str:
    """Call the command line in this process; what a person would see as an error is raised."""
    found = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if found.exception is not None:
        raise found.exception
    return found.stdout


@pytest.fixture
def user_module(tmp_path: Path) -> dict[str, str]:
    """Environment in which a module of a user's own can be imported."""
    folder = tmp_path / "code"
    folder.mkdir()
    (folder / "lab_net.py").write_text(MODULE, encoding="utf-8")
    return {"PYTHONPATH": os.pathsep.join([str(folder), os.environ.get("PYTHONPATH", "")])}


def test_a_recipe_for_another_network_from_build_to_verify(
    recipe_file: Path, tmp_path: Path, user_module: dict[str, str]
) -> None:
    out = tmp_path / "bank.h5"
    build = (
        "build", recipe_file, "--network", "lab_net:trained", "--steps", "2", "--seed", "8",
        "--images-per-sign", "3", "--units", "2", "--out", out,
    )  # fmt: skip
    made = run_generation(*build, **user_module)
    assert made.returncode == 0, made.stderr
    assert "note: the recipe names units of squeezenet1_1" in made.stderr
    assert "was not checked" in made.stderr
    with StimulusBank(out) as bank:
        assert [(u.layer, u.branch, u.role) for u in bank.units] == [
            ("stem", "all", "main"),
            ("stem", "all", "main"),
        ]
        assert bank.images_per_sign == 3
        provenance = bank.provenance
        assert provenance["network"] == "lab_net:trained"
        assert provenance["units_named_for"] == "squeezenet1_1"
        assert provenance["strata"]["fire2 1x1"] == "stem all"
        assert provenance["accuracy"] is None
        assert re.fullmatch("[0-9a-f]{64}", provenance["weights_sha256"])
        assert (provenance["seed"], bank.name) == (8, "tiny-lab_net_trained")
        recipe = bank.recipe
    assert "--network lab_net:trained --steps 2" in recipe
    stored = Recipe.model_validate(parse_toml(recipe, "recipe", "the bank"))
    assert (stored.synthesis.steps, stored.limit) == (2, 2)
    verified = run_generation("verify", out, **user_module)
    assert verified.returncode == 0, verified.stderr
    assert "16 images measured again, 0 differ" in verified.stdout


@pytest.fixture
def graph(tmp_path: Path) -> Path:
    """A frozen graph of InceptionV1 with random weights."""
    torch.manual_seed(0)
    nodes = []
    for key, value in InceptionV1().state_dict().items():
        array = value.numpy()
        if array.ndim == 4:
            array = array.transpose(2, 3, 1, 0)
        nodes.append(const_node(graph_name(key), array.T if array.ndim == 2 else array))
    path = tmp_path / "graph.pb"
    path.write_bytes(b"".join(nodes))
    return path


def test_convert_weights_then_list_then_refuse_what_does_not_fit(
    graph: Path, tmp_path: Path
) -> None:
    out = tmp_path / "inception_v1.npz"
    done = run_generation("convert-weights", graph, "--out", out)
    assert done.returncode == 0, done.stderr
    checksum = re.search(r"sha256: ([0-9a-f]{64})", done.stdout)
    assert checksum
    listed = call("units", "--network", "inception_v1", "--weights", out)
    assert "5,484 units in 9 layers" in listed
    assert "444 to 507" in listed
    assert checksum[1] in listed
    with pytest.raises(UserError, match="there already"):
        call("convert-weights", graph, "--out", out)
    with pytest.raises(UserError, match="do not belong to this network"):
        call("units", "--network", "embedded", "--weights", out)


@pytest.mark.slow
def test_weights_that_recognise_nothing_make_no_bank(graph: Path, tmp_path: Path) -> None:
    out = tmp_path / "inception_v1.npz"
    assert run_generation("convert-weights", graph, "--out", out).returncode == 0
    stopped = run_generation(
        "build", "borowski2021_experiment1", "--weights", out, "--out", tmp_path / "b.h5",
        "--units", "1", "--steps", "1",
    )  # fmt: skip
    assert stopped.returncode == 2
    assert "inception_v1 does not recognise what it should" in stopped.stderr
    assert not (tmp_path / "b.h5").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["build", "borowski2021_experiment1"], "inception5h"),
        (["build", "--network", "squeezent"], "squeezenet1_1"),
        (["build", "--weights", "/nowhere/w.npz"], "no such file of weights"),
        (["build", "--verify-accuracy", "/nowhere"], "no such folder"),
        (["build", "--all-units", "--units", "2"], "exclude each other"),
        (["units", "--network", "nothing_like_it:build"], "no Python module"),
        (["convert-weights", "/nowhere/graph.pb"], "graph"),
    ],
)
def test_bad_input_is_answered_with_a_sentence(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    if arguments[0] == "build":
        arguments = [*arguments, "--out", str(tmp_path / "bank.h5")]
    with pytest.raises(UserError, match=message):
        call(*arguments)
    assert not list(tmp_path.iterdir())


def test_units_of_a_users_network_with_the_kind_of_each_layer(
    user_module: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(user_module["PYTHONPATH"].split(os.pathsep)[0])
    listed = call("units", "--network", "lab_net:trained")
    sys.modules.pop("lab_net")
    for words in ("Small by lab_net:trained", "Conv2d", "0 to 7", "19 units in 3 layers"):
        assert words in listed
    assert "ReLU" not in listed
    known = call("units", "--network", "all")
    for name in ("squeezenet1_1: ", "inception_v1: ", "googlenet: ", "torchvision:MODEL"):
        assert name in known
