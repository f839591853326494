"""The report of a timing test: one HTML file with its plots inside."""

from __future__ import annotations

import base64
import html
import io
import itertools
from pathlib import Path
from typing import Any

from house.files import atomic_write_text

_INK, _MARK = "#1c1c1e", "#0a6f9c"

_STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; color: #1c1c1e; max-width: 50rem;
       margin: 2.5rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; } h2 { font-size: 1.15rem; margin-top: 2rem; }
table { border-collapse: collapse; } td { padding: .25rem 1.2rem .25rem 0; vertical-align: top; }
td:first-child { color: #5b5b60; } .wrong { color: #a3260b; } img { max-width: 100%; }
"""


def write_report(path: Path, result: dict[str, Any]) -> None:
    """Write the report.

    Parameters
    ----------
    path : Path
        The HTML file.
    result : dict
        What `timing_test.run_timing_test` gives.
    """
    parts = [
        "<!doctype html><html lang='en'><meta charset='utf-8'><title>Timing test</title>",
        f"<style>{_STYLE}</style><h1>Timing test</h1>",
        _table(_machine(result)),
        "<h2>Flips</h2>",
        _table(_flips(result)),
        _picture("Intervals between flips", _plot_flips(result)),
    ]
    if result["presses"]:
        parts += [
            "<h2>Presses</h2>",
            _table(_presses(result["presses"])),
            _picture("From the time stamp to the look that found it", _plot_presses(result)),
        ]
    if result["light"]:
        parts += [
            "<h2>Photodiode</h2>",
            _table(_light(result["light"])),
            _picture("Lag of the light", _plot_light(result["light"])),
        ]
    else:
        parts.append(
            "<h2>Photodiode</h2><p>No recording yet: <code>python -m experiment timing-test "
            "--out FOLDER --recording FILE.csv</code> adds one.</p>"
        )
    atomic_write_text(path, "\n".join(parts) + "</html>\n")


def _machine(result: dict[str, Any]) -> list[tuple[str, str]]:
    screen = result["screen"]
    wrong = [check for check in result["checks"] if check.get("problem")]
    return [
        ("Made", result["made"]),
        ("System", result["machine"]["system"]),
        ("Graphics", screen["graphics"]),
        ("Window", f"{screen['size_px'][0]} x {screen['size_px'][1]} px"),
        ("Keyboard", str(result["keyboard"].get("backend", "not tested"))),
        ("Triggers", ", ".join(t["kind"] for t in result["triggers"]) or "none"),
        *(("Wrong", f"{check['name']}: {check['problem']}") for check in wrong),
    ]


def _flips(result: dict[str, Any]) -> list[tuple[str, str]]:
    flips = result["flips"]
    said = flips["intervals"]
    rate, dropped = flips["rate"], flips["dropped"]
    unknown = "n/a: flips do not wait for the screen"
    return [
        ("Intervals", str(said["n"])),
        ("Refresh rate", unknown if rate is None else f"{rate:.3f} Hz"),
        ("Dropped frames", unknown if dropped is None else str(dropped)),
        ("Mean ± SD", f"{_ms(said['mean'])} ± {_ms(said['sd'])} ms"),
        ("Least, largest", f"{_ms(said['least'])}, {_ms(said['largest'])} ms"),
    ]


def _presses(presses: dict[str, Any]) -> list[tuple[str, str]]:
    delay, apart = presses["delay"], presses["apart"]
    rows = [
        ("Presses", str(delay["n"])),
        ("Stamp to look, mean ± SD", f"{_ms(delay['mean'])} ± {_ms(delay['sd'])} ms"),
        ("Least, largest", f"{_ms(delay['least'])}, {_ms(delay['largest'])} ms"),
    ]
    if apart is not None and apart < 0.2:
        rows.append(("Wrong", "all stamps are equally old: they are made when the program looks"))
    return rows


def _light(light: dict[str, Any]) -> list[tuple[str, str]]:
    lag = light["lag"]
    mean = "not known: the clocks differ" if lag["mean"] is None else f"{_ms(lag['mean'])} ms"
    rows = [
        ("Compared with", light["reference"]),
        ("Onsets seen, missed", f"{lag['n']}, {light['missed']}"),
        ("Onset lag", mean),
        ("SD of the lag", f"{_ms(lag['sd'])} ms"),
    ]
    if lag["least"] is not None:
        rows.append(("Least, largest", f"{_ms(lag['least'])}, {_ms(lag['largest'])} ms"))
    if light["drift_ppm"] is not None:
        rows.append(("Drift of the recorder", f"{light['drift_ppm']:.1f} ppm"))
    return rows


def _ms(seconds: float | None) -> str:
    return "n/a" if seconds is None else f"{1000 * seconds:.3f}"


def _table(rows: list[tuple[str, str]]) -> str:
    cells = "".join(
        f"<tr{' class=wrong' if name == 'Wrong' else ''}><td>{html.escape(name)}"
        f"<td>{html.escape(value)}</tr>"
        for name, value in rows
    )
    return f"<table>{cells}</table>"


def _picture(title: str, png: bytes) -> str:
    data = base64.b64encode(png).decode("ascii")
    return f"<p><img alt='{html.escape(title)}' src='data:image/png;base64,{data}'></p>"


def _plot_flips(result: dict[str, Any]) -> bytes:
    flips = result["flip_times"]
    intervals = [1000 * (b - a) for a, b in itertools.pairwise(flips)]
    rate = result["flips"]["rate"]
    lines = {} if rate is None else {"1.5 periods": 1500 / rate}
    return _plot(intervals, "Flip", "Interval (ms)", "Intervals between flips", lines)


def _plot_presses(result: dict[str, Any]) -> bytes:
    delays = [1000 * (found - stamp) for stamp, found, _ in result["press_times"]]
    return _plot(delays, "Press", "Delay (ms)", "From the time stamp to the look that found it", {})


def _plot_light(light: dict[str, Any]) -> bytes:
    lags = [1000 * lag for lag in light["lags"]]
    return _plot(lags, "Onset", "Lag (ms)", f"Light after {light['reference']}", {})


def _plot(values: list[float], x: str, y: str, title: str, lines: dict[str, float]) -> bytes:
    """Draw values in order, and beside them how they are spread."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.2), layout="constrained")
    along, spread = figure.subplots(1, 2, width_ratios=(3, 1), sharey=True)
    along.plot(range(1, len(values) + 1), values, ".", ms=3, color=_MARK)
    spread.hist(values, bins=min(40, 5 + len(values) // 5), orientation="horizontal", color=_MARK)
    for name, level in lines.items():
        along.axhline(level, color=_INK, lw=0.8, ls="--")
        along.annotate(name, (0, level), xytext=(2, 2), textcoords="offset points", fontsize=8)
    along.set(xlabel=x, ylabel=y, title=title)
    spread.set(xlabel="Count")
    for axes in (along, spread):
        axes.spines[["top", "right"]].set_visible(False)
    made = io.BytesIO()
    figure.savefig(made, format="png", dpi=130)
    return made.getvalue()
