"""Gradients for images that no ReLU lets through: lucid's redirection, exactly.

The first images are nearly grey. Where they drive every input of some ReLU below zero, nothing of
the gradient arrives and the optimisation never starts. For an image whose gradient through a ReLU
vanished as a whole, that ReLU then passes what would raise its negative inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.overrides import TorchFunctionMode

_RELUS: frozenset[Callable[..., Any]] = frozenset(
    (F.relu, F.relu_, torch.relu, torch.relu_, Tensor.relu, Tensor.relu_)
)


class _RedirectedRelu(torch.autograd.Function):  # type: ignore[misc]
    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.save_for_backward(x)
        return x.clamp_min(0)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (x,) = ctx.saved_tensors
        # An input of exactly zero passes its gradient, unlike in torch's own ReLU.
        negative = x < 0
        plain = gradient.masked_fill(negative, 0)
        arrives = (plain != 0).flatten(1).any(dim=1)
        # A loss is made smaller, so that its positive gradients are those that push down.
        redirected = gradient.masked_fill(negative & (gradient > 0), 0)
        return torch.where(arrives.view(-1, *[1] * (x.dim() - 1)), plain, redirected)


def redirected_relu(x: Tensor) -> Tensor:
    """Rectify, with redirected gradients.

    Parameters
    ----------
    x : Tensor
        Images first (N, ...).

    Returns
    -------
    Tensor
        ``max(x, 0)``. Its gradient is that of a ReLU for every image of which anything arrives;
        for the others it is passed where the input is positive or the gradient (of a loss) is
        negative.

    Notes
    -----
    The rule of ``redirected_relu_grad`` in lucid (Olah et al. 2017), decided per image and ReLU.
    """
    result: Tensor = _RedirectedRelu.apply(x)
    return result


class _Redirecting(TorchFunctionMode):  # type: ignore[misc]
    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if func in _RELUS:
            return redirected_relu(args[0] if args else (kwargs or {})["input"])
        return func(*args, **(kwargs or {}))


def redirecting(update: int, updates: int) -> AbstractContextManager[Any]:
    """Redirect the gradients of all ReLUs of a network that runs within this context.

    Whatever network it is: the call of a ReLU is caught, not its module. Architectures that
    compute a ReLU elsewhere than the original see
    `generation.networks.architectures.rectification`.

    Parameters
    ----------
    update : int
        Number of the update, from 0.
    updates : int
        How many updates are redirected; 17 in lucid.
    """
    return _Redirecting() if update < updates else nullcontext()
