"""The recipe's part on photographs: where they lie, how they are decoded, ranked and dealt."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

# A network needs room for its stem and poolings; smaller pictures have no position left.
SMALLEST_INPUT = 32

# Keys that decide how the work is done, not what comes out of it. Where photographs lie is one:
# their names, sizes and contents tell one set from another, however its place is written.
EXECUTION = frozenset(
    {"photographs", "root", "unreadable_limit", "unreadable_share", "checkpoint_passes"}
)


class Natural(BaseModel):
    """Photographs and how they are dealt.

    Attributes
    ----------
    photographs : str
        "embedded"; a folder with an ``attribution.tsv``; a folder of images, in class folders or
        not; WebDataset shards (a folder of ``.tar`` files, one such file, or a pattern); or a
        listing (``.txt``, ``.tsv``, ``.csv``). See `generation.natural.sources`.
    root : str, optional
        A folder into which links of that folder may lead, and in which the files of a listing
        lie: its paths are then relative to it. By default the folder, or the listing's own.
    decoder : str
        "pillow": as published. "draft": JPEG files are decoded at a smaller scale where that is
        still larger than needed; faster, and pixels differ.
    upright : bool
        Whether a rotation that a camera noted in the file is carried out. The published pipeline
        ignored it.
    resize : int
        Shorter side in pixels after the bilinear resize; the centre is then cut to the size of
        the synthetic images. Published: 256, then 224.
    shortest_side : int
        Photographs whose shorter side has fewer pixels are left out. By default all are taken, as
        published, however much they are enlarged.
    batches : int
        Disjoint batches of a unit and sign.
    positions : int
        Images of a batch: one query and the references, one of each rank bin. Two for schemes
        with one reference.
    assignment : str
        How ranks are dealt to batches: "described" in the paper, or as its "released" code does,
        whose batches overlap; see `generation.natural.assignment`.
    query_percentile : float, optional
        Take queries from around this percentile of the unit's activations (and its mirror image
        for minimal ones) instead of the most extreme bin: harder the nearer to 50.
    images_per_pass : int
        Photographs in one pass of the network.
    unreadable_limit, unreadable_share
        Unreadable files up to this number, or up to this share of all if that is more, are logged
        and left out; more stop the build.
    checkpoint_passes : int
        Passes after which the recording is stored, to go on from there.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    photographs: str = "embedded"
    root: str | None = None
    decoder: Literal["pillow", "draft"] = "pillow"
    upright: bool = True
    resize: int = Field(default=256, ge=SMALLEST_INPUT)
    shortest_side: int = Field(default=1, ge=1)
    batches: int = Field(default=20, ge=1)
    positions: int = Field(default=10, ge=2)
    assignment: Literal["described", "released"] = "described"
    query_percentile: float | None = Field(default=None, gt=50, lt=100)
    images_per_pass: int = Field(default=16, ge=1)
    unreadable_limit: int = Field(default=10, ge=0)
    unreadable_share: float = Field(default=0.001, ge=0, le=1)
    checkpoint_passes: int = Field(default=64, ge=1)

    @model_validator(mode="after")
    def _dealing(self) -> Natural:
        if self.assignment == "released":
            if self.query_percentile is not None:
                raise ValueError("query_percentile needs the assignment as described")
            if self.positions > self.batches:
                raise ValueError(
                    "the released assignment needs at least as many batches as positions"
                )
        return self

    @property
    def ranks(self) -> int:
        """Exemplars of each unit and sign."""
        return self.batches * self.positions

    def determinants(self) -> dict[str, Any]:
        """Give the settings that decide the bank; the others may change between two calls."""
        return self.model_dump(mode="json", exclude=set(EXECUTION))
