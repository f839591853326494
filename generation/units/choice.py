"""A recipe's units: by name, and by draws."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

Role = Literal["main", "practice", "catch", "intuitiveness"]
_SetName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ChosenUnit(_Part):
    """One unit by name.

    Attributes
    ----------
    unit : str
        ``layer:branch:channel``; the channel counts within the layer, not the branch.
    role : str
        What the experiment uses it for.
    selection : str
        How it was chosen.
    set : str
        Which of several lists of its role it is in.
    """

    unit: Annotated[str, StringConstraints(pattern=r"^[^:\s]+:[^:\s]+:\d+$")]
    role: Role = "main"
    selection: Literal["random", "hand-picked"] = "hand-picked"
    set: _SetName | Literal[""] = ""


class Draw(_Part):
    """A seeded draw of units without replacement: the same number from every stratum.

    Attributes
    ----------
    method : str
        "seeded": every stratum has its own stream. "published2021": the one stream, draws and
        redraws of the published experiment II, set after set.
    layers, branches : tuple of str
        The strata are all pairs of a layer and a branch; none named = all there are.
    count : int or "all"
        Units a stratum.
    role : str
        Of the drawn units.
    set : str
        Which of several lists of its role they are in.
    seed : int, optional
        Root of the draw; the bank's seed by default.
    sets : dict of str to str
        For "published2021": names of the sets in the order in which they are drawn, and the role
        of each; "unused" sets are drawn and left out.
    """

    method: Literal["seeded", "published2021"] = "seeded"
    layers: tuple[str, ...] = ()
    branches: tuple[str, ...] = ()
    count: Annotated[int, Field(ge=1)] | Literal["all"] = 1
    role: Role = "main"
    set: _SetName | Literal[""] = ""
    seed: int | None = Field(default=None, ge=0)
    sets: dict[_SetName, Role | Literal["unused"]] = {}

    @model_validator(mode="after")
    def _belongs(self) -> Draw:
        if self.method == "published2021":
            if not self.sets:
                raise ValueError("the method published2021 draws `sets`, and none is named")
            if self.set or self.count != 1:
                raise ValueError("the method published2021 takes `sets`, not `set` or `count`")
        elif self.sets:
            raise ValueError("`sets` belongs to the method published2021")
        return self
