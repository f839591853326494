"""Where everything of the two-alternative screen lies on the design canvas. Pure geometry."""

from __future__ import annotations

from dataclasses import dataclass

from experiment.appearance import Layout
from experiment.design_tables import references_a_side
from experiment.elements import Picture

MIN_SLOTS = range(0, 9)
MAX_SLOTS = range(9, 18)
UPPER_SLOT = 18
LOWER_SLOT = 19
SLOTS = 20
KEYS_HALF = 110.0  # half of what the keys between the query images need

_TITLE = 400.0  # room that a title over the references needs
_RISE = -14.0  # the header is taller than the footer, so the images lie a little below centre


@dataclass(frozen=True)
class TrialLayout:
    """Centres of images and texts, in canvas pixels, for a scheme.

    The minimally activating references lie left, the maximally activating ones right, as 3 x 3
    grids or single images; the query images one above the other in the centre, flush with the
    grids (published layout: images of 224 px, 7 px apart, on 1920 x 1080).
    """

    layout: Layout
    scheme: str

    @property
    def side(self) -> float:
        """Width of a grid of three images."""
        return 3 * self.layout.image + 2 * self.layout.gap

    @property
    def grid_x(self) -> float:
        """Centre of the right grid; the left one lies at its negative."""
        widest = (
            self.side
            if self.layout.width >= 2 * self.side + self.layout.image
            else (self.layout.image)
        )
        outermost = self.layout.width / 2 - self.layout.margin - widest / 2
        # Small images lie near the queries, with room for titles and the mark of feedback.
        return min(outermost, self.layout.image / 2 + 134 + max(widest, _TITLE) / 2)

    @property
    def query_y(self) -> tuple[float, float]:
        """Centres of the upper and the lower query image."""
        reach = min(self.side, self.layout.height - 330) / 2 - self.layout.image / 2
        # Small images leave room between them for the keys all the same.
        reach = max(reach, self.layout.image / 2 + KEYS_HALF)
        return _RISE + reach, _RISE - reach

    @property
    def middle_y(self) -> float:
        """Half-way between the query images."""
        return _RISE

    @property
    def title_y(self) -> float:
        """Middle of the titles above the references."""
        return _RISE + self._grid_half() + 34

    @property
    def question_y(self) -> float:
        """Middle of the question above everything."""
        return self.layout.height / 2 - 76

    @property
    def progress_y(self) -> float:
        """Middle of the progress bar."""
        return -self.layout.height / 2 + 58

    def pictures(self, condition: str) -> list[Picture]:
        """List all images of a trial in order of their slots."""
        n_min, n_max = references_a_side(self.scheme)
        found: list[Picture] = []
        if condition != "none":
            found += self._grid(MIN_SLOTS, n_min, -self.grid_x)
            found += self._grid(MAX_SLOTS, n_max, self.grid_x)
        upper, lower = self.query_y
        found.append(Picture(UPPER_SLOT, 0, upper, self.layout.image))
        found.append(Picture(LOWER_SLOT, 0, lower, self.layout.image))
        return found

    def _grid_half(self) -> float:
        n = references_a_side(self.scheme)[1]
        return (self.side if n == 9 else self.layout.image) / 2

    def _grid(self, slots: range, count: int, x: float) -> list[Picture]:
        """Lay out one image, or nine row by row from the upper left."""
        image, step = self.layout.image, self.layout.image + self.layout.gap
        if count <= 1:
            return [Picture(slots[0], x, _RISE, image)][:count]
        return [
            Picture(slots[i], x + (i % 3 - 1) * step, _RISE + (1 - i // 3) * step, image)
            for i in range(count)
        ]


@dataclass(frozen=True)
class RatingsLayout:
    """Where the two grids of a rating lie, and their titles."""

    pictures: list[Picture]
    x: float
    title_y: float


def ratings_layout(layout: Layout) -> RatingsLayout:
    """Lay out nine images left and nine right, above the line that is answered on."""
    side = 3 * layout.image + 2 * layout.gap
    top = layout.height / 2 - 128
    x = min(layout.width / 2 - layout.margin - side / 2, side / 2 + 90)
    step = layout.image + layout.gap
    pictures = [
        Picture(
            slots[i],
            centre + (i % 3 - 1) * step,
            top - side / 2 + (1 - i // 3) * step,
            layout.image,
        )
        for slots, centre in ((MIN_SLOTS, -x), (MAX_SLOTS, x))
        for i in range(9)
    ]
    return RatingsLayout(pictures, x, top + 26)
