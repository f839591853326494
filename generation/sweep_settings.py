"""What a sweep is made of: the model of a sweep's TOML file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from generation.network_choice import NetworkChoice
from house.tables import read_toml, validate

_Label = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]


class SweepNetwork(NetworkChoice):
    """One network of a sweep: as in a recipe's ``[network]`` table.

    Attributes
    ----------
    label : str, optional
        What it is called in banks, tables and figures; made of its name by default.
    """

    label: _Label | None = None

    @property
    def called(self) -> str:
        """The label, or the last part of the name."""
        return self.label or re.sub(r"[^A-Za-z0-9._-]", "-", self.name.rpartition(":")[2])

    def choice(self) -> NetworkChoice:
        """Give the network without its label."""
        return NetworkChoice(**self.model_dump(exclude={"label"}, exclude_defaults=True))


class Sweep(BaseModel):
    """A whole sweep.

    Attributes
    ----------
    name : str
        Of the merged bank; banks of single networks are called after it and their network.
    recipe : str
        Name or path of a recipe whose ``[synthesis]`` and ``[natural]`` tables are used. Its
        units are not.
    seed : int
        Root of the draws of units and of everything in the banks.
    units : int
        Main units of each network, drawn evenly over its depth; 84 as Zimmermann et al. (2023).
    practice, catch, intuitiveness : int
        Units of these roles of each network.
    merge : bool
        Whether one bank is made of all in the end.
    networks : tuple of SweepNetwork
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Label
    description: str = ""
    recipe: str = "demo"
    seed: int = Field(default=0, ge=0)
    units: int = Field(default=84, ge=1)
    practice: int = Field(default=0, ge=0)
    catch: int = Field(default=0, ge=0)
    intuitiveness: int = Field(default=0, ge=0)
    merge: bool = True
    networks: tuple[SweepNetwork, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _one_label_each(self) -> Sweep:
        labels = [network.called for network in self.networks]
        twice = sorted({label for label in labels if labels.count(label) > 1})
        if twice:
            raise ValueError(
                f"should give each network its own label; {', '.join(twice)} stands for several"
            )
        return self

    def roles(self) -> dict[str, int]:
        """Numbers of units by role, main ones first."""
        counts = {
            "main": self.units, "practice": self.practice, "catch": self.catch,
            "intuitiveness": self.intuitiveness,
        }  # fmt: skip
        return {role: count for role, count in counts.items() if count}


def load_sweep(path: Path) -> Sweep:
    """Read a sweep.

    Raises
    ------
    UserError
        If the file is missing or not valid.
    """
    return validate(Sweep, read_toml(path, "sweep"), str(path))
