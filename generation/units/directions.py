"""The directions of a recipe, checked before any work is done."""

from __future__ import annotations

from collections.abc import Sequence

from generation.networks.spec import NetworkSpec
from generation.recipe import Recipe
from house.errors import UserError
from house.names import nearest
from stimuli import Unit

_WHERE = "synthesis.directions"


def check_directions(recipe: Recipe, spec: NetworkSpec, units: Sequence[Unit]) -> None:
    """Compare the directions of a recipe with its units, where its objective takes any.

    Parameters
    ----------
    recipe : Recipe
    spec : NetworkSpec
    units : sequence of Unit
        Of the bank.

    Raises
    ------
    UserError
        If a unit has no direction, one belongs to no unit, or one names a channel that its layer
        does not have or none with a weight.
    """
    if recipe.synthesis.objective != "direction":
        return
    directions = recipe.synthesis.directions
    known = [unit.unit_id for unit in units]
    # A limit leaves units out whose directions may stay in the recipe.
    odd = [] if recipe.limit is not None else [name for name in directions if name not in known]
    if odd:
        some = ", ".join(known[:12]) + (", …" if len(known) > 12 else "")
        raise UserError(
            f"{odd[0]} is no unit of this bank",
            where=_WHERE,
            remedy=f"{nearest(odd[0], known)} Its units: {some}.".strip(),
        )
    for unit in units:
        direction = directions.get(unit.unit_id)
        if direction is None:
            raise UserError(
                f"the recipe gives {unit.unit_id} no direction",
                where=_WHERE,
                remedy="Name channels and their weights for every unit there.",
            )
        channels = spec.layer(unit.layer).channels
        wrong = [channel for channel in direction if channel >= channels]
        if wrong:
            raise UserError(
                f"the direction of {unit.unit_id} names channel {wrong[0]}",
                where=_WHERE,
                remedy=f"{unit.layer} has {channels} channels, counted from 0.",
            )
        if not any(direction.values()):
            raise UserError(
                f"the direction of {unit.unit_id} has no channel with a weight other than 0",
                where=_WHERE,
            )
