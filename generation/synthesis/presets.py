"""Published ways of making synthetic images, under a name; a recipe may change any of it."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

from house.names import nearest

# lucid's standard transforms draw from 21 angles and, so that many pictures stay upright, five
# more zeros.
_LUCID_ANGLES = [*(float(angle) for angle in range(-10, 11)), *[0.0] * 5]

PRESETS: dict[str, dict[str, Any]] = {
    # Borowski et al. (2021), appendix A.1.1, and the code that made their images.
    "borowski2021": {
        "images_per_sign": 10,
        "canvas": 256,
        "crop": 16,
        "steps": 2561,
        "learning_rate": 0.05,
        "schedule": "constant",
        "sd": 0.01,
        "diversity": 100.0,
        "diversity_unit": "activation",
        "redirected_updates": 17,
        # Theirs were 32-bit; on some processors another is faster, and not the same.
        "precision": "float32",
        "transforms": {
            "jitter_before": 16,
            "scales": [1.0, 0.975, 1.025, 0.95, 1.05],
            "angles": [float(angle) for angle in range(-5, 6)],
            "jitter_after": 8,
        },
    },
    # Olah et al. (2017): what lucid's `render_vis` does when it is told nothing.
    "lucid": {
        "canvas": 128,
        "crop": 0,
        # It stops at the update whose number, from 0, is 512: as the paper's, whose is 2,560.
        "steps": 513,
        "learning_rate": 0.05,
        "schedule": "constant",
        "sd": 0.01,
        "diversity": 0.0,
        "diversity_unit": "activation",
        "redirected_updates": 17,
        "transforms": {
            "pad": 12,
            "jitter_before": 8,
            "scales": [1 + (index - 5) / 50 for index in range(11)],
            "angles": _LUCID_ANGLES,
            "jitter_after": 4,
        },
    },
    # The same with single pixels as parameters.
    "pixels": {
        "parametrization": "pixels",
        "canvas": 256,
        "crop": 16,
        "steps": 512,
        "learning_rate": 0.05,
        "sd": 0.01,
        "diversity": 0.0,
        "diversity_unit": "activation",
        "redirected_updates": 17,
    },
    # Zimmermann et al. (2023): as in 2021, but until nothing is gained any more, and as diverse as
    # is possible while every image beats the photographs.
    "zimmermann2023": {
        "images_per_sign": 9,
        "canvas": 256,
        "crop": 16,
        "steps": 20_000,
        "learning_rate": 0.05,
        "schedule": "constant",
        "sd": 0.01,
        "diversity_unit": "activation",
        "redirected_updates": 0,
        "flatness": {},
        "search": {},
        "sort": True,
    },
    # Fel et al. (2023). Their crops are a half to a twentieth of a picture of 512 and more pixels;
    # pictures that are shown and measured whole want larger ones.
    "maco": {
        "parametrization": "maco",
        "canvas": 224,
        "crop": 0,
        "steps": 256,
        "optimizer": "nadam",
        "learning_rate": 1.0,
        "schedule": "constant",
        "sd": 1.0,
        "diversity": 0.0,
        "diversity_unit": "activation",
        "redirected_updates": 0,
        "crops": {"count": 8, "first_side": 1.0, "last_side": 0.5, "input_size": 224},
    },
}


def with_preset(given: Any) -> Any:
    """Fill in what a preset says and a recipe's ``[synthesis]`` table leaves open.

    Parameters
    ----------
    given : dict
        The table. Anything else, and a name that is no preset's, is left for others to refuse.

    """
    name = given.get("preset") if isinstance(given, dict) else None
    if not isinstance(name, str) or name not in PRESETS:
        return given
    filled = deepcopy(PRESETS[name])
    for key, value in given.items():
        if isinstance(value, dict) and isinstance(filled.get(key), dict):
            filled[key] = {**filled[key], **value}
        else:
            filled[key] = value
    return filled


def no_such_preset(name: Any) -> str:
    """Say what presets there are."""
    return f"should be one of {', '.join(PRESETS)}. {nearest(str(name), PRESETS)}".strip()
