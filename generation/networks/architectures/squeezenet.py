"""SqueezeNet 1.1 (Iandola et al. 2016), with every fire module's output before its ReLU."""

from __future__ import annotations

from collections.abc import Collection, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generation.networks.architectures.pooling import rectified_maxima

# (name, channels that enter, squeezed channels, channels of each of the two expand branches)
FIRES = (
    ("fire2", 64, 16, 64),
    ("fire3", 128, 16, 64),
    ("fire4", 128, 32, 128),
    ("fire5", 256, 32, 128),
    ("fire6", 256, 48, 192),
    ("fire7", 384, 48, 192),
    ("fire8", 384, 64, 256),
    ("fire9", 512, 64, 256),
)
_POOLED_AFTER = ("fire3", "fire5")


class Fire(nn.Module):  # type: ignore[misc]
    """Squeeze by 1x1, then expand by 1x1 and by 3x3 side by side.

    Units are defined on the concatenation of both branches before its ReLU, so the ReLU belongs
    to whatever comes next.
    """

    def __init__(self, entering: int, squeezed: int, expanded: int) -> None:
        super().__init__()
        self.squeeze = nn.Conv2d(entering, squeezed, 1)
        self.expand1x1 = nn.Conv2d(squeezed, expanded, 1)
        self.expand3x3 = nn.Conv2d(squeezed, expanded, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        """Give the pre-ReLU concatenation of both branches."""
        squeezed = F.relu(self.squeeze(x))
        return torch.cat([self.expand1x1(squeezed), self.expand3x3(squeezed)], dim=1)


class SqueezeNet(nn.Module):  # type: ignore[misc]
    """SqueezeNet 1.1 with its 1,000-way head; accepts images of any size from 31 pixels."""

    def __init__(self) -> None:
        super().__init__()
        # The stem pads by one pixel, as the trained weights expect.
        self.conv1 = nn.Conv2d(3, 64, 3, stride=2, padding=1)
        for name, entering, squeezed, expanded in FIRES:
            self.add_module(name, Fire(entering, squeezed, expanded))
        self.conv10 = nn.Conv2d(512, 1000, 1)

    def walk(
        self, x: Tensor, wanted: Collection[str] | None = None
    ) -> Iterator[tuple[str, Tensor]]:
        """Compute layer after layer, only as far as the caller asks.

        Parameters
        ----------
        x : Tensor
            Preprocessed images (N, 3, H, W).
        wanted : collection of str, optional
            Yield these layers only and compute nothing beyond the last of them; every layer by
            default.

        Yields
        ------
        name : str
            ``fire2`` ... ``fire9``.
        features : Tensor
            Pre-ReLU feature maps (N, C, h, w).
        """
        missing = {name for name, *_ in FIRES} if wanted is None else set(wanted)
        if not missing:
            return
        x = rectified_maxima(self.conv1(x), 3, 2)
        for name, *_ in FIRES:
            features = self.get_submodule(name)(x)
            if name in missing:
                yield name, features
                missing.remove(name)
                if not missing:
                    return
            x = rectified_maxima(features, 3, 2) if name in _POOLED_AFTER else F.relu(features)

    def classify(self, x: Tensor) -> Tensor:
        """Class scores (N, 1000) before the softmax, from preprocessed images (N, 3, H, W)."""
        _, features = next(self.walk(x, [FIRES[-1][0]]))
        return F.relu(self.conv10(F.relu(features))).mean(dim=(2, 3))
