from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.networks.network import network_spec
from generation.recipe import RECIPES, Recipe, load_recipe
from generation.units.recipe_units import parse_unit, select_units
from house.errors import UserError

SPEC = network_spec("squeezenet1_1")


def written(folder: Path, text: str) -> str:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_the_demo_has_a_main_unit_in_every_layer_and_units_to_practise_on() -> None:
    recipe, spec, text = load_recipe("demo")
    units = select_units(recipe, spec)
    main = [unit for unit in units if unit.role == "main"]
    assert [unit.layer for unit in main] == [layer.name for layer in spec.layers]
    assert [unit.branch for unit in main] == ["1x1", "3x3"] * 4
    assert {unit.selection for unit in main} == {"hand-picked"}
    assert [unit.role for unit in units[8:]] == ["practice"] * 3
    assert {unit.selection for unit in units[8:]} == {"random"}
    assert (recipe.natural.batches, recipe.natural.positions) == (4, 10)
    assert (recipe.synthesis.images_per_sign, recipe.synthesis.image_size) == (9, 224)
    assert text == (RECIPES / "demo.toml").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", sorted(RECIPES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_embedded_recipe_is_valid(path: Path) -> None:
    recipe, spec, _ = load_recipe(path.stem)
    assert recipe.name == path.stem
    assert select_units(recipe, spec)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('name = "a"', "at least one"),
        ('name = "a"\nnetwrok = "x"\n[[draws]]', 'Did you mean "network"'),
        ('name = "a"\n[[draws]]\n[synthesis]\nstep = 3', 'Did you mean "steps"'),
        ('name = "a"\n[[draws]]\n[synthesis.transforms]\njitter = 3', "jitter_before"),
        ('name = "a"\nnetwork = "squeezenet"\n[[draws]]', "squeezenet1_1"),
        ('name = "a"\n[[draws]]\n[synthesis]\nsteps = 0', "steps"),
        ('name = "a"\n[[draws]]\n[synthesis]\ncanvas = 40', "must reach the network"),
        ('name = "a"\n[[draws]]\n[synthesis]\ncrop = 120', "crop of 120"),
        ('name = "a"\n[[draws]]\n[natural]\nresize = 100', "smaller than the images"),
        ('name = "../a"\n[[draws]]', "name"),
        ('name = "a"\n[[units]]\nunit = "fire5"', "unit"),
        ('name = "a"\nseed = -1\n[[draws]]', "seed"),
        ("name = ", "TOML"),
    ],
)
def test_wrong_recipes_are_answered_with_a_sentence(
    tmp_path: Path, text: str, message: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UserError, match=r"recipe\.toml") as caught:
        load_recipe(path)
    assert message in str(caught.value)


def test_unknown_recipes_list_the_embedded_ones() -> None:
    with pytest.raises(UserError, match='Did you mean "demo"'):
        load_recipe("dmeo")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("fire5:3x3:145", ""),
        ("fir5:3x3:145", 'Did you mean "fire5"'),
        ("fire5:5x5:145", "1x1, 3x3"),
        ("fire5:1x1:145", "Did you mean fire5:3x3:145"),
        ("fire5:3x3:999", "256 channels"),
        ("fire5", "layer:branch:channel"),
    ],
)
def test_units_by_name(name: str, message: str) -> None:
    if not message:
        unit = parse_unit(SPEC, name)
        assert (unit.layer, unit.layer_index, unit.branch, unit.channel) == (
            "fire5", 3, "3x3", 145,
        )  # fmt: skip
        return
    with pytest.raises(UserError) as caught:
        parse_unit(SPEC, name)
    assert message in str(caught.value)


@given(st.integers(0, 10**9), st.integers(1, 5))
def test_draws_fill_every_stratum_without_repeating(seed: int, count: int) -> None:
    recipe = Recipe.model_validate(
        {
            "name": "a",
            "seed": seed,
            "units": [{"unit": "fire2:1x1:0"}],
            "draws": [{"count": count}, {"layers": ["fire2"], "role": "catch"}],
        }
    )
    units = select_units(recipe, SPEC)
    ids = [unit.unit_id for unit in units]
    assert len(set(ids)) == len(ids) == 1 + count * 16 + 2
    for unit in units:
        branch = SPEC.layer(unit.layer).branch(unit.branch)
        assert branch.first <= unit.channel <= branch.last
    assert [unit.unit_id for unit in select_units(recipe, SPEC)] == ids


def test_a_draw_does_not_change_when_another_layer_joins() -> None:
    def drawn(layers: list[str]) -> set[str]:
        draws = [{"layers": layers, "count": 3}]
        recipe = Recipe.model_validate({"name": "a", "seed": 1, "draws": draws})
        return {unit.unit_id for unit in select_units(recipe, SPEC)}

    assert drawn(["fire4"]) < drawn(["fire2", "fire4"])


def test_impossible_selections() -> None:
    def select(**more: object) -> None:
        select_units(Recipe.model_validate({"name": "a", **more}), SPEC)

    with pytest.raises(UserError, match="twice"):
        select(units=[{"unit": "fire2:1x1:3"}, {"unit": "fire2:1x1:3", "role": "practice"}])
    with pytest.raises(UserError, match="64 are left"):
        select(draws=[{"layers": ["fire2"], "count": 65}])
    with pytest.raises(UserError, match="no branch"):
        select(draws=[{"branches": ["5x5"]}])


@pytest.mark.parametrize("value", ["inf", "-inf", "nan"])
@pytest.mark.parametrize(
    "table",
    [
        "[synthesis]\nlearning_rate = {}",
        "[synthesis]\nsd = {}",
        "[synthesis]\ndiversity = {}",
        "[synthesis]\nl2 = {}",
        '[synthesis]\nobjective = "direction"\n[synthesis.directions."fire2:1x1:1"]\n3 = {}',
        "[synthesis.search]\nlast = {}",
        "[synthesis.flatness]\nratio = {}",
        "[synthesis.crops]\nnoise = {}",
        "[synthesis.transforms]\nscales = [{}]",
        "[natural]\nunreadable_share = {}",
        '[network]\nname = "a.b:c"\nscale = {}',
        '[network]\nname = "a.b:c"\nmean = [0.0, {}, 0.0]',
    ],
)
def test_a_recipe_holds_no_number_without_end(table: str, value: str, tmp_path: Path) -> None:
    path = tmp_path / "r.toml"
    text = f'name = "r"\nunits = [{{unit = "fire2:1x1:1"}}]\n{table.format(value)}\n'
    path.write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match=r"number|less than|greater than") as caught:
        load_recipe(str(path))
    assert value.lstrip("-") in str(caught.value)


@pytest.mark.parametrize(
    "table",
    [
        "[synthesis.crops]\n[synthesis.transforms]\npad = 3",
        '[synthesis]\npreset = "maco"\n[synthesis.transforms]\npad = 3',
    ],
)
def test_crops_and_transforms_exclude_each_other(table: str, tmp_path: Path) -> None:
    text = 'name = "r"\nunits = [{unit = "fire2:1x1:1"}]\n'
    with pytest.raises(UserError, match="`crops` take the place of `transforms`"):
        load_recipe(written(tmp_path, text + table))
    # What a preset brings along is no choice of the recipe's.
    other = '[synthesis]\npreset = "lucid"\n[synthesis.crops]\ncount = 2'
    assert load_recipe(written(tmp_path, text + other))[0].synthesis.crops is not None


def test_a_file_that_is_not_there_says_where_paths_begin(tmp_path: Path) -> None:
    (tmp_path / "w.npz").touch()
    text = 'name = "r"\nunits = [{unit = "fire2:1x1:1"}]\n'
    text += '[network]\nname = "squeezenet1_1"\nweights = "w.npz"\n'
    with pytest.raises(UserError, match="count from the folder where the command is given"):
        load_recipe(written(tmp_path, text))
