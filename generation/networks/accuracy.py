"""Checking a network before it is believed: it must name what a person has named."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from pathlib import Path

import numpy as np
import torch

from generation.natural.decoding import UNDECODABLE, Decoding, decode
from generation.natural.sources import Source, open_source
from generation.networks.class_labels import ClassLabels
from generation.networks.hooked_networks import state_sha256
from generation.networks.module_factories import load_factory
from generation.networks.network import Network
from generation.networks.spec import NetworkSpec
from house.errors import UserError

# A network that is wired or preprocessed wrongly loses far more than this.
TOLERANCE = 0.05
# Of the validation images themselves: other decoders and resizes move the figure by less.
FOLDER_TOLERANCE = 0.02
# Any network of ImageNet's classes names more of the embedded photographs than this.
FLOOR = 0.5
_UNREADABLE_SHARE = 0.01
_BATCH = 16


@dataclass(frozen=True)
class Accuracy:
    """Shares of labelled photographs whose class is the first, or among the first five.

    Attributes
    ----------
    photographs : int
        How many were shown.
    where : str
        Where they lie.
    expected : float, optional
        What `top1` was compared with.
    """

    photographs: int
    top1: float
    top5: float
    where: str = "embedded"
    expected: float | None = None


def check_weights(spec: NetworkSpec) -> None:
    """Stop where a network of the user's own has other weights each time that it is built.

    Raises
    ------
    UserError
        If so: a bank of it could never be verified, nor a build go on.
    """
    place, colon, _ = spec.name.partition(":")
    if spec.weights is not None or not colon or place == "torchvision":
        return
    if state_sha256(load_factory(spec.name)()) != spec.weights_sha256:
        raise UserError(
            "this network has other weights each time that it is built",
            where=spec.name,
            remedy="Load trained weights in the factory, give them by --weights, or, where random "
            "ones are meant, set torch.manual_seed in the factory.",
        )


def measure_accuracy(network: Network, folder: Path | None = None) -> Accuracy:
    """Classify labelled photographs.

    Parameters
    ----------
    network : Network
    folder : Path, optional
        A folder of class folders, called by name, synset or number of the class, or any source
        of photographs with labels (see `generation.natural.sources`); the embedded ones by default.

    Raises
    ------
    UserError
        If no photograph has a label, a label is no class of the network, or too many
        photographs cannot be read.
    """
    source = open_source("embedded" if folder is None else str(folder))
    where = "the embedded photographs" if folder is None else str(folder)
    labels = ClassLabels(network.spec)
    wanted = _wanted(source, labels, where)
    size = network.spec.check_size
    how = Decoding(resize=256 if size <= 240 else round(size * 8 / 7), size=size)
    indices = list(wanted)
    first = five = shown = 0
    for start in range(0, len(indices), _BATCH):
        images, outputs = [], []
        for index in indices[start : start + _BATCH]:
            try:
                images.append(decode(source.read(index), how))
            except UNDECODABLE:
                continue
            outputs.append(wanted[index])
        if not images:
            continue
        pixels = torch.from_numpy(np.stack(images)).to(network.device)
        scores = network.classify(pixels.permute(0, 3, 1, 2).float() / 255)
        _check_outputs(scores.shape[-1], outputs, network, where)
        best = scores.topk(min(5, scores.shape[-1])).indices.tolist()
        first += sum(guesses[0] in right for guesses, right in zip(best, outputs, strict=True))
        five += sum(
            bool(right & set(guesses)) for guesses, right in zip(best, outputs, strict=True)
        )
        shown += len(images)
    if shown < (1 - _UNREADABLE_SHARE) * len(indices):
        raise UserError(
            f"{len(indices) - shown} of {len(indices)} labelled photographs cannot be read",
            where=where,
        )
    return Accuracy(shown, first / shown, five / shown, "embedded" if folder is None else where)


def _wanted(source: Source, labels: ClassLabels, where: str) -> dict[int, frozenset[int]]:
    known: dict[str, frozenset[int]] = {}
    wanted = {}
    for index in range(len(source)):
        label = source.credit(index).label
        if not label:
            continue
        if label not in known:
            try:
                known[label] = labels.outputs(label)
            except UserError as error:
                raise UserError(error.problem, where=where, remedy=error.remedy) from None
        wanted[index] = known[label]
    if not wanted:
        raise UserError(
            "no photograph has a label to check the network by",
            where=where,
            remedy="Put them into folders called after their classes, as ImageNet's are.",
        )
    return wanted


def _check_outputs(count: int, outputs: list[frozenset[int]], network: Network, where: str) -> None:
    highest = max(max(right) for right in outputs)
    if highest >= count:
        raise UserError(
            f"{network.spec.name} has {count} outputs, and the labels need number {highest}",
            where=where,
        )


def check_network(network: Network) -> Accuracy | None:
    """Stop unless the network recognises labelled photographs as well as it should.

    With a folder in the recipe's ``[network]`` table its photographs count; else the embedded
    ones.

    Returns
    -------
    Accuracy or None
        None where the outputs are not ImageNet's classes, so that nothing can be checked.

    Raises
    ------
    UserError
        If it recognises too few.
    """
    spec = network.spec
    if spec.accuracy_folder is not None:
        return _check_folder(network, spec.accuracy_folder)
    if not ClassLabels(spec).imagenet:
        return None
    found = measure_accuracy(network)
    lowest1 = FLOOR if spec.expected_top1 is None else spec.expected_top1 - TOLERANCE
    lowest5 = FLOOR if spec.expected_top5 is None else spec.expected_top5 - TOLERANCE
    for what, share, lowest, expected in (
        ("first answer holds", found.top1, lowest1, spec.expected_top1),
        ("first five answers hold", found.top5, lowest5, spec.expected_top5),
    ):
        if share < lowest:
            raise _not_recognised(spec.name, what, share, found.photographs, expected or lowest)
    return replace(found, expected=spec.expected_top1)


def _check_folder(network: Network, folder: Path) -> Accuracy:
    expected = network.spec.expected_folder_top1
    if expected is None:
        raise UserError(
            f"how well {network.spec.name} should recognise these photographs is not known",
            where=str(folder),
            remedy="Say which share it must name at first: --expected-top1, or `expected_top1` in "
            "the recipe's [network] table.",
        )
    found = measure_accuracy(network, folder)
    # Three standard errors of a share, for folders of few photographs.
    chance = 3 * sqrt(expected * (1 - expected) / found.photographs)
    if found.top1 < expected - max(FOLDER_TOLERANCE, chance):
        raise _not_recognised(
            network.spec.name, "first answer holds", found.top1, found.photographs, expected
        )
    return replace(found, expected=expected)


def _not_recognised(
    name: str, what: str, share: float, photographs: int, expected: float
) -> UserError:
    return UserError(
        f"{name} does not recognise what it should: its {what} the class of "
        f"{share:.0%} of {photographs} labelled photographs, expected {expected:.0%}",
        remedy="The weights, the preprocessing or the labels are not what they should be.",
    )
