"""From what people call a class to the outputs of a network that mean it."""

from __future__ import annotations

import functools
import re
from pathlib import Path

from generation.networks.hooked_networks import IMAGENET_CLASSES
from generation.networks.spec import NetworkSpec
from house.errors import UserError
from house.names import nearest

_SYNSETS = Path(__file__).parents[1] / "weights" / "imagenet_synsets.txt"


@functools.cache
def imagenet_classes() -> tuple[tuple[str, str], ...]:
    """Synset and name of ImageNet's 1,000 classes in their usual order."""
    names = IMAGENET_CLASSES.read_text(encoding="utf-8").splitlines()
    synsets = _SYNSETS.read_text(encoding="utf-8").splitlines()
    return tuple(zip(synsets, names, strict=True))


class ClassLabels:
    """Labels of one network's outputs.

    Parameters
    ----------
    spec : NetworkSpec
        Its `class_names` say what the outputs mean; where they are ImageNet's, synsets and
        ImageNet's numbers are understood, too. Without names a label is an output's number.
    """

    def __init__(self, spec: NetworkSpec) -> None:
        self._network = spec.name
        names = spec.class_names()
        self._outputs: dict[str, set[int]] = {}
        for output, name in enumerate(names):
            if name:
                # Of two classes with the same first name either will do.
                self._outputs.setdefault(_key(name), set()).add(output)
        imagenet = {name for _, name in imagenet_classes()}
        self.named = bool(names)
        self.imagenet = self.named and {name for name in names if name} <= imagenet

    def outputs(self, label: str) -> frozenset[int]:
        """Give the outputs that a label means.

        Parameters
        ----------
        label : str
            A class's name (``goldfinch``, ``giant_panda``), its synset (``n01531178``), or its
            number.

        Raises
        ------
        UserError
            If no output is called so; with the nearest right names.
        """
        text = label.strip()
        if re.fullmatch(r"\d+", text):
            return self._numbered(int(text), label)
        if re.fullmatch(r"n\d{8}", text) and self.imagenet:
            for synset, name in imagenet_classes():
                if synset == text:
                    text = name
        found = self._outputs.get(_key(text))
        if found:
            return frozenset(found)
        how = (
            "Label photographs by name, synset or number of their class."
            if self.named
            else "The names of its outputs are not known: label photographs by the number of the "
            "output, or name them in a file (`classes` in the recipe's [network] table)."
        )
        raise UserError(
            f'the label "{label}" is no class of {self._network}',
            remedy=f"{nearest(_key(text), self._outputs)} {how}".strip(),
        )

    def _numbered(self, number: int, label: str) -> frozenset[int]:
        if not self.imagenet:
            return frozenset({number})
        if number >= len(imagenet_classes()):
            raise UserError(f'the label "{label}" is no class: ImageNet has 0 to 999')
        found = self._outputs.get(_key(imagenet_classes()[number][1]))
        if not found:
            raise UserError(f"class {number} of ImageNet is no output of {self._network}")
        return frozenset(found)


def _key(name: str) -> str:
    return name.partition(",")[0].replace("_", " ").strip().casefold()
