"""The order of work: check the network, photographs, synthesis, writing, verification."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from generation.building import assembly as bank_assembly
from generation.building.existing import check_place, find_existing
from generation.building.job import Job, plan_job
from generation.building.lock import sole_builder
from generation.building.notes import provenance
from generation.building.scheduling import Here, Scheduler
from generation.natural import stage as exemplar_stage
from generation.natural.checkpoints import RecordingFiles
from generation.natural.decode_ahead import available_cores
from generation.natural.photographs import Identity, Pool, identify, open_pool
from generation.natural.stage import Exemplars, find_exemplars
from generation.networks.accuracy import Accuracy, check_network, check_weights
from generation.networks.network import NetworkSpec, with_weights
from generation.networks.trial_run import TrialRun
from generation.recipe import Recipe
from generation.reporting.reporter import Reporter
from generation.synthesis import stage as synthesis_stage
from generation.synthesis.portions import steps_of_unit
from generation.synthesis.stage import synthesise
from generation.units.recipe_units import select
from house.errors import UserError
from stimuli import Unit, verify_bank

_CHECKING = "checking the network"
# Photographs with labels among the embedded ones, about: what the check costs.
_LABELLED = 112
# So many photographs are enough for a mean spectrum.
_ESTIMATED_FROM = 512


@dataclass(frozen=True)
class Built:
    """What a build made.

    Attributes
    ----------
    fresh : bool
        False where an identical bank lay there already and nothing was done.
    beating : float
        Share of units and signs whose synthetic images, on average, are more extreme than the
        most extreme photograph.
    all_beating : float
        Share of units and signs of whose images even the weakest is.
    """

    path: Path
    content_sha256: str
    fresh: bool
    beating: float
    all_beating: float


def build(
    recipe: Recipe,
    spec: NetworkSpec,
    recipe_text: str,
    out: Path,
    reporter: Reporter,
    *,
    replace: bool = False,
    workers: int | None = None,
    scheduler: Scheduler | None = None,
) -> Built:
    """Build a bank, or go on where an earlier call was interrupted.

    Parameters
    ----------
    recipe, spec, recipe_text
        From `generation.recipe.load_recipe`.
    out : Path
        The bank.
    reporter : Reporter
    replace : bool
        Whether a bank that was made otherwise may be replaced.
    workers : int, optional
        Threads that decode photographs ahead of the network; by default all cores where a GPU
        waits for them, else one. The bank does not depend on it.
    scheduler : Scheduler, optional
        Who makes the parts; by default this process.

    Raises
    ------
    UserError
        For everything a person can mend. Finished units stay in ``out.work`` and are taken up
        by the next call.
    """
    started = time.monotonic()
    check_place(out, replace)
    # Numbers too small for the normal format slow a processor down a hundredfold.
    torch.set_flush_denormal(True)
    scheduler = Here() if scheduler is None else scheduler
    facts = scheduler.facts(recipe.synthesis.precision)
    spec = with_weights(spec)
    check_weights(spec)
    selection = select(recipe, spec)
    units = selection.units
    if workers is None:
        workers = available_cores() if facts.device == "cuda" else 1
    pool = open_pool(recipe.natural, recipe.synthesis.image_size, workers)
    identity = identify(pool.source)
    job = plan_job(recipe, spec, out, facts, identity)
    work = job.work
    if (found := find_existing(out, job.build_key, replace)) is not None:
        _tidy(out, job, reporter)
        return Built(out, found.content_sha256, False, *found.beating)
    with sole_builder(out, work.path):
        _check_space(job, len(units), 0)
        most = bank_assembly.may_show(recipe, len(units), len(pool))
        try:
            _check_space(job, len(units), most)
        except UserError as error:
            # How many photographs are shown twice is known once they are recorded.
            reporter.say(f"note: with {most} photographs, the most that may be shown, {error}")
        _announce(recipe, units, pool, reporter)
        if selection.named_for:
            reporter.say(f"note: {selection.describe(spec.name)}")
        scheduler.begin(job, spec)
        scheduler.check(TrialRun.of(recipe.synthesis, units, facts.precision))
        accuracy = _check(scheduler, spec, reporter)
        files = RecordingFiles(work.path, job.recording_key(units))
        if threads := work.claim([files.key], facts.threads):
            reporter.say(
                f"note: earlier calls computed with {threads} threads, this one does with "
                f"{facts.threads}: activations may differ in their last bits from those of a bank "
                "made with one number of threads"
            )
        if files.foreign():
            reporter.say(
                f"note: what {work.path.name} holds of photographs was recorded for another "
                "recipe, of other photographs or by another version of this program; they are "
                "recorded anew"
            )
        exemplars = find_exemplars(
            recipe.natural,
            recipe.seed,
            spec,
            units,
            pool,
            files,
            reporter,
            scheduler.record,
        )
        _check_unchanged(identity, exemplars, pool)
        _check_space(job, len(units), len(exemplars.shown))
        made = synthesise(
            recipe.synthesis,
            units,
            exemplars.spans(),
            facts,
            job.synthesis_determinants(),
            work,
            reporter,
            scheduler.make,
            lambda: _some(pool),
        )
        spans = exemplars.spans()
        beating = _share_beating(made.means, spans), _share_beating(made.weakest, spans)
        notes = provenance(
            job,
            spec,
            selection,
            accuracy,
            identity,
            pool,
            exemplars,
            beating,
            time.monotonic() - started,
        )
        total = len(units) + len(exemplars.shown)
        advance = reporter.stage(bank_assembly.STAGE, total)
        bank_assembly.assemble(
            recipe,
            recipe_text,
            units,
            pool,
            exemplars,
            work,
            made.keys,
            notes,
            out,
            advance,
            reporter.say,
            files.checkpoint.name,
        )
        content_sha256 = _verify(out, reporter)
        _clear(job, reporter)
    return Built(out, content_sha256, True, *beating)


def _some(pool: Pool) -> Iterator[npt.NDArray[np.uint8]]:
    """Give photographs spread over the pool, for what is estimated from them."""
    spread = np.linspace(0, len(pool) - 1, min(len(pool), _ESTIMATED_FROM))
    for index in np.unique(spread.astype(int)).tolist():
        if index not in pool.unreadable:
            yield pool.image(index)[0]


def _tidy(out: Path, job: Job, reporter: Reporter) -> None:
    """Remove the work of a build that was killed after its bank was whole."""
    # Another process that builds something else in this place keeps its own.
    if job.work.path.exists():
        with contextlib.suppress(UserError), sole_builder(out, job.work.path):
            _clear(job, reporter)


def _clear(job: Job, reporter: Reporter) -> None:
    if left := job.work.remove():
        reporter.say(
            f"note: {left} files of other builds are kept in {job.work.path}; delete the folder "
            "where nobody goes on with them"
        )


def _check_space(job: Job, units: int, photographs: int) -> None:
    """Stop where the bank, and the work on it, do not fit on the disk."""
    synthetic = bank_assembly.bank_bytes(job.recipe, units, 0)
    # Synthetic images once in the work folder, once in the bank.
    left = max(2 * synthetic - job.work.size(), synthetic)
    left += bank_assembly.bank_bytes(job.recipe, 0, photographs)
    if search := job.recipe.synthesis.search_settings():
        # Every run of a search is kept until its units are finished.
        at_once = synthesis_stage.units_at_once(job.recipe.synthesis, job.facts, units)
        searched = min(at_once * job.facts.workers, units)
        left += search.most_runs * bank_assembly.bank_bytes(job.recipe, searched, 0)
    bank_assembly.check_space(job.bank.parent, left, "the bank and the work on it")


def _announce(recipe: Recipe, units: tuple[Unit, ...], pool: Pool, reporter: Reporter) -> None:
    """Tell what will have to be done, in passes of one photograph forward."""
    synthesis = recipe.synthesis
    steps = len(units) * steps_of_unit(synthesis)
    reporter.plan(
        [
            (_CHECKING, 1, float(_LABELLED)),
            (exemplar_stage.STAGE, len(pool), 1.0),
            (synthesis_stage.STAGE, steps, synthesis_stage.cost_of_step(synthesis)),
            # Decoding once more, or reading back; how many are shown is not known yet.
            (
                bank_assembly.STAGE,
                len(units) + bank_assembly.may_show(recipe, len(units), len(pool)),
                0.3,
            ),
        ]
    )


def _check(scheduler: Scheduler, spec: NetworkSpec, reporter: Reporter) -> Accuracy | None:
    checked = reporter.stage(_CHECKING, 1)
    accuracy = scheduler.check(check_network)
    checked(1)
    if accuracy is None:
        reporter.say(
            f"note: {spec.name} was not checked: its classes are not ImageNet's, which the "
            "embedded photographs show; --verify-accuracy takes a folder of its own classes"
        )
    else:
        reporter.say(
            f"{spec.name} names {accuracy.top1:.0%} of {accuracy.photographs} labelled "
            f"photographs at once and {accuracy.top5:.0%} within five guesses"
        )
    return accuracy


def _check_unchanged(identity: Identity, exemplars: Exemplars, pool: Pool) -> None:
    if identity.contents and identity.contents.hex() != exemplars.contents_sha256:
        raise UserError(
            "the photographs were changed while they were recorded",
            where=pool.source.where,
            remedy="Give the command again.",
        )


def _share_beating(means: npt.NDArray[np.float32], spans: npt.NDArray[np.float32]) -> float:
    return float(np.mean([means[:, 0] < spans[:, 0], means[:, 1] > spans[:, 1]]))


def _verify(out: Path, reporter: Reporter) -> str:
    verification = verify_bank(out)
    if not verification.ok:
        out.unlink()
        raise UserError(
            "the bank just written does not verify and was deleted: "
            + "; ".join(verification.problems),
            where=str(out),
        )
    for warning in verification.warnings:
        reporter.say(f"note: {warning}")
    return verification.content_sha256
