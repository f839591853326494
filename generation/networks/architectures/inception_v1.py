"""InceptionV1: the GoogLeNet of 2014 as published with TensorFlow, the network of the paper.

No batch normalisation; biases; local response normalisation in the stem; 508 channels in
``mixed4a``; TensorFlow's "SAME" padding, which is one-sided where a stride of 2 meets an even
size. Input: RGB, ``255 x - 117`` for x in [0, 1]. Layer names are those of the published graph.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from generation.networks.architectures.local_response import local_response_normalisation
from generation.networks.architectures.pooling import maxima_of_rectified, rectified_maxima
from generation.networks.architectures.rectification import rectified, rectified_branches

CLASSES = 1008
# Dropped when weights are loaded: heads that only training needed.
_TRAINING_HEADS = ("head0_", "head1_", "nn0_", "nn1_", "softmax0_", "softmax1_")
_BRANCHES = ("1x1", "3x3", "5x5", "pool")
_SIBLINGS = ("1x1", "3x3_bottleneck", "5x5_bottleneck")


class Block(NamedTuple):
    """Channels of one mixed block."""

    name: str
    entering: int
    one: int
    three_bottleneck: int
    three: int
    five_bottleneck: int
    five: int
    pool_reduce: int

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """Channels that each branch puts out: 1x1, 3x3, 5x5, pool."""
        return self.one, self.three, self.five, self.pool_reduce


BLOCKS = (
    Block("mixed3a", 192, 64, 96, 128, 16, 32, 32),
    Block("mixed3b", 256, 128, 128, 192, 32, 96, 64),
    Block("mixed4a", 480, 192, 96, 204, 16, 48, 64),
    Block("mixed4b", 508, 160, 112, 224, 24, 64, 64),
    Block("mixed4c", 512, 128, 128, 256, 24, 64, 64),
    Block("mixed4d", 512, 112, 144, 288, 32, 64, 64),
    Block("mixed4e", 528, 256, 160, 320, 32, 128, 128),
    Block("mixed5a", 832, 256, 160, 320, 48, 128, 128),
    Block("mixed5b", 832, 384, 192, 384, 48, 128, 128),
)
_POOLED_AFTER = ("mixed3b", "mixed4e")


def branch_ranges(widths: Collection[int]) -> tuple[tuple[str, int, int], ...]:
    """Name, first and last channel (inclusive) of the four branches of a block.

    Parameters
    ----------
    widths : collection of int
        Channels of the branches 1x1, 3x3, 5x5, pool.
    """
    ranges = []
    first = 0
    for name, width in zip(_BRANCHES, widths, strict=True):
        ranges.append((name, first, first + width - 1))
        first += width
    return tuple(ranges)


LAYERS: tuple[tuple[str, tuple[tuple[str, int, int], ...]], ...] = tuple(
    (block.name, branch_ranges(block.widths)) for block in BLOCKS
)


def same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Padding before and after one axis that TensorFlow calls "SAME"; odd totals end longer.

    Parameters
    ----------
    size, kernel, stride : int
        Of that axis, in pixels.
    """
    out = -(-size // stride)
    total = max((out - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2


def same_max_pool(x: Tensor) -> Tensor:
    """3x3 maximum of rectified maps with stride 2 and "SAME" padding."""
    return maxima_of_rectified(x, 3, 2, _before(x), ceil_mode=True)


def _before(x: Tensor) -> tuple[int, int]:
    # An odd size is padded by one on both sides and an even one on the far side only, which is
    # what leaving out the padding and rounding up means.
    return x.shape[2] % 2, x.shape[3] % 2


class Mixed(nn.Module):  # type: ignore[misc]
    """Four branches side by side; the ReLU of each belongs to what follows."""

    def __init__(self, block: Block) -> None:
        super().__init__()
        for name, entering, leaving, kernel in (
            ("1x1", block.entering, block.one, 1),
            ("3x3_bottleneck", block.entering, block.three_bottleneck, 1),
            ("3x3", block.three_bottleneck, block.three, 3),
            ("5x5_bottleneck", block.entering, block.five_bottleneck, 1),
            ("5x5", block.five_bottleneck, block.five, 5),
            ("pool_reduce", block.entering, block.pool_reduce, 1),
        ):
            self.add_module(name, nn.Conv2d(entering, leaving, kernel, padding=kernel // 2))
        self._widths = [block.one, block.three_bottleneck, block.five_bottleneck]
        self._merged: nn.Conv2d | None = None

    def simplify(self) -> None:
        """Compute the three 1x1 convolutions of the block's input as one from now on.

        One matrix product is faster than three narrow ones, and its gradient needs no sum.
        """
        parts = [self.get_submodule(name) for name in _SIBLINGS]
        merged = nn.Conv2d(parts[0].in_channels, sum(self._widths), 1).requires_grad_(False)
        for kind in ("weight", "bias"):
            getattr(merged, kind).copy_(torch.cat([getattr(part, kind) for part in parts]))
        self._merged = merged.to(parts[0].weight.device)

    def forward(self, x: Tensor) -> list[Tensor]:
        """Give the pre-ReLU outputs of 1x1, 3x3, 5x5, pool for a rectified input."""
        part = self.get_submodule
        if self._merged is None:
            one, three, five = (part(name)(x) for name in _SIBLINGS)
        else:
            one, three, five = self._merged(x).split(self._widths, dim=1)
        return [
            one,
            part("3x3")(F.relu(three)),
            part("5x5")(F.relu(five)),
            part("pool_reduce")(maxima_of_rectified(x, 3, 1, (1, 1))),
        ]


class InceptionV1(nn.Module):  # type: ignore[misc]
    """The network of the paper, with its head of 1,008 classes; images of any size.

    The state dict has ``conv2d0``, ``conv2d1``, ``conv2d2``, ``mixed3a.1x1``,
    ``mixed3a.3x3_bottleneck`` ... ``mixed5b.pool_reduce`` and ``softmax2``, each with ``weight``
    and ``bias``. States of the common PyTorch port (``mixed3a_1x1_pre_relu_conv.weight``) are
    loaded as well, and training heads in them are ignored.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv2d0 = nn.Conv2d(3, 64, 7, stride=2)
        self.conv2d1 = nn.Conv2d(64, 64, 1)
        self.conv2d2 = nn.Conv2d(64, 192, 3, padding=1)
        for block in BLOCKS:
            self.add_module(block.name, Mixed(block))
        self.softmax2 = nn.Linear(1024, CLASSES)

    def walk(
        self, x: Tensor, wanted: Collection[str] | None = None
    ) -> Iterator[tuple[str, Tensor]]:
        """Compute block after block, only as far as the caller asks.

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
            ``mixed3a`` ... ``mixed5b``.
        features : Tensor
            Pre-ReLU feature maps (N, C, h, w).
        """
        missing = {block.name for block in BLOCKS} if wanted is None else set(wanted)
        if not missing:
            return
        x = self._stem(x)
        for block in BLOCKS:
            branches = self.get_submodule(block.name)(x)
            if block.name in missing:
                yield block.name, torch.cat(branches, dim=1)
                missing.remove(block.name)
                if not missing:
                    return
            x = rectified_branches(branches)
            if block.name in _POOLED_AFTER:
                x = same_max_pool(x)

    def _stem(self, x: Tensor) -> Tensor:
        rows = same_padding(x.shape[2], 7, 2)
        columns = same_padding(x.shape[3], 7, 2)
        x = self.conv2d0(F.pad(x, (*columns, *rows)))
        x = rectified_maxima(x, 3, 2, _before(x), ceil_mode=True)
        x = F.relu(self.conv2d1(local_response_normalisation(x)))
        return same_max_pool(local_response_normalisation(rectified(self.conv2d2, x)))

    def classify(self, x: Tensor) -> Tensor:
        """Class scores (N, 1008) before the softmax, from preprocessed images (N, 3, H, W).

        The published graph averages 7 x 7 positions, which is all there are at 224 px; here all
        positions are averaged at any size. Class 0 and those after 1000 name nothing.
        """
        _, features = next(self.walk(x, [BLOCKS[-1].name]))
        return self.softmax2(F.relu(features).mean(dim=(2, 3)))

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Load a state in this module's names or in those of the common PyTorch port."""
        return super().load_state_dict(adapt_state(state_dict), strict=strict, assign=assign)


def adapt_state(state: Mapping[str, Any]) -> dict[str, Any]:
    """Rename a state's arrays to this module's names and leave out the training heads.

    Parameters
    ----------
    state : mapping of str to array or tensor
        In this module's names, or in those of the common PyTorch port.
    """
    adapted = {}
    for key, value in state.items():
        if key.startswith(_TRAINING_HEADS):
            continue
        node, _, kind = key.rpartition(".")
        node = node.removesuffix("_pre_relu_conv").removesuffix("_pre_activation_matmul")
        if node.startswith("mixed") and "." not in node:
            node = node.replace("_", ".", 1)
        adapted[f"{node}.{kind}" if node else kind] = value
    return adapted
