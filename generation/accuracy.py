"""Checking a network before it is believed: it must name what a person has named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from generation.networks import Network
from generation.photographs import decode
from house.errors import UserError
from stimuli.photographs import load_photographs

# A network that is wired or preprocessed wrongly loses far more than this.
TOLERANCE = 0.05


@dataclass(frozen=True)
class Accuracy:
    """Shares of labelled photographs whose class is the first, or among the first five."""

    photographs: int
    top1: float
    top5: float


def measure_accuracy(network: Network, folder: Path | None = None) -> Accuracy:
    """Classify the labelled photographs of a pool.

    Parameters
    ----------
    network : Network
    folder : Path, optional
        A pool with labels spelt as the network's class names; the embedded one by default.

    Raises
    ------
    UserError
        If no photograph has a label, or a label is no class of the network.
    """
    names = {name: index for index, name in enumerate(network.spec.class_names())}
    labelled = [photograph for photograph in load_photographs(folder) if photograph.label]
    where = str(folder or "the embedded photographs")
    if not labelled:
        raise UserError("no photograph has a label to check the network by", where=where)
    first = five = 0
    for photograph in labelled:
        if photograph.label not in names:
            raise UserError(
                f'the label "{photograph.label}" of {photograph.name} is no class of '
                f"{network.spec.name}",
                where=where,
            )
        size = network.spec.check_size
        pixels = torch.from_numpy(decode(photograph.path, 256, size)).to(network.device)
        scores = network.classify(pixels.permute(2, 0, 1)[None].float() / 255)[0]
        best = scores.topk(5).indices.tolist()
        first += best[0] == names[photograph.label]
        five += names[photograph.label] in best
    return Accuracy(len(labelled), first / len(labelled), five / len(labelled))


def check_network(network: Network) -> Accuracy:
    """Stop unless the network recognises the embedded photographs as well as it should.

    Raises
    ------
    UserError
        If the share right at first or within five is below the recorded one by more than
        `TOLERANCE`.
    """
    found = measure_accuracy(network)
    spec = network.spec
    for what, share, expected in (
        ("first answer", found.top1, spec.expected_top1),
        ("first five answers", found.top5, spec.expected_top5),
    ):
        if share < expected - TOLERANCE:
            raise UserError(
                f"{spec.name} does not recognise what it should: its {what} hold the class of "
                f"{share:.0%} of {found.photographs} labelled photographs, expected {expected:.0%}",
                remedy="Weights, preprocessing or photographs were changed; restore them.",
            )
    return found
