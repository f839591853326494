"""The recipe's ``[synthesis]`` table: how synthetic images are made."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from generation.natural.settings import SMALLEST_INPUT
from generation.synthesis.diversity_search import SearchSettings
from generation.synthesis.flatness import FlatnessSettings
from generation.synthesis.geometry import scaled_size
from generation.synthesis.maco import CropSettings
from generation.synthesis.presets import PRESETS, no_such_preset, with_preset
from generation.synthesis.settings import Settings
from generation.synthesis.transforms import TransformSettings


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


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


class Crops(_Part):
    """Random crops and noise in place of the transforms; defaults as Fel et al. (2023)."""

    count: int = Field(default=32, ge=1)
    first_side: float = Field(default=0.5, gt=0, le=1)
    last_side: float = Field(default=0.05, gt=0, le=1)
    noise: float = Field(default=0.08, ge=0)
    input_size: int = Field(default=224, ge=SMALLEST_INPUT)


class Flatness(_Part):
    """A stop where the gradient is flat; defaults as Zimmermann et al. (2023)."""

    minimum: int = Field(default=2500, ge=1)
    window: int = Field(default=2000, ge=2)
    ratio: float = Field(default=1.1, gt=0)
    smoothing: float = Field(default=0.99, ge=0, lt=1)


class Search(_Part):
    """A search of the weight of diversity; defaults as Zimmermann et al. (2023)."""

    first: float = Field(default=1.0, gt=0)
    factor: float = Field(default=10.0, gt=1)
    last: float = Field(default=999_999.0, gt=0)
    rounds: int = Field(default=7, ge=0)


class Synthesis(_Part):
    """Synthetic images; defaults as published, except steps and the weight of diversity.

    Attributes
    ----------
    preset : str, optional
        Takes the place of the defaults: see `generation.synthesis.presets`.
    images_per_sign : int
        Images of each unit and sign.
    canvas, crop : int
        Side in pixels that is optimised, and the border that is cut off at the end.
    steps : int
        Updates, at most.
    parametrization : str
        "fourier", "pixels", or "maco": the phase alone, with the magnitude of the photographs.
    optimizer, learning_rate, schedule
        Adam or NAdam; its rate, constant or falling to 0 on half a cosine.
    sd : float
        Standard deviation of the initial parameters.
    objective : str
        "channel": the spatial mean; "neuron": the middle position; "direction": the spatial mean
        of a combination of channels. The bank's activations are the channel's in any case.
    directions : dict
        Unit to channel to weight, for the direction objective.
    diversity : float
        Weight of the similarity between the images of a unit and sign.
    diversity_unit : str
        "activation": the weight is in units of activation, as published. "natural range": it
        is a multiple of the range of the unit's activation over the photographs, so that one
        figure serves layers whose activations differ a hundredfold.
    search : Search, optional
        Search the largest weight of diversity with which the weakest image still beats the most
        extreme photograph; `diversity` is then not used.
    total_variation, l2 : float
        Weights of the penalties on the image.
    redirected_updates : int
        Updates in which a ReLU that stops all of an image's gradient lets it through.
    flatness : Flatness, optional
        Stop before all `steps` where the gradient is flat.
    sort : bool
        Order the images by measured activation, the most extreme first.
    precision : str
        Number format of the network's passes; "auto" is bfloat16 where the processor is faster
        in it, "tf32" 32-bit numbers that a GPU may multiply with fewer bits. Parameters,
        transforms, objectives and measurements are always 32-bit.
    float32_updates : int
        First updates whose passes are 32-bit in any case: images near grey differ less than 16
        bits resolve, and where a beginning leads is not made good later.
    units_per_pass : int or "auto"
        Units of a layer that are optimised together, at most; "auto" is one on a processor, and
        on a GPU as many as its free memory has room for.
    compiled : bool
        Compile the network for a GPU; without effect on processors.
    curve_every : int
        Updates between two recorded points of the curve.
    transforms : Transforms
        What the images must survive.
    crops : Crops, optional
        Crops and noise in place of `transforms`.
    """

    preset: str | None = None
    images_per_sign: int = Field(default=9, ge=1, le=100)
    canvas: int = Field(default=256, ge=SMALLEST_INPUT, le=4096)
    crop: int = Field(default=16, ge=0)
    steps: int = Field(default=512, ge=1, le=100_000)
    parametrization: Literal["fourier", "pixels", "maco"] = "fourier"
    optimizer: Literal["adam", "nadam"] = "adam"
    learning_rate: float = Field(default=0.05, gt=0)
    schedule: Literal["constant", "cosine"] = "constant"
    sd: float = Field(default=0.01, gt=0)
    objective: Literal["channel", "neuron", "direction"] = "channel"
    directions: dict[str, dict[Annotated[int, Field(ge=0)], float]] = Field(default_factory=dict)
    diversity: float = Field(default=1.0, ge=0)
    diversity_unit: Literal["activation", "natural range"] = "natural range"
    search: Search | None = None
    total_variation: float = Field(default=0.0, ge=0)
    l2: float = Field(default=0.0, ge=0)
    redirected_updates: int = Field(default=17, ge=0)
    flatness: Flatness | None = None
    sort: bool = False
    precision: Literal["auto", "float32", "tf32", "bfloat16", "float16"] = "auto"
    float32_updates: int = Field(default=8, ge=0)
    units_per_pass: Literal["auto"] | Annotated[int, Field(ge=1)] = "auto"
    compiled: bool = False
    curve_every: int = Field(default=8, ge=1)
    transforms: Transforms = Transforms()
    crops: Crops | None = None

    @field_validator("preset", mode="before")
    @classmethod
    def _known(cls, value: Any) -> Any:
        if value is not None and value not in PRESETS:
            raise ValueError(no_such_preset(value))
        return value

    @model_validator(mode="before")
    @classmethod
    def _filled(cls, data: Any) -> Any:
        filled = with_preset(data)
        if isinstance(data, dict) and "transforms" in data and filled.get("crops") is not None:
            raise ValueError("`crops` take the place of `transforms`: leave one of them out")
        return filled

    @model_validator(mode="after")
    def _sizes(self) -> Synthesis:
        smallest = self.canvas + 2 * self.transforms.pad - self.transforms.jitter_before
        smallest = scaled_size(smallest, min(self.transforms.scales)) if smallest > 0 else 0
        smallest -= self.transforms.jitter_after
        if self.crops is None and smallest < SMALLEST_INPUT:
            raise ValueError(
                f"crops and scales leave {max(smallest, 0)} of {self.canvas} pixels; at least "
                f"{SMALLEST_INPUT} must reach the network"
            )
        if self.canvas - 2 * self.crop < SMALLEST_INPUT:
            raise ValueError(f"a crop of {self.crop} at each side leaves too little of the canvas")
        if (self.objective == "direction") != bool(self.directions):
            raise ValueError(
                'directions belong to objective = "direction": name the channels and weights of '
                "every unit there"
            )
        return self

    @property
    def image_size(self) -> int:
        """Side in pixels of the finished image."""
        return self.canvas - 2 * self.crop

    def search_settings(self) -> SearchSettings | None:
        """Give the settings of the search of diversity, if one is wanted."""
        return SearchSettings(**self.search.model_dump()) if self.search else None

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
            parametrization=self.parametrization,
            optimizer=self.optimizer,
            objective=self.objective,
            redirected_updates=self.redirected_updates,
            float32_updates=self.float32_updates,
            total_variation=self.total_variation,
            l2=self.l2,
            crops=CropSettings(**self.crops.model_dump()) if self.crops else None,
            flatness=FlatnessSettings(**self.flatness.model_dump()) if self.flatness else None,
            sort=self.sort,
            compiled=self.compiled,
        )
