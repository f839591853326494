"""What a bank is made of: the model of ``recipes/*.toml``; every figure can be set there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from generation.natural.settings import Natural
from generation.networks.choice import NetworkChoice, NetworkKey
from generation.networks.network import NetworkSpec, network_spec
from generation.recipe_overrides import Overrides, changed_text, override
from generation.synthesis.recipe_settings import Synthesis
from generation.units.choice import ChosenUnit, Draw
from house.errors import UserError
from house.names import NAME, find_embedded
from house.tables import read_toml, validate

RECIPES = Path(__file__).parent / "recipes"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Recipe(_Part):
    """A whole recipe.

    Attributes
    ----------
    name : str
        What people will call the bank.
    network : NetworkChoice
        A name alone, or a table.
    seed : int
        Root of everything random in it.
    named_for : str
        The network whose units `units` and `draws` name, where another one may be used: that one
        then gets units of the same strata.
    limit : int, optional
        So many units only, main ones first.
    """

    name: Annotated[str, StringConstraints(pattern=NAME)]
    description: str = ""
    network: NetworkKey = NetworkChoice(name="squeezenet1_1")
    seed: int = Field(default=0, ge=0)
    named_for: str = ""
    limit: int | None = Field(default=None, ge=1)
    units: tuple[ChosenUnit, ...] = ()
    draws: tuple[Draw, ...] = ()
    synthesis: Synthesis = Synthesis()
    natural: Natural = Natural()

    @model_validator(mode="after")
    def _some_units(self) -> Recipe:
        if not self.units and not self.draws:
            raise ValueError("a recipe needs at least one [[units]] or [[draws]] entry")
        if self.natural.resize < self.synthesis.image_size:
            raise ValueError(
                f"natural.resize ({self.natural.resize}) is smaller than the images "
                f"({self.synthesis.image_size} = canvas - 2 x crop)"
            )
        return self


def load_recipe(
    name_or_path: str, changes: Overrides | None = None
) -> tuple[Recipe, NetworkSpec, str]:
    """Read a recipe by the name of an embedded one or by path.

    Parameters
    ----------
    name_or_path : str
    changes : Overrides, optional
        What the command line changes.

    Returns
    -------
    recipe : Recipe
    spec : NetworkSpec
        Its network, perhaps still without weights.
    text : str
        The TOML text as it stands in the file, or that of the changed recipe.

    Raises
    ------
    UserError
        If there is no such recipe, or it is not valid, or names no known network.
    """
    path = find_embedded(name_or_path, RECIPES, ".toml", "recipe")
    data = read_toml(path, "recipe")
    text = path.read_text(encoding="utf-8")
    changes = changes or Overrides()
    if changes != Overrides():
        data = override(data, changes)
        text = changed_text(data, path.stem, changes)
    recipe = validate(Recipe, data, str(path))
    try:
        spec = network_spec(recipe.network)
    except UserError as error:
        place = "--network" if changes.network else f"{path}, key network"
        where = f"{place}: {error.where}" if error.where else place
        remedy = error.remedy
        if remedy is None and "no such file" in error.problem:
            remedy = "Relative paths in a recipe count from the folder where the command is given."
        raise UserError(error.problem, where=where, remedy=remedy) from None
    return recipe, spec, text
