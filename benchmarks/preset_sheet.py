"""Draw what the presets make of the same units, early to late, beside photographs.

    python benchmarks/preset_sheet.py docs/images/presets.jpg --steps 96 --images 1

One row a preset; the number is the activation measured on the image as shown.
The last row shows the embedded photographs that activate the unit most.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image, ImageDraw

from generation.inspection.sheets import font, number
from generation.networks.network import Network, load_network
from generation.synthesis.maco import natural_magnitude
from generation.synthesis.measuring import measure
from generation.synthesis.optimize import optimize, resolve_precision
from generation.synthesis.recipe_settings import Synthesis
from generation.synthesis.settings import Target
from stimuli.photographs import load_photographs

UNITS = ("fire3:3x3:103", "fire5:3x3:160", "fire7:3x3:368", "fire9:3x3:300")
PRESETS = ("borowski2021", "pixels", "maco")
SIZE, SHOWN, LEFT, TOP = 224, 150, 110, 24

Pictures = list[tuple[npt.NDArray[np.uint8], float]]


def pool(count: int) -> list[npt.NDArray[np.uint8]]:
    """Give embedded photographs as they are shown."""
    found = []
    for photograph in load_photographs()[:: max(1, len(load_photographs()) // count)]:
        picture = Image.open(photograph.path).convert("RGB")
        side = min(picture.size)
        left, top = (picture.width - side) // 2, (picture.height - side) // 2
        square = picture.crop((left, top, left + side, top + side)).resize((SIZE, SIZE))
        found.append(np.asarray(square))
    return found


def synthetic(
    network: Network,
    preset: str,
    unit: str,
    images: int,
    steps: int,
    photographs: list[npt.NDArray[np.uint8]],
) -> Pictures:
    """Make a unit's maximal images with a preset."""
    given = {"preset": preset, "images_per_sign": images, "steps": steps}
    synthesis = Synthesis.model_validate(given)
    layer, _, channel = unit.split(":")
    settings = synthesis.settings(resolve_precision("auto", network.device))
    # The published weight is for the activations of another network.
    target = Target(unit, int(channel), 1, 0.0)
    magnitude = natural_magnitude(photographs, synthesis.canvas)
    (made,) = optimize(network, layer, [target], settings, 1, magnitude=magnitude)
    return list(zip(made.images, made.activations.tolist(), strict=True))


def strongest(
    network: Network, unit: str, images: int, photographs: list[npt.NDArray[np.uint8]]
) -> Pictures:
    """Find the photographs that activate a unit most."""
    layer, _, channel = unit.split(":")
    found = measure(network, np.stack(photographs), layer)[:, int(channel)]
    best = np.argsort(-found)[:images]
    return [(photographs[index], float(found[index])) for index in best]


def draw(rows: dict[str, list[Pictures]]) -> Image.Image:
    """Lay the pictures out."""
    written = font(13)
    block = max(len(pictures) for units in rows.values() for pictures in units) * (SHOWN + 4) + 12
    width = LEFT + len(UNITS) * block
    sheet = Image.new("RGB", (width, TOP + len(rows) * (SHOWN + 22)), "white")
    pen = ImageDraw.Draw(sheet)
    for row, (name, units) in enumerate(rows.items()):
        top = TOP + row * (SHOWN + 22)
        pen.text((6, top + SHOWN // 2), name, "black", written)
        for column, pictures in enumerate(units):
            left = LEFT + column * block
            if row == 0:
                pen.text((left, 4), UNITS[column], "black", written)
            for place, (pixels, value) in enumerate(pictures):
                at = left + place * (SHOWN + 4)
                small = Image.fromarray(pixels).resize((SHOWN, SHOWN), Image.Resampling.LANCZOS)
                sheet.paste(small, (at, top))
                pen.text((at, top + SHOWN + 2), number(value), "black", written)
    return sheet


def main() -> None:
    """Write the sheet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--steps", type=int, default=256)
    parser.add_argument("--images", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    network = load_network("squeezenet1_1")
    photographs = pool(120)
    rows = {
        preset: [
            synthetic(network, preset, unit, options.images, options.steps, photographs)
            for unit in UNITS
        ]
        for preset in PRESETS
    }
    rows["photographs"] = [strongest(network, unit, options.images, photographs) for unit in UNITS]
    draw(rows).save(options.out, quality=82, optimize=True)


if __name__ == "__main__":
    main()
