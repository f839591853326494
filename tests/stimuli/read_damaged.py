"""Read and verify damaged banks in a process that HDF5 may crash: a line of JSON a file."""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

from house.errors import UserError
from stimuli import SIGNS, StimulusBank, verify_bank


def read_everything(path: Path) -> None:
    """Read all that a session, a report or a preview may want of a bank."""
    with StimulusBank(path) as bank:
        str((bank.name, bank.recipe, bank.content_sha256, bank.schema_version))
        bank.provenance.get("seed")
        str((bank.image_size, bank.images_per_sign, bank.n_batches, bank.batch_size))
        bank.compute_content_sha256()
        bank.curve_steps.sum()
        for unit in bank.units:
            for sign in SIGNS:
                bank.images(bank.synthetic(unit.unit_id, sign))
                shown = bank.exemplars(unit.unit_id, sign)
                bank.images(shown)
                for image in shown[:2]:
                    bank.source(image)
                bank.images(bank.batch(unit.unit_id, sign, 0))
                bank.activations(unit.unit_id, sign).sum()
                bank.activations(unit.unit_id, sign, "natural").sum()
                bank.curve(unit.unit_id, sign).sum()
        for name in bank.machine_names:
            bank.machine(name)


def outcome(path: Path) -> dict[str, str]:
    """Give what each of the two said; a traceback under its own key."""
    told = {"file": path.name}
    for what, call in (("read", read_everything), ("verify", verify_bank)):
        try:
            found = call(path)
            told[what] = "; ".join(found.problems) if found is not None else ""
        except UserError as error:
            told[what] = str(error)
        except Exception:
            told["traceback"] = traceback.format_exc()
    return told


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps(outcome(Path(name))), flush=True)
