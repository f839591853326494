"""The next trial's images, decoded from the bank while the present one is answered."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType

from PIL import Image

from experiment.layout import LOWER_SLOT, MAX_SLOTS, MIN_SLOTS, UPPER_SLOT
from participants import PlannedTrial
from stimuli import StimulusBank

Pictures = dict[int, Image.Image]

_BREATH = 0.002  # between two images, so that the thread never delays a frame by a whole trial


def slots_of(trial: PlannedTrial) -> dict[int, str]:
    """Say which image of a trial goes into which picture slot."""
    if trial.trial_type == "intuitiveness":
        # Nine synthetic images, left, then nine natural ones, right; there are no queries.
        return dict(zip((*MIN_SLOTS, *MAX_SLOTS), trial.references_max, strict=True))
    found = dict(zip(MIN_SLOTS, trial.references_min, strict=False))
    found.update(zip(MAX_SLOTS, trial.references_max, strict=False))
    found[UPPER_SLOT] = trial.query_upper
    found[LOWER_SLOT] = trial.query_lower
    return found


class Preparation:
    """Decodes images in one background thread.

    Parameters
    ----------
    bank : StimulusBank
        Where the images are.
    side : int
        Size in pixels of the window at which they will be shown; images of another size are
        resampled here (Lanczos), so that the graphics card shows pixel for pixel.
    """

    def __init__(self, bank: StimulusBank, side: int) -> None:
        self._bank, self._side = bank, side
        self._pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="images")
        self._pending: dict[int, Future[Pictures]] = {}

    def __enter__(self) -> Preparation:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pool.shutdown(wait=True, cancel_futures=True)

    def request(self, trial: PlannedTrial | None) -> None:
        """Begin to decode a trial's images; None, or a trial already begun, does nothing."""
        if trial is not None and trial.trial not in self._pending:
            self._pending[trial.trial] = self._pool.submit(self._decode, trial, _BREATH)

    def take(self, trial: PlannedTrial) -> Pictures:
        """Give a trial's images by slot, waiting where they are not ready.

        Raises
        ------
        UserError
            If the bank cannot be read.
        """
        pending = self._pending.pop(trial.trial, None)
        self._pending.clear()
        return pending.result() if pending is not None else self._decode(trial, 0.0)

    def _decode(self, trial: PlannedTrial, breath: float) -> Pictures:
        pictures: Pictures = {}
        for slot, image_id in slots_of(trial).items():
            picture = Image.fromarray(self._bank.image(image_id))
            if picture.size != (self._side, self._side):
                picture = picture.resize((self._side, self._side), Image.Resampling.LANCZOS)
            pictures[slot] = picture
            if breath:
                time.sleep(breath)
        return pictures
