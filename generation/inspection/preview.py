"""Looking at a bank: a sheet for every unit, an overview, one HTML page."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import jinja2
import numpy as np

from generation.inspection.sheets import (
    KINDS,
    SIGNS,
    UnitImages,
    number,
    overview_sheet,
    unit_sheet,
)
from house.errors import UserError
from house.files import atomic_write_text, atomic_writer
from stimuli import StimulusBank, Unit
from stimuli.damage import reading

_SHOWN = 9
_OVERVIEW_ROWS = 12
_JPEG_LIMIT = 600_000
# Seconds. A page of thousands of units takes a moment to write, too.
_PAGE_EVERY = 5.0


def draw_preview(
    path: Path,
    folder: Path,
    chosen: str | None = None,
    advance: Callable[[int, int], None] = lambda done, of: None,
) -> Path:
    """Draw everything about a bank that a person wants to see before using it.

    The page stands from the first sheet on and grows, so it can be looked at meanwhile, and an
    interrupt leaves it with what was drawn.

    Parameters
    ----------
    path : Path
        The bank.
    folder : Path
        Where ``index.html``, ``overview.jpg`` and a PNG for each unit go.
    chosen : str, optional
        Which units: see `choose`. All by default.
    advance : callable
        Told how many sheets are drawn, of how many.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    UserError
        If the bank cannot be read, has no such unit, or the folder cannot be written to.
    """
    page = folder / "index.html"
    with StimulusBank(path) as bank:
        units = choose(bank, chosen)
        with reading(path):
            merged = [str(part["network_label"]) for part in bank.provenance.get("merged") or []]
            network = ", ".join(merged) or str(bank.provenance.get("network", "network"))
            deepest = 1 + max(unit.layer_index for unit in bank.units)
            layers = int(bank.provenance.get("network_layers", deepest))
        _overview(bank, units, folder / "overview.jpg", network)
        cards: list[dict[str, object]] = []
        written = -math.inf
        try:
            for unit in units:
                with reading(path):
                    shown, card = _read(bank, unit), _card(bank, unit)
                file = folder / f"{unit.unit_id.replace(':', '_')}.png"
                with atomic_writer(file, durable=False) as temporary:
                    unit_sheet(shown, network, layers).save(temporary, format="PNG")
                cards.append({**card, "sheet": file.name})
                advance(len(cards), len(units))
                if time.monotonic() - written > _PAGE_EVERY and len(cards) < len(units):
                    atomic_write_text(page, _render(bank, network, cards, len(units)))
                    written = time.monotonic()
        finally:
            if cards:
                atomic_write_text(page, _render(bank, network, cards, len(units)))
    return page


def choose(bank: StimulusBank, chosen: str | None) -> tuple[Unit, ...]:
    """Give the units that a preview is to show.

    Parameters
    ----------
    bank : StimulusBank
    chosen : str, optional
        A number: so many units, spread evenly over the bank. Or unit ids, separated by commas.

    Raises
    ------
    UserError
        If the bank has no such unit, or no units at all.
    """
    if not bank.units:
        raise UserError("this bank has no units", where=str(bank.path))
    if chosen is None:
        return bank.units
    if chosen.strip().isdecimal():
        count = min(int(chosen), len(bank.units))
        if count < 1:
            raise UserError("a preview shows at least one unit", where="--units")
        rows = np.linspace(0, len(bank.units) - 1, count).round().astype(int)
        return tuple(bank.units[row] for row in rows)
    names = dict.fromkeys(name.strip() for name in chosen.split(",") if name.strip())
    if not names:
        raise UserError(
            "this names no unit", where="--units", remedy="Give a number, or unit ids with commas."
        )
    return tuple(bank.unit(name) for name in names)


def _read(bank: StimulusBank, unit: Unit) -> UnitImages:
    images, activations = {}, {}
    for sign in SIGNS:
        for kind in KINDS:
            find = bank.synthetic if kind == "synthetic" else bank.exemplars
            images[kind, sign] = bank.images(find(unit.unit_id, sign)[:_SHOWN])
            activations[kind, sign] = bank.activations(unit.unit_id, sign, kind)[:_SHOWN]
    return UnitImages(unit, images, activations)


def _overview(bank: StimulusBank, units: Sequence[Unit], path: Path, network: str) -> None:
    main = [unit for unit in units if unit.role == "main"] or list(units)
    main.sort(key=lambda unit: (unit.layer_index, unit.channel))
    if len(main) > _OVERVIEW_ROWS:
        rows = np.linspace(0, len(main) - 1, _OVERVIEW_ROWS).round().astype(int)
        main = [main[row] for row in rows]
    with reading(bank.path):
        shown = [_read(bank, unit) for unit in main]
    sheet = overview_sheet(
        shown, f"What units of {network} respond to", "one unit a row, from early to late layers"
    )
    with atomic_writer(path, durable=False) as temporary:
        for quality in (90, 85, 80, 70, 60, 50):
            sheet.save(temporary, format="JPEG", quality=quality, optimize=True)
            if temporary.stat().st_size < _JPEG_LIMIT:
                break


def _card(bank: StimulusBank, unit: Unit) -> dict[str, Any]:
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
        (kind, sign): number(float(bank.activations(unit.unit_id, sign, kind).mean()))
        for kind in KINDS
        for sign in SIGNS
    }
    return {"unit": unit, "lines": lines, "means": means}


def _render(
    bank: StimulusBank, network: str, cards: Sequence[dict[str, object]], wanted: int
) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parents[1] / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    software = bank.provenance.get("software")
    return environment.get_template("preview.html").render(
        bank=bank,
        network=network,
        cards=cards,
        wanted=wanted,
        steps=int(bank.curve_steps.max(initial=-1)) + 1,
        provenance=bank.provenance,
        software=software if isinstance(software, dict) else {},
    )
