"""Measuring a bank's images again with the network that made it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from generation.building.scheduling import choose_device
from generation.inspection.sheets import KINDS, SIGNS
from generation.networks.choice import NetworkChoice
from generation.networks.network import Network, load_network, network_spec, with_weights
from generation.synthesis.measuring import measure
from house.errors import UserError
from house.files import sha256_file
from stimuli import StimulusBank, Unit
from stimuli.damage import reading
from stimuli.schema import NETWORK_SEPARATOR, network_of

# Other processors and libraries add in another order; wrong images differ by far more. Relative
# to the range of the unit's recorded activations.
TOLERANCE = 2e-3


def remeasure(
    path: Path,
    units: int,
    weights: Path | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> tuple[int, list[str]]:
    """Compare recorded activations with new ones.

    For some units, spread evenly over the bank, the first and last synthetic image and the
    first and last exemplar of each sign are measured.

    Parameters
    ----------
    path : Path
        A bank.
    units : int
        How many units, at most.
    weights : Path, optional
        The network's weights, where they are not where the bank's recipe says. In a bank of
        several networks, of the one that was made with them; the others' are where they were.
    say : callable
        Told which of several networks could not be had, so that its units were not measured.

    Returns
    -------
    measured : int
        Number of images.
    problems : list of str
        A sentence for each image whose activation is not the recorded one.

    Raises
    ------
    UserError
        If the network is unknown here or its weights are others than the bank's; in a bank of
        several, if the file of weights belongs to none of them.
    """
    with StimulusBank(path) as bank:
        chosen = np.unique(np.linspace(0, len(bank.units) - 1, min(units, len(bank.units))))
        sample = [bank.units[row] for row in chosen.astype(int)]
        measured, problems = 0, []
        networks = _networks(bank)
        given = _owner(networks, weights, path)
        for label, provenance in networks:
            own = [unit for unit in sample if network_of(unit.layer) == label]
            if not own:
                continue
            try:
                network = _load(provenance, path, weights if label in given else None)
            except UserError as error:
                if len(networks) == 1:
                    raise
                say(f"units of {label} were not measured again: {error}")
                continue
            for unit in own:
                count, found = _unit(network, bank, unit)
                measured += count
                problems += found
    return measured, problems


def _networks(bank: StimulusBank) -> list[tuple[str, dict[str, Any]]]:
    """Networks of a bank: what units are labelled with, and where each was written down."""
    merged = bank.provenance.get("merged")
    if merged is None:
        return [("", bank.provenance)]
    with reading(bank.path):
        return [(str(part["network_label"]), dict(part["provenance"])) for part in merged]


def _owner(
    networks: list[tuple[str, dict[str, Any]]], weights: Path | None, path: Path
) -> list[str]:
    """Give the labels of the networks that a file of weights belongs to."""
    if weights is None or len(networks) == 1:
        # The only one: what is wrong with the file is told when it is loaded.
        return [label for label, _ in networks]
    if not weights.is_file():
        raise UserError("there is no such file of weights", where=str(weights))
    found = sha256_file(weights)
    owners = [label for label, notes in networks if notes.get("weights_sha256") == found]
    if not owners:
        raise UserError(
            f"no network of this bank was made with these weights (SHA-256 {found[:12]}…)",
            where=str(path),
            remedy=f"It has: {', '.join(label for label, _ in networks)}.",
        )
    return owners


def _load(provenance: dict[str, Any], path: Path, weights: Path | None) -> Network:
    name = str(provenance.get("network", ""))
    recorded = str(provenance.get("weights_sha256", ""))
    try:
        choice = NetworkChoice.model_validate(provenance.get("network_choice") or {"name": name})
    except ValueError as error:
        raise UserError(
            "this bank does not say which network it was made with",
            where=str(path),
            remedy="Leave its images unmeasured with --sample 0.",
        ) from error
    # Neither names of classes nor labelled photographs are needed for measuring, and they may
    # have stayed on the machine that built the bank.
    choice = choice.model_copy(update={"classes": None, "accuracy_folder": None})
    if weights is not None:
        choice = choice.model_copy(update={"weights": str(weights)})
    elif choice.weights is not None and not Path(choice.weights).expanduser().is_file():
        raise UserError(
            f"the weights of {name} are not where they were when this bank was made",
            where=choice.weights,
            remedy="Give the file with --weights, or leave the images unmeasured with --sample 0.",
        )
    spec = with_weights(network_spec(choice))
    if spec.weights_sha256 != recorded:
        raise UserError(
            f"this bank was made with other weights of {name} (SHA-256 {recorded[:12]}…)",
            where=str(path),
            remedy="Give the file with --weights.",
        )
    return load_network(spec, choose_device())


def _unit(network: Network, bank: StimulusBank, unit: Unit) -> tuple[int, list[str]]:
    ids: list[str] = []
    expected: list[float] = []
    scale = 0.0
    for sign in SIGNS:
        for kind in KINDS:
            find = bank.synthetic if kind == "synthetic" else bank.exemplars
            images = find(unit.unit_id, sign)
            values = bank.activations(unit.unit_id, sign, kind)
            scale = max(scale, float(np.abs(values).max()))
            for place in sorted({0, len(images) - 1}):
                ids.append(images[place])
                expected.append(float(values[place]))
    layer = unit.layer.partition(NETWORK_SEPARATOR)[0]
    found = measure(network, np.stack(bank.images(ids)), layer)[:, unit.channel]
    problems = [
        f"{image} activates {unit.unit_id} by {value:.5g}, not by the recorded {record:.5g}"
        for image, record, value in zip(ids, expected, found, strict=True)
        if abs(record - value) > TOLERANCE * scale
    ]
    return len(ids), problems
