"""A recipe's ``network``: a name alone, or a ``[network]`` table."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

_Triple = tuple[float, float, float]


class NetworkChoice(BaseModel):
    """Which network, and for one of a user's own how it is looked at.

    Attributes
    ----------
    name : str
        A registered name; ``torchvision:resnet50``; or ``package.module:factory``.
    weights : str, optional
        Their file, where the network does not bring them.
    classes : str, optional
        File with the names of the network's outputs, one a line.
    accuracy_folder : str, optional
        Labelled photographs that the network is checked by before it is believed.
    expected_top1 : float, optional
        Share of them that it must name at first; the published figure by default.
    layers : tuple of str
        Submodules whose channels are units; all that have channels by default.
    scale, mean, std, bgr : optional
        Input: ``(scale x - mean) / std`` for x in [0, 1]. By default what torchvision's weights
        were trained with, and x itself for a module of a user's own.
    size : int, optional
        Side in pixels of the images that the network was trained on; 224 by default.
    fixed_size : bool, optional
        Whether the network takes images of that size only, so that others must be resized.
    layout, prefix_tokens : optional
        See `generation.networks.architectures.hooked.HookedNetwork`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    name: str = Field(min_length=1)
    weights: str | None = None
    classes: str | None = None
    accuracy_folder: str | None = None
    expected_top1: float | None = Field(default=None, ge=0, le=1)
    layers: tuple[str, ...] = ()
    scale: float | None = Field(default=None, gt=0)
    mean: _Triple | None = None
    std: _Triple | None = None
    bgr: bool | None = None
    size: int | None = Field(default=None, ge=16)
    fixed_size: bool | None = None
    layout: Literal["channels_first", "channels_last"] | None = None
    prefix_tokens: int | None = Field(default=None, ge=0)

    def given(self) -> dict[str, Any]:
        """Give what was said, and nothing that was left at its default."""
        return self.model_dump(mode="json", exclude_defaults=True)


def _from_name(value: Any) -> Any:
    return {"name": value} if isinstance(value, str) else value


NetworkKey = Annotated[NetworkChoice, BeforeValidator(_from_name)]
