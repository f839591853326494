"""torchvision's GoogLeNet (batch normalisation, 512 channels in 4a), walked block by block.

Its "5x5" branches convolve 3x3, as its trained weights expect. Input: RGB, ``2 x - 1`` for x in
[0, 1]; that is what torchvision's normalisation and its ``transform_input`` amount to together.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from generation.networks.architectures.inception_v1 import branch_ranges
from generation.networks.architectures.rectification import rectified_branches
from generation.networks.torchvision_models import torchvision_models

_WIDTHS = {
    "inception3a": (64, 128, 32, 32),
    "inception3b": (128, 192, 96, 64),
    "inception4a": (192, 208, 48, 64),
    "inception4b": (160, 224, 64, 64),
    "inception4c": (128, 256, 64, 64),
    "inception4d": (112, 288, 64, 64),
    "inception4e": (256, 320, 128, 128),
    "inception5a": (256, 320, 128, 128),
    "inception5b": (384, 384, 128, 128),
}
LAYERS: tuple[tuple[str, tuple[tuple[str, int, int], ...]], ...] = tuple(
    (name, branch_ranges(widths)) for name, widths in _WIDTHS.items()
)
_POOLED_AFTER = {"inception3b": "maxpool3", "inception4e": "maxpool4"}
_CHILDREN = ("conv1", "maxpool1", "conv2", "conv3", "maxpool2", "maxpool3", "maxpool4", "fc")


class GoogLeNet(nn.Module):  # type: ignore[misc]
    """torchvision's modules under torchvision's names, so that its weights fit.

    The auxiliary heads are left out: they are for training, and the published ones are not even
    trained. Their arrays are ignored in a state that holds them.

    Raises
    ------
    UserError
        If torchvision is not installed or does not work.
    """

    def __init__(self) -> None:
        super().__init__()
        original = torchvision_models().googlenet(
            weights=None, aux_logits=False, init_weights=False
        )
        for name in (*_CHILDREN, *_WIDTHS):
            self.add_module(name, original.get_submodule(name))

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
            ``inception3a`` ... ``inception5b``.
        features : Tensor
            Feature maps (N, C, h, w) of all branches after batch norm and before their ReLU.
        """
        missing = set(_WIDTHS if wanted is None else wanted)
        if not missing:
            return
        x = self.maxpool2(self.conv3(self.conv2(self.maxpool1(self.conv1(x)))))
        for name in _WIDTHS:
            branches = _before_relu(self.get_submodule(name), x)
            if name in missing:
                yield name, torch.cat(branches, dim=1)
                missing.remove(name)
                if not missing:
                    return
            x = rectified_branches(branches)
            if name in _POOLED_AFTER:
                x = self.get_submodule(_POOLED_AFTER[name])(x)

    def simplify(self) -> None:
        """Let the convolutions do what their batch norms do, from now on."""
        for unit in list(self.modules()):
            convolution, norm = (getattr(unit, name, None) for name in ("conv", "bn"))
            if isinstance(convolution, nn.Conv2d) and isinstance(norm, nn.BatchNorm2d):
                # In evaluation both are linear.
                unit.conv = fuse_conv_bn_eval(convolution, norm).requires_grad_(False)
                unit.bn = nn.Identity()

    def classify(self, x: Tensor) -> Tensor:
        """Class scores (N, 1000) before the softmax, from preprocessed images (N, 3, H, W)."""
        _, features = next(self.walk(x, ["inception5b"]))
        return self.fc(F.relu(features).mean(dim=(2, 3)))

    def load_state_dict(
        self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False
    ) -> Any:
        """Load torchvision's state; arrays of the auxiliary heads are ignored."""
        state = {k: v for k, v in state_dict.items() if not k.startswith(("aux1.", "aux2."))}
        return super().load_state_dict(state, strict=strict, assign=assign)


def _before_relu(block: Any, x: Tensor) -> list[Tensor]:
    return [
        _normalised(block.branch1, x),
        _normalised(block.branch2[1], block.branch2[0](x)),
        _normalised(block.branch3[1], block.branch3[0](x)),
        _normalised(block.branch4[1], block.branch4[0](x)),
    ]


def _normalised(unit: Any, x: Tensor) -> Tensor:
    return unit.bn(unit.conv(x))
