"""A recipe with changes from the command line: still a recipe, and stored as one."""

from __future__ import annotations

import shlex
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from generation.networks.network import ALIASES
from generation.toml_text import toml_text
from house.errors import UserError


@dataclass(frozen=True)
class Overrides:
    """What the command line of `build` says; None = as the recipe has it.

    Attributes
    ----------
    network, weights : str
        Another network, and its weights.
    dataset : str
        Where the photographs lie.
    dataset_root : str
        The folder that its links and listed paths may lead into.
    steps, images_per_sign, seed : int
        As in the recipe.
    units : int
        So many units only.
    all_units : bool
        Every unit of the network instead of the recipe's.
    verify_accuracy : str
        Folder of labelled photographs that the network is checked by.
    expected_top1 : float
        Share of them that it must name.
    """

    network: str | None = None
    weights: str | None = None
    dataset: str | None = None
    dataset_root: str | None = None
    steps: int | None = None
    units: int | None = None
    images_per_sign: int | None = None
    seed: int | None = None
    all_units: bool = False
    verify_accuracy: str | None = None
    expected_top1: float | None = None

    def options(self) -> str:
        """Write the changes as they would stand on the command line."""
        parts = []
        for name, value in vars(self).items():
            option = f"--{name.replace('_', '-')}"
            if value is True:
                parts.append(option)
            elif value is not None and value is not False:
                parts.append(f"{option} {shlex.quote(str(value))}")
        # One line of a comment: a path may hold anything.
        return " ".join(parts).replace("\n", "\\n").replace("\r", "\\r")


def override(data: dict[str, Any], changes: Overrides) -> dict[str, Any]:
    """Change a recipe.

    With another network the recipe's units keep naming the old one's, and are replaced by the
    same strata (`named_for`); the bank is called after both.

    Parameters
    ----------
    data : dict
        A recipe as read from TOML; not modified.
    changes : Overrides

    Raises
    ------
    UserError
        If changes exclude each other, or a folder does not exist.
    """
    if changes.all_units and changes.units is not None:
        raise UserError("--all-units and --units exclude each other")
    data = deepcopy(data)
    _set_network(data, changes)
    for table, key, value in (
        ("natural", "photographs", changes.dataset),
        ("natural", "root", changes.dataset_root),
        ("synthesis", "steps", changes.steps),
        ("synthesis", "images_per_sign", changes.images_per_sign),
    ):
        if value is not None:
            data.setdefault(table, {})[key] = value
    for key, value in (("seed", changes.seed), ("limit", changes.units)):
        if value is not None:
            data[key] = value
    if changes.all_units:
        data.pop("units", None)
        data.pop("named_for", None)
        data.pop("limit", None)
        data["draws"] = [{"count": "all"}]
    return data


def _set_network(data: dict[str, Any], changes: Overrides) -> None:
    given = data.get("network", "squeezenet1_1")
    table: dict[str, Any] = {"name": given} if isinstance(given, str) else dict(given)
    old = ALIASES.get(str(table.get("name")), str(table.get("name")))
    new = ALIASES.get(changes.network, changes.network) if changes.network else old
    if new != old:
        table = {"name": new}
        data.setdefault("named_for", old)
        data["name"] = f"{data.get('name', '')}-{new.replace(':', '_')}"
    if changes.weights is not None:
        table["weights"] = changes.weights
    if changes.verify_accuracy is not None:
        if not Path(changes.verify_accuracy).expanduser().exists():
            raise UserError("there is no such folder", where=changes.verify_accuracy)
        table["accuracy_folder"] = changes.verify_accuracy
    if changes.expected_top1 is not None:
        table["expected_top1"] = changes.expected_top1
        if "accuracy_folder" not in table:
            raise UserError(
                "--expected-top1 says nothing without photographs to measure it by",
                remedy="Name a folder of them with --verify-accuracy.",
            )
    if table != {"name": given} or isinstance(given, dict):
        data["network"] = table["name"] if len(table) == 1 else table


def changed_text(data: dict[str, Any], base: str, changes: Overrides) -> str:
    """Write a changed recipe as TOML, saying what it was made from."""
    return f"# The recipe {base} with {changes.options()}\n{toml_text(data)}"
