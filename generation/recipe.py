"""What a bank is made of: the model of ``recipes/*.toml``; every figure can be set there."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from generation.network_choice import NetworkChoice, NetworkKey
from generation.networks import NetworkSpec, network_spec
from generation.synthesis.optimize import Settings
from generation.synthesis.transforms import TransformSettings, scaled_size
from generation.unit_choice import ChosenUnit, Draw
from house.errors import UserError
from house.names import find_embedded
from house.tables import read_toml, validate

RECIPES = Path(__file__).parent / "recipes"

# A network needs room for its stem and poolings; smaller pictures have no position left.
SMALLEST_INPUT = 32


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Transforms(_Part):
    """Random transforms of synthesis, in this order; defaults as published."""

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

    @model_validator(mode="after")
    def _sizes(self) -> Synthesis:
        smallest = self.canvas - self.transforms.jitter_before
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


class Natural(_Part):
    """Photographs and how they are dealt.

    Attributes
    ----------
    photographs : str
        "embedded", or a folder with an ``attribution.tsv``.
    resize : int
        Shorter side in pixels after the bilinear resize; the centre is then cut to the size of
        the synthetic images. Published: 256, then 224.
    batches : int
        Disjoint batches of a unit and sign.
    positions : int
        Images of a batch: one query and the references, one of each rank bin.
    images_per_pass : int
        Photographs in one pass of the network.
    """

    photographs: str = "embedded"
    resize: int = Field(default=256, ge=SMALLEST_INPUT)
    batches: int = Field(default=20, ge=1)
    positions: int = Field(default=10, ge=2)
    images_per_pass: int = Field(default=16, ge=1)
    unreadable_limit: int = Field(default=10, ge=0)

    @property
    def ranks(self) -> int:
        """Exemplars of each unit and sign."""
        return self.batches * self.positions


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


def load_recipe(name_or_path: str) -> tuple[Recipe, NetworkSpec, str]:
    """Read a recipe by the name of an embedded one or by path.

    Returns
    -------
    recipe : Recipe
    spec : NetworkSpec
        Its network.
    text : str
        The TOML text as it stands in the file.

    Raises
    ------
    UserError
        If there is no such recipe, or it is not valid, or names no known network.
    """
    path = find_embedded(name_or_path, RECIPES, ".toml", "recipe")
    recipe = validate(Recipe, read_toml(path, "recipe"), str(path))
    try:
        spec = network_spec(recipe.network)
    except UserError as error:
        raise UserError(error.problem, where=f"{path}, key network", remedy=error.remedy) from None
    return recipe, spec, path.read_text(encoding="utf-8")
