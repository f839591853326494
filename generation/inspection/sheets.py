"""Drawing contact sheets: tiles, captions and an axis of activation, with Pillow alone."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from stimuli import Sign, Unit

Pixels = npt.NDArray[np.uint8]
Values = npt.NDArray[np.float32]

INK, SOFT, FAINT, PAPER = (28, 30, 34), (98, 103, 112), (222, 225, 230), (255, 255, 255)
COLOURS = {"min": (40, 99, 168), "max": (190, 74, 38)}
TITLES = {"min": "minimally activating", "max": "maximally activating"}
Kind = Literal["synthetic", "natural"]
SIGNS: tuple[Sign, Sign] = ("min", "max")
KINDS: tuple[Kind, Kind] = ("synthetic", "natural")
# Regular and bold; as files are called on Linux, on macOS and on Windows.
_FONTS = (
    ("DejaVuSans.ttf", "Arial.ttf", "arial.ttf"),
    ("DejaVuSans-Bold.ttf", "Arial Bold.ttf", "arialbd.ttf"),
)
# More are hard to count; such numbers get an exponent.
_DECIMALS = 5
KIND_TITLES = {"synthetic": "synthetic images", "natural": "photographs"}


@dataclass(frozen=True)
class UnitImages:
    """What a sheet shows of one unit: images and activations by (kind, sign)."""

    unit: Unit
    images: dict[tuple[Kind, Sign], list[Pixels]]
    activations: dict[tuple[Kind, Sign], Values]


@functools.lru_cache(maxsize=32)
def font(size: int, bold: bool = False) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """DejaVu Sans or Arial, else the font that comes with Pillow, which has no true minus sign."""
    for name in _FONTS[bold]:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def number(value: float) -> str:
    """Write an activation: three significant digits, all before the point; a true minus sign."""
    if not math.isfinite(value):
        return "–"
    if value == 0:
        return "0"
    # Rounded first: 9.999 has one digit before the point and 10.0 two.
    rounded = float(f"{value:.3g}") if abs(value) < 1000 else value
    decimals = max(0, 2 - math.floor(math.log10(abs(rounded))))
    text = f"{rounded:.{decimals}f}" if decimals <= _DECIMALS else f"{value:.2e}"
    return text.replace("-", "−")


def unit_sheet(shown: UnitImages, network: str, layers: int) -> Image.Image:
    """Draw one unit: synthetic images above photographs, min at the left and max at the right.

    Parameters
    ----------
    shown : UnitImages
        Up to nine images of each kind and sign.
    network : str
        Its network's name.
    layers : int
        Number of the network's layers.
    """
    tile, gap, value_height, margin, gutter = 136, 6, 19, 40, 44
    panel = 3 * tile + 2 * gap
    width = 2 * margin + 2 * panel + gutter
    rows = {kind: -(-max(len(shown.images[kind, s]) for s in SIGNS) // 3) for kind in KINDS}
    block = {kind: rows[kind] * (tile + value_height + gap) + 34 for kind in KINDS}
    height = 128 + block["synthetic"] + block["natural"] + 112
    page = Image.new("RGB", (width, height), PAPER)
    draw = ImageDraw.Draw(page)
    unit = shown.unit
    draw.text(
        (margin, 24), f"{unit.layer}  {unit.branch}  channel {unit.channel}", INK, font(26, True)
    )
    draw.text(
        (margin, 60),
        f"{network}, layer {unit.layer_index + 1} of {layers}; {unit.role} unit, {unit.selection}",
        SOFT,
        font(14),
    )
    for s, sign in enumerate(SIGNS):
        x = margin + s * (panel + gutter)
        draw.rectangle((x, 98, x + panel, 101), fill=COLOURS[sign])
        draw.text((x, 106), TITLES[sign], COLOURS[sign], font(16, True))
        y = 136
        for kind in KINDS:
            draw.text((x, y), KIND_TITLES[kind], SOFT, font(13))
            _tiles(
                page,
                (x, y + 22),
                shown.images[kind, sign],
                shown.activations[kind, sign],
                tile,
                gap,
                value_height,
            )
            y += block[kind]
    _axis(draw, (margin, height - 86, width - margin), shown)
    return page


def _tiles(
    page: Image.Image,
    corner: tuple[int, int],
    images: Sequence[Pixels],
    values: Values,
    tile: int,
    gap: int,
    value_height: int,
) -> None:
    draw = ImageDraw.Draw(page)
    for index, image in enumerate(images):
        x = corner[0] + index % 3 * (tile + gap)
        y = corner[1] + index // 3 * (tile + value_height + gap)
        page.paste(_fit(image, tile), (x, y))
        draw.text((x + tile, y + tile + 3), number(values[index]), SOFT, font(11), anchor="ra")


def _fit(image: Pixels, side: int) -> Image.Image:
    return Image.fromarray(image).resize((side, side), Image.Resampling.LANCZOS)


def _axis(draw: ImageDraw.ImageDraw, place: tuple[int, int, int], shown: UnitImages) -> None:
    """Draw all activations on one line: synthetic ones above it, photographs' below."""
    left, y, right = place
    values = np.concatenate(list(shown.activations.values()))
    values = values[np.isfinite(values)]
    if not values.size:
        return
    low, high = float(values.min()), float(values.max())
    span = (high - low) or 1.0
    draw.text((left, y - 20), "activation of each image", SOFT, font(12))
    draw.text((right, y - 20), "synthetic above, photographs below", SOFT, font(12), anchor="ra")
    draw.line((left, y + 24, right, y + 24), fill=FAINT, width=2)
    for (kind, sign), group in shown.activations.items():
        for value in group[np.isfinite(group)]:
            x = left + (float(value) - low) / span * (right - left)
            top = y + 8 if kind == "synthetic" else y + 26
            draw.line((x, top, x, top + 14), fill=COLOURS[sign], width=2)
    draw.text((left, y + 46), number(low), SOFT, font(12))
    draw.text((right, y + 46), number(high), SOFT, font(12), anchor="ra")
    if low < 0 < high and 0.08 < -low / span < 0.92:
        x = left + -low / span * (right - left)
        draw.line((x, y + 20, x, y + 28), fill=SOFT, width=1)
        draw.text((x, y + 46), "0", SOFT, font(12), anchor="ma")


def overview_sheet(shown: Sequence[UnitImages], title: str, subtitle: str) -> Image.Image:
    """Draw several units, a row each: three images of each kind and sign."""
    tile, gap, label, margin, gutter, inner = 92, 4, 104, 32, 36, 14
    group = 3 * tile + 2 * gap
    half = 2 * group + inner
    width = 2 * margin + label + 2 * half + gutter
    top, row = 128, tile + 10
    page = Image.new("RGB", (width, top + len(shown) * row + margin - 10), PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((margin, 20), title, INK, font(24, True))
    draw.text((margin, 52), subtitle, SOFT, font(13))
    for s, sign in enumerate(SIGNS):
        x = margin + label + s * (half + gutter)
        draw.rectangle((x, 80, x + half, 82), fill=COLOURS[sign])
        draw.text((x, 86), TITLES[sign], COLOURS[sign], font(14, True))
        for k, kind in enumerate(KINDS):
            draw.text((x + k * (group + inner), 106), KIND_TITLES[kind], SOFT, font(12))
    for index, unit_images in enumerate(shown):
        y = top + index * row
        unit = unit_images.unit
        draw.text((margin, y + 24), unit.layer, INK, font(17, True))
        draw.text((margin, y + 48), f"{unit.branch}, {unit.channel}", SOFT, font(13))
        for s, sign in enumerate(SIGNS):
            for k, kind in enumerate(KINDS):
                x = margin + label + s * (half + gutter) + k * (group + inner)
                for i, image in enumerate(unit_images.images[kind, sign][:3]):
                    page.paste(_fit(image, tile), (x + i * (tile + gap), y))
    return page
