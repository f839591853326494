"""Changes from the command line: the changed recipe makes the same bank when it is read again."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.recipe import load_recipe
from generation.recipe_overrides import Overrides, changed_text, override
from generation.units.recipe_units import select
from house.errors import UserError
from house.tables import parse_toml


def reread(folder: Path, text: str):
    path = folder / "again.toml"
    path.write_text(text, encoding="utf-8")
    return load_recipe(str(path))


def test_nothing_changed_keeps_the_text_as_it_is() -> None:
    plain = load_recipe("demo")
    assert load_recipe("demo", Overrides()) == plain
    assert "# A small bank" in plain[2]


@pytest.mark.parametrize(
    ("name", "changes"),
    [
        ("demo", Overrides(steps=3, images_per_sign=2, seed=9, dataset="/a b/c")),
        ("demo", Overrides(units=2)),
        ("demo", Overrides(all_units=True)),
        ("demo", Overrides(network="inception_v1")),
        ("borowski2021_experiment1", Overrides(network="embedded", units=2, steps=64)),
        ("borowski2021_experiment2", Overrides(network="embedded", seed=4)),
        ("borowski2021_experiment2", Overrides(network="googlenet", all_units=True)),
    ],
)
def test_the_stored_text_is_the_changed_recipe(
    tmp_path: Path, name: str, changes: Overrides
) -> None:
    recipe, spec, text = load_recipe(name, changes)
    again, same_spec, _ = reread(tmp_path, text)
    assert again == recipe
    assert select(again, same_spec) == select(recipe, spec)
    assert text.startswith(f"# The recipe {name} with --")


def test_what_each_option_changes() -> None:
    recipe, spec, text = load_recipe(
        "borowski2021_experiment1",
        Overrides(
            network="embedded",
            dataset="/photographs",
            dataset_root="/data",
            steps=64,
            units=2,
            images_per_sign=3,
            seed=5,
            verify_accuracy="/",
            expected_top1=0.5,
        ),
    )
    assert recipe.network.name == spec.name == "squeezenet1_1"
    assert recipe.named_for == "inception_v1"
    assert recipe.name == "borowski2021_experiment1-squeezenet1_1"
    assert recipe.natural.photographs == "/photographs"
    assert recipe.natural.root == "/data"
    # The preset's other figures stay.
    synthesis = recipe.synthesis
    assert (synthesis.steps, synthesis.images_per_sign, synthesis.diversity) == (64, 3, 100)
    assert (recipe.limit, recipe.seed) == (2, 5)
    assert len(select(recipe, spec).units) == 2
    assert spec.accuracy_folder == Path("/")
    assert spec.expected_folder_top1 == 0.5
    assert "--network embedded --dataset /photographs --dataset-root /data --steps 64" in text


def test_a_share_that_is_expected_of_no_photographs_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "lab.toml"
    text = 'name = "lab"\n[network]\nname = "embedded"\nexpected_top1 = 0.9\n'
    path.write_text(f"{text}[[draws]]\ncount = 1\n", encoding="utf-8")
    with pytest.raises(UserError, match="expected_top1 needs accuracy_folder"):
        load_recipe(str(path))


def test_weights_stay_with_their_network(tmp_path: Path) -> None:
    file = tmp_path / "w.npz"
    file.write_bytes(b"weights")
    data = {"name": "a", "network": {"name": "inception_v1", "weights": "old.npz"}}
    kept = override(data, Overrides(weights=str(file)))
    assert kept["network"] == {"name": "inception_v1", "weights": str(file)}
    assert "named_for" not in kept
    other = override(data, Overrides(network="googlenet"))
    assert other["network"] == "googlenet"
    assert other["named_for"] == "inception_v1"
    assert data["network"]["weights"] == "old.npz"
    assert override({"name": "a"}, Overrides(network="embedded")) == {"name": "a"}


@given(st.text())
def test_no_path_can_end_the_comment_that_names_the_options(dataset: str) -> None:
    changes = Overrides(dataset=dataset)
    data = override({"name": "a"}, changes)
    try:
        text = changed_text(data, "a", changes)
        text.encode()
    except UnicodeEncodeError:
        return
    first, _, rest = text.partition("\n")
    assert first.startswith("# ")
    assert parse_toml(rest, "recipe", "here") == data


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (Overrides(all_units=True, units=2), "exclude each other"),
        (Overrides(verify_accuracy="/nowhere"), "no such folder"),
        (Overrides(expected_top1=0.9), "--expected-top1 says nothing without.*--verify-accuracy"),
        (Overrides(network="squeezent"), r"--network: .*Did you mean .*squeezenet1_1"),
        (Overrides(weights="/nowhere/w.npz"), "/nowhere/w.npz: there is no such file of weights"),
        pytest.param(
            Overrides(network="torchvision:resnet"),
            "Did you mean",
            marks=pytest.mark.skipif(
                importlib.util.find_spec("torchvision") is None,
                reason="torchvision, an optional dependency, is not installed",
            ),
        ),
    ],
)
def test_changes_that_cannot_be(changes: Overrides, message: str) -> None:
    with pytest.raises(UserError, match=message):
        load_recipe("demo", changes)
