"""What a sweep is made of: the model of a sweep's TOML file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from generation.networks.choice import NetworkChoice
from house.names import NAME, NAME_RULE, is_name, without_odd_characters
from house.tables import read_toml, validate

_Label = Annotated[str, StringConstraints(pattern=NAME)]


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
        return self.label or without_odd_characters(self.name.rpartition(":")[2])

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

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

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
        for network in self.networks:
            if not is_name(network.called):
                raise ValueError(
                    f'should give {network.name} a label, as "{network.called}" cannot be one: '
                    f"{NAME_RULE[0].lower()}{NAME_RULE[1:-1]}"
                )
        # Banks are files, and some systems take X.h5 and x.h5 for one.
        folded = [label.casefold() for label in labels]
        twice = sorted({label for label in labels if folded.count(label.casefold()) > 1})
        if twice:
            raise ValueError(
                f"should give each network its own label; {', '.join(twice)} stands for several"
            )
        if self.merge and len(labels) > 1 and self.name.casefold() in folded:
            raise ValueError(
                f"should call the sweep or the network otherwise: {self.name}.h5 would be the bank "
                f"of all and that of {self.name} alone"
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
