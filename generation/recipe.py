"""What a bank is made of: the model of ``recipes/*.toml``; every figure can be set there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    field_validator,
    model_validator,
)

from generation.natural_settings import SMALLEST_INPUT, Natural
from generation.network_choice import NetworkChoice, NetworkKey
from generation.networks import NetworkSpec, network_spec
from generation.presets import PRESETS, no_such_preset, with_preset
from generation.recipe_overrides import Overrides, changed_text, override
from generation.synthesis.optimize import Settings
from generation.synthesis.transforms import TransformSettings, scaled_size
from generation.unit_choice import ChosenUnit, Draw
from house.errors import UserError
from house.names import find_embedded
from house.tables import read_toml, validate

RECIPES = Path(__file__).parent / "recipes"


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Transforms(_Part):
    """Random transforms of synthesis, in this order; defaults as published."""

    pad: int = Field(default=0, ge=0)
    jitter_before: int = Field(default=16, ge=0)
    scales: tuple[Annotated[float, Field(gt=0, le=4)], ...] = Field(
        default=(1.0, 0.975, 1.025, 0.95, 1.05), min_length=1
    )
    angles: tuple[Annotated[float, Field(ge=-180, le=180)], ...] = Field(
        default=tuple(float(angle) for angle in range(-5, 6)), min_length=1
    )
    jitter_after: int = Field(default=8, ge=0)


class Synthesis(_Part):
    """Synthetic images; defaults as published, except steps and the weight of diversity.

    Attributes
    ----------
    preset : str, optional
        Takes the place of the defaults: see `generation.presets`.
    images_per_sign : int
        Images of each unit and sign.
    canvas, crop : int
        Side in pixels that is optimised, and the border that is cut off at the end.
    steps : int
        Updates of Adam.
    learning_rate, schedule
        Adam's rate; constant, or falling to 0 on half a cosine.
    sd : float
        Standard deviation of the initial spectrum.
    diversity : float
        Weight of the similarity between the images of a unit and sign.
    diversity_unit : str
        "activation": the weight is in units of activation, as published. "natural range": it
        is a multiple of the range of the unit's activation over the photographs, so that one
        figure serves layers whose activations differ a hundredfold.
    precision : str
        Number format of the network's passes; "auto" is bfloat16 where the processor is faster
        in it. Parameters, transforms, objectives and measurements are always 32-bit.
    units_per_pass : int
        Units of a layer that are optimised together.
    curve_every : int
        Updates between two recorded points of the curve.
    """

    preset: str | None = None
    images_per_sign: int = Field(default=9, ge=1, le=100)
    canvas: int = Field(default=256, ge=SMALLEST_INPUT, le=4096)
    crop: int = Field(default=16, ge=0)
    steps: int = Field(default=512, ge=1, le=100_000)
    learning_rate: float = Field(default=0.05, gt=0)
    schedule: Literal["constant", "cosine"] = "constant"
    sd: float = Field(default=0.01, gt=0)
    diversity: float = Field(default=1.0, ge=0)
    diversity_unit: Literal["activation", "natural range"] = "natural range"
    precision: Literal["auto", "float32", "bfloat16"] = "auto"
    units_per_pass: int = Field(default=1, ge=1)
    curve_every: int = Field(default=8, ge=1)
    transforms: Transforms = Transforms()

    @field_validator("preset", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        if value is not None and value not in PRESETS:
            raise ValueError(no_such_preset(value))
        return value

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, data: Any) -> Any:
        return with_preset(data)

    @model_validator(mode="after")
    def _sizes(self) -> Synthesis:
        smallest = self.canvas + 2 * self.transforms.pad - self.transforms.jitter_before
        smallest = scaled_size(smallest, min(self.transforms.scales)) if smallest > 0 else 0
        smallest -= self.transforms.jitter_after
        if smallest < SMALLEST_INPUT:
            raise ValueError(
                f"crops and scales leave {max(smallest, 0)} of {self.canvas} pixels; at least "
                f"{SMALLEST_INPUT} must reach the network"
            )
        if self.canvas - 2 * self.crop < SMALLEST_INPUT:
            raise ValueError(f"a crop of {self.crop} at each side leaves too little of the canvas")
        return self

    @property
    def image_size(self) -> int:
        """Side in pixels of the finished image."""
        return self.canvas - 2 * self.crop

    def settings(self, precision: str) -> Settings:
        """Give the optimiser's settings, with the precision resolved."""
        return Settings(
            images=self.images_per_sign,
            canvas=self.canvas,
            crop=self.crop,
            steps=self.steps,
            learning_rate=self.learning_rate,
            schedule=self.schedule,
            sd=self.sd,
            transforms=TransformSettings(**self.transforms.model_dump()),
            precision=precision,
            curve_every=self.curve_every,
        )


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

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
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
        raise UserError(error.problem, where=where, remedy=error.remedy) from None
    return recipe, spec, text
