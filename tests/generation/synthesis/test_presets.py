from __future__ import annotations

import pytest

from generation.recipe import Recipe, Synthesis
from generation.synthesis.presets import PRESETS
from house.errors import UserError
from house.tables import validate

RECIPE = {"name": "a", "draws": [{}]}


@pytest.mark.parametrize("name", PRESETS)
def test_every_preset_is_valid_and_says_who_it_is(name: str) -> None:
    synthesis = Recipe.model_validate({**RECIPE, "synthesis": {"preset": name}}).synthesis
    assert synthesis.preset == name
    for key, value in PRESETS[name].items():
        if not isinstance(value, dict):
            assert getattr(synthesis, key) == value


def test_the_published_figures() -> None:
    """Borowski et al. (2021), appendix A.1.1, and the released code."""
    found = Synthesis.model_validate({"preset": "borowski2021"})
    assert (found.images_per_sign, found.canvas, found.crop, found.image_size) == (10, 256, 16, 224)
    assert (found.steps, found.learning_rate, found.schedule) == (2561, 0.05, "constant")
    assert (found.sd, found.diversity, found.diversity_unit) == (0.01, 100, "activation")
    assert (found.parametrization, found.optimizer, found.objective) == (
        "fourier", "adam", "channel",
    )  # fmt: skip
    assert (found.redirected_updates, found.total_variation, found.l2) == (17, 0, 0)
    assert (found.flatness, found.search, found.crops) == (None, None, None)
    assert found.precision == "float32"
    transforms = found.transforms
    assert (transforms.jitter_before, transforms.jitter_after) == (16, 8)
    assert transforms.scales == (1, 0.975, 1.025, 0.95, 1.05)
    assert transforms.angles == tuple(range(-5, 6))


def test_lucids_own_figures() -> None:
    """Defaults of lucid's `render_vis`, its image parameter and its standard transforms."""
    found = Synthesis.model_validate({"preset": "lucid"})
    # Updates 0 to 512: `render_vis` runs ``range(max(thresholds) + 1)``, as for the paper's 2,561.
    assert (found.canvas, found.crop, found.steps, found.learning_rate) == (128, 0, 513, 0.05)
    assert (found.diversity, found.sd, found.redirected_updates) == (0, 0.01, 17)
    transforms = found.transforms
    assert (transforms.pad, transforms.jitter_before, transforms.jitter_after) == (12, 8, 4)
    assert transforms.scales == pytest.approx(
        (0.9, 0.92, 0.94, 0.96, 0.98, 1, 1.02, 1.04, 1.06, 1.08, 1.1)
    )
    assert sorted(transforms.angles) == sorted([*range(-10, 11), 0, 0, 0, 0, 0])


def test_a_recipe_may_change_any_key_of_a_preset() -> None:
    given = {"preset": "borowski2021", "steps": 7, "transforms": {"jitter_after": 4}}
    found = Synthesis.model_validate(given)
    plain = Synthesis.model_validate({"preset": "borowski2021"})
    assert (found.steps, found.transforms.jitter_after) == (7, 4)
    changed = {"steps", "transforms"}
    assert found.model_dump(exclude=changed) == plain.model_dump(exclude=changed)
    assert found.transforms.jitter_before == plain.transforms.jitter_before
    # Nobody's change may leak into the preset.
    assert PRESETS["borowski2021"]["transforms"]["jitter_after"] == 8
    assert given == {"preset": "borowski2021", "steps": 7, "transforms": {"jitter_after": 4}}


@pytest.mark.parametrize(
    ("synthesis", "message"),
    [
        ({"preset": "borowski2012"}, 'borowski2021, lucid.*Did you mean "borowski2021"'),
        ({"preset": 3}, "should be one of"),
        ({"preset": "lucid", "stpes": 3}, 'Did you mean "steps"'),
        ({"preset": "lucid", "steps": 0}, "synthesis.steps"),
    ],
)
def test_wrong_presets_and_keys_beside_them(synthesis: dict[str, object], message: str) -> None:
    with pytest.raises(UserError, match=message):
        validate(Recipe, {**RECIPE, "synthesis": synthesis}, "here")
