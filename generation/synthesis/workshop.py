"""What one optimisation leaves for the next: a lean network, and how much fits into memory."""

from __future__ import annotations

from weakref import WeakKeyDictionary

from generation.networks.network import Network
from generation.synthesis.lean_network import LeanNetwork
from generation.synthesis.memory import Passes
from generation.synthesis.settings import Settings


class Workshop:
    """Keeps what is costly to find or to make, for all optimisations of one network."""

    def __init__(self) -> None:
        self._layer: str | None = None
        self._lean: dict[tuple[str, bool], LeanNetwork] = {}
        self._passes: dict[tuple[object, ...], Passes] = {}

    def lean(self, network: Network, layer: str, settings: Settings) -> LeanNetwork:
        """Give the network as synthesis needs it; of the last layer alone it is kept."""
        # Compiled code is of use on GPUs alone, and cannot hold the kernels of a processor.
        compiled = settings.compiled and network.device.type == "cuda"
        if layer != self._layer:
            self._layer = layer
            self._lean.clear()
        key = (settings.precision, compiled)
        if key not in self._lean:
            self._lean[key] = LeanNetwork(network, layer, *key)
        return self._lean[key]

    def passes(self, network: Network, layer: str, settings: Settings) -> Passes:
        """Give the passes of such images, with the size that earlier ones have found."""
        key = (
            layer,
            settings.precision,
            settings.images,
            settings.canvas,
            settings.transforms,
            settings.crops,
            settings.targets_per_pass,
        )
        if key not in self._passes:
            self._passes[key] = Passes(network.device, settings.targets_per_pass)
        return self._passes[key]


_workshops: WeakKeyDictionary[Network, Workshop] = WeakKeyDictionary()


def workshop(network: Network) -> Workshop:
    """Give a network's workshop, which goes when the network goes."""
    return _workshops.setdefault(network, Workshop())
