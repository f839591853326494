"""Looking at a bank: a sheet for every unit, an overview, one HTML page."""

from __future__ import annotations

from pathlib import Path

import jinja2
import numpy as np

from generation.inspection.sheets import KINDS, SIGNS, UnitImages, overview_sheet, unit_sheet
from house.files import atomic_write_text, atomic_writer
from stimuli import StimulusBank, Unit

_SHOWN = 9
_OVERVIEW_ROWS = 12
_JPEG_LIMIT = 600_000


def draw_preview(path: Path, folder: Path) -> Path:
    """Draw everything about a bank that a person wants to see before using it.

    Parameters
    ----------
    path : Path
        The bank.
    folder : Path
        Where ``index.html``, ``overview.jpg`` and a PNG for each unit go.

    Returns
    -------
    Path
        The page.
    """
    with StimulusBank(path) as bank:
        merged = [str(part["network_label"]) for part in bank.provenance.get("merged", [])]
        network = ", ".join(merged) or str(bank.provenance.get("network", "network"))
        deepest = 1 + max(unit.layer_index for unit in bank.units)
        layers = int(bank.provenance.get("network_layers", deepest))
        cards = []
        for unit in bank.units:
            shown = _read(bank, unit)
            file = folder / f"{unit.unit_id.replace(':', '_')}.png"
            with atomic_writer(file) as temporary:
                unit_sheet(shown, network, layers).save(temporary, format="PNG", optimize=True)
            cards.append(_card(bank, unit, file.name))
        _overview(bank, folder / "overview.jpg", network)
        page = folder / "index.html"
        atomic_write_text(page, _render(bank, network, cards))
        return page


def _read(bank: StimulusBank, unit: Unit) -> UnitImages:
    images, activations = {}, {}
    for sign in SIGNS:
        for kind in KINDS:
            find = bank.synthetic if kind == "synthetic" else bank.exemplars
            images[kind, sign] = bank.images(find(unit.unit_id, sign)[:_SHOWN])
            activations[kind, sign] = bank.activations(unit.unit_id, sign, kind)[:_SHOWN]
    return UnitImages(unit, images, activations)


def _overview(bank: StimulusBank, path: Path, network: str) -> None:
    main = [unit for unit in bank.units if unit.role == "main"] or list(bank.units)
    main.sort(key=lambda unit: (unit.layer_index, unit.channel))
    if len(main) > _OVERVIEW_ROWS:
        rows = np.linspace(0, len(main) - 1, _OVERVIEW_ROWS).round().astype(int)
        main = [main[row] for row in rows]
    sheet = overview_sheet(
        [_read(bank, unit) for unit in main],
        f"What units of {network} respond to",
        "one unit a row, from early to late layers",
    )
    with atomic_writer(path) as temporary:
        for quality in (90, 85, 80, 70, 60, 50):
            sheet.save(temporary, format="JPEG", quality=quality, optimize=True)
            if temporary.stat().st_size < _JPEG_LIMIT:
                break


def _card(bank: StimulusBank, unit: Unit, sheet: str) -> dict[str, object]:
    curves = {sign: bank.curve(unit.unit_id, sign).astype(float) for sign in SIGNS}
    low = min(curve.min() for curve in curves.values())
    high = max(curve.max() for curve in curves.values())
    span = (high - low) or 1.0
    lines = {
        sign: " ".join(
            f"{200 * i / max(len(curve) - 1, 1):.1f},{58 - 56 * (value - low) / span:.1f}"
            for i, value in enumerate(curve)
        )
        for sign, curve in curves.items()
    }
    means = {
        (kind, sign): float(bank.activations(unit.unit_id, sign, kind).mean())
        for kind in KINDS
        for sign in SIGNS
    }
    return {"unit": unit, "sheet": sheet, "lines": lines, "means": means}


def _render(bank: StimulusBank, network: str, cards: list[dict[str, object]]) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parents[1] / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("preview.html").render(
        bank=bank, network=network, cards=cards, provenance=bank.provenance
    )
