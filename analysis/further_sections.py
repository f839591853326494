"""Which sections a report gets besides its own: people and machine, several networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from analysis.analyse import Results
from analysis.load import Dataset
from analysis.sections import Section


def further_sections(
    dataset: Dataset,
    results: list[Results],
    *,
    bank: Path | None,
    machine: str | None,
    bootstrap: int,
    seed: int,
    step: Callable[[str], None] = lambda _: None,
) -> list[Section]:
    """Make the sections that the data allow.

    Parameters
    ----------
    dataset, results
        What was read and computed.
    bank : Path, optional
        Bank whose machine's answers people are compared with.
    machine : str, optional
        Which of its predictions; the only one by default.
    bootstrap, seed : int
        Resamples of units, and their seed.
    step : callable
        Told what is being done.
    """
    # Imported here: most reports have neither.
    from analysis.machine_section import machine_section
    from analysis.networks_section import networks_section

    found = []
    if bank is not None:
        step("Comparing with the machine")
        found.append(
            machine_section(dataset, results, bank, machine, bootstrap=bootstrap, seed=seed)
        )
    networks = networks_section(results, bootstrap=bootstrap, seed=seed)
    return [*found, networks] if networks is not None else found
