"""Every screen: nothing clipped, nothing overlapping, what it shows, what it takes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

import pytest

from experiment.bank_index import BankSnapshot
from experiment.design import make_plan
from experiment.elements import Box, Element, Picture, Text, extent, font, shape_text, text_picture
from experiment.layout import SLOTS, TrialLayout
from experiment.observers import Answer
from experiment.protocol import Protocol, parse_protocol
from experiment.screens import (
    BlockPage,
    EndPage,
    FeedbackScreen,
    InstructionsPage,
    KeysPage,
    LeavePage,
    PausePage,
    Press,
    ScorePage,
    Screen,
    TrialScreen,
    Wish,
    ask,
    show_keys,
    show_page,
    show_pause,
)
from experiment.stage import VirtualStage
from experiment.texts import TEXTS, Catalogue, load_texts
from house.errors import UserError
from house.names import embedded_names
from participants import PlannedTrial

MODES = ("joint", "two-step")


class Scripted:
    """Presses at given times after each onset, one list a screen."""

    def __init__(self, stage: VirtualStage, *scripts: list[tuple[str, float]]) -> None:
        self.stage, self.scripts = stage, list(scripts)
        self.due: list[Press] = []
        self.early: list[Press] = []

    def open(self, onset: float) -> None:
        self.due = []

    def expect(self, screen: Screen, onset: float) -> None:
        self.due = [Press(key, onset + delay) for key, delay in self.scripts.pop(0)]

    def poll(self) -> list[Press]:
        found = [press for press in self.due if press.time <= self.stage.now()]
        self.due = [press for press in self.due if press.time > self.stage.now()]
        return found

    def upcoming(self) -> float | None:
        return self.due[0].time if self.due else None

    def rejected(self) -> list[Press]:
        return self.early

    def peek(self, key: str) -> bool:
        return False

    def describe(self) -> dict[str, object]:
        return {}

    def close(self) -> None: ...


def with_mode(demo_text: str, mode: str, **changes: str) -> Protocol:
    text = demo_text.replace('mode = "joint"', f'mode = "{mode}"')
    for old, new in changes.items():
        text = text.replace(f"{old} = 0 ", f"{old} = {new} ")
    return parse_protocol(text, "demo")


def trial_of(protocol: Protocol, text: str, bank: BankSnapshot, condition: str) -> PlannedTrial:
    plan = make_plan(protocol, text, bank, 1)
    return next(t for t in plan.trials() if t.condition == condition and t.trial_type == "main")


def screens(
    protocol: Protocol, texts: Catalogue, demo_text: str, bank: BankSnapshot
) -> Iterator[Screen]:
    yield InstructionsPage(protocol, texts)
    yield KeysPage(protocol, texts)
    yield KeysPage(protocol, texts, seen=set(protocol.response.answer_keys()))
    yield PausePage(protocol, texts)
    yield PausePage(protocol, texts, in_trial=True)
    yield LeavePage(protocol, texts)
    yield EndPage(protocol, texts, 150, 162)
    for kind in ("practice", "main"):
        yield ScorePage(protocol, texts, kind, 0, 18)
        yield ScorePage(protocol, texts, kind, 17, 18)
        for condition in ("none", "natural", "synthetic"):
            for count in (1, 45):
                yield BlockPage(protocol, texts, kind, condition, count, 12, 16)
    for condition in ("none", "natural", "synthetic"):
        trial = trial_of(protocol, demo_text, bank, condition)
        for shown in (trial, trial.model_copy(update={"trial_type": "practice"})):
            yield TrialScreen(protocol, texts, shown, 0.0)
            yield TrialScreen(protocol, texts, shown, 1.0)
            for choice in ("upper", "lower", None):
                if protocol.response.mode == "two-step" and choice:
                    yield TrialScreen(protocol, texts, shown, 0.5, choice)
                for reveal in (False, True):
                    yield FeedbackScreen(protocol, texts, shown, 0.5, choice, reveal)


def may_overlap(one: Element, other: Element) -> bool:
    """Frames lie under pictures, labels on boxes, a key on its shadow, a bar on its track."""
    if isinstance(one, Box) and isinstance(other, Box):
        return True
    return isinstance(one, Box) != isinstance(other, Box)


@pytest.mark.parametrize("language", embedded_names(TEXTS, ".toml"))
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("scheme", ["Max 1", "Min+Max 1", "Max 9", "Min+Max 9"])
def test_nothing_is_clipped_or_overlaps(
    demo_text: str, bank: BankSnapshot, mode: str, scheme: str, language: str
) -> None:
    text = demo_text.replace('"Min+Max 9"', f'"{scheme}"')
    protocol = with_mode(text, mode)
    half_width, half_height = protocol.layout.width / 2, protocol.layout.height / 2
    count = 0
    for screen in screens(protocol, load_texts(language), text, bank):
        elements = screen.elements()
        count += 1
        for element in elements:
            place = extent(element)
            assert place.left >= -half_width, (screen.name, element)
            assert place.right <= half_width, (screen.name, element)
            assert place.bottom >= -half_height, (screen.name, element)
            assert place.top <= half_height, (screen.name, element)
        for one, other in combinations(elements, 2):
            overlap = extent(one).overlaps(extent(other))
            assert not overlap or may_overlap(one, other), (screen.name, one, other)
    assert count > 50


@pytest.mark.parametrize("mode", MODES)
def test_boxes_touch_no_text_but_their_own(demo_text: str, bank: BankSnapshot, mode: str) -> None:
    protocol = with_mode(demo_text, mode)
    for screen in screens(protocol, load_texts("en"), demo_text, bank):
        elements = screen.elements()
        for box in (e for e in elements if isinstance(e, Box)):
            for text in (e for e in elements if isinstance(e, Text)):
                if extent(box).overlaps(extent(text)):
                    # Text on a box lies inside it.
                    inside, outside = extent(text), extent(box)
                    assert inside.left >= outside.left, (screen.name, box, text)
                    assert inside.right <= outside.right, (screen.name, box, text)


def luminance(colour: str) -> float:
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_every_text_has_contrast(
    protocol: Protocol, texts: Catalogue, demo_text: str, bank: BankSnapshot
) -> None:
    for screen in screens(protocol, texts, demo_text, bank):
        for element in screen.elements():
            if isinstance(element, Text):
                light, dark = sorted((luminance(element.colour), luminance(element.on)))[::-1]
                # WCAG 2.2 AA for large type is 3, for running text 4.5; muted labels are large.
                assert (light + 0.05) / (dark + 0.05) >= 4, element


def test_all_texts_are_used_and_all_glyphs_exist(
    texts: Catalogue, demo_text: str, bank: BankSnapshot
) -> None:
    used: set[str] = set()

    class Watching(Catalogue):
        def text(self, name: str, /, **values: object) -> str:
            used.add(name)
            return super().text(name, **values)

    watching = Watching("en", texts.entries)
    for mode in MODES:
        for screen in screens(with_mode(demo_text, mode), watching, demo_text, bank):
            for element in screen.elements():
                if isinstance(element, Text):
                    face = font(30, element.bold)
                    missing = bytes(face.getmask("\uffff"))
                    for letter in set(element.text) - set(" \n"):
                        assert bytes(face.getmask(letter)) != missing, letter
    assert used == set(texts.entries)


def test_slots_are_all_used_once(demo_text: str) -> None:
    protocol = parse_protocol(demo_text, "demo")
    pictures = TrialLayout(protocol.layout, "Min+Max 9").pictures("natural")
    assert sorted(p.slot for p in pictures) == list(range(SLOTS))


def test_published_layout(protocol: Protocol) -> None:
    """Images of 224 px, 7 px apart, minimal left, maximal right, queries in the centre."""
    pictures = {p.slot: p for p in TrialLayout(protocol.layout, "Min+Max 9").pictures("natural")}
    assert {p.size for p in pictures.values()} == {224}
    for first in (0, 9):
        assert pictures[first + 1].x - pictures[first].x == 231
        assert pictures[first].y - pictures[first + 3].y == 231
    assert all(pictures[i].x < -112 for i in range(9))
    assert all(pictures[i].x > 112 for i in range(9, 18))
    assert pictures[18].x == pictures[19].x == 0
    assert pictures[18].y > pictures[19].y
    assert pictures[18].y == pictures[0].y
    assert pictures[19].y == pictures[6].y


def test_none_shows_only_the_queries(
    protocol: Protocol, texts: Catalogue, demo_text: str, bank: BankSnapshot
) -> None:
    trial = trial_of(protocol, demo_text, bank, "none")
    shown = TrialScreen(protocol, texts, trial).elements()
    assert [p.slot for p in shown if isinstance(p, Picture)] == [18, 19]
    assert not any("activating" in t.text for t in shown if isinstance(t, Text))


@pytest.mark.parametrize("choice", ["upper", "lower"])
def test_feedback_marks_the_correct_image_by_more_than_colour(
    protocol: Protocol, texts: Catalogue, demo_text: str, bank: BankSnapshot, choice: str
) -> None:
    trial = trial_of(protocol, demo_text, bank, "natural")
    before = FeedbackScreen(protocol, texts, trial, 0, choice).elements()  # type: ignore[arg-type]
    after = FeedbackScreen(protocol, texts, trial, 0, choice, True).elements()  # type: ignore[arg-type]
    fills = [e.fill for e in before if isinstance(e, Box)]
    assert protocol.colours.chosen in fills
    assert protocol.colours.correct not in fills
    assert protocol.colours.correct in [e.fill for e in after if isinstance(e, Box)]
    word = texts.text("trial.correct")
    marks = [e for e in after if isinstance(e, Text) and e.text == word]
    assert len(marks) == 1
    assert (marks[0].y > 0) == (trial.correct_position == "upper")
    assert not [e for e in before if isinstance(e, Text) and e.text == word]
    # Both frames show where the choice was right: the later, narrower one lies on the wider.
    frames = [e for e in after if isinstance(e, Box) and e.width == e.height and e.width > 200]
    assert len(frames) == 2
    assert frames[0].width > frames[1].width


@pytest.mark.parametrize(
    ("key", "choice", "confidence"),
    [
        ("u", "upper", 1),
        ("i", "upper", 2),
        ("o", "upper", 3),
        ("j", "lower", 1),
        ("k", "lower", 2),
        ("l", "lower", 3),
    ],
)
def test_joint_answers(
    protocol: Protocol,
    texts: Catalogue,
    demo_text: str,
    bank: BankSnapshot,
    key: str,
    choice: str,
    confidence: int,
) -> None:
    stage = VirtualStage(time=10.0)
    screen = TrialScreen(protocol, texts, trial_of(protocol, demo_text, bank, "none"))
    outcome = ask(screen, stage, Scripted(stage, [("x", 0.1), ("space", 0.2), (key, 0.7)]))
    assert (outcome.key, outcome.choice, outcome.confidence) == (key, choice, confidence)
    assert outcome.choice_time == outcome.confidence_time == pytest.approx(10.7)
    assert outcome.onset == 10.0


def test_two_step_answers(texts: Catalogue, demo_text: str, bank: BankSnapshot) -> None:
    protocol = with_mode(demo_text, "two-step")
    stage = VirtualStage()
    screen = TrialScreen(protocol, texts, trial_of(protocol, demo_text, bank, "natural"))
    # A confidence key before the choice means nothing; the choice cannot be taken back.
    script = [("3", 0.1), ("down", 0.5), ("up", 0.6), ("2", 0.9)]
    outcome = ask(screen, stage, Scripted(stage, script))
    assert (outcome.key, outcome.choice, outcome.confidence) == ("down", "lower", 2)
    assert (outcome.choice_time, outcome.confidence_time) == (0.5, 0.9)


@pytest.mark.parametrize("mode", MODES)
def test_time_limit(texts: Catalogue, demo_text: str, bank: BankSnapshot, mode: str) -> None:
    protocol = with_mode(demo_text, mode, time_limit="1.5")
    stage = VirtualStage()
    screen = TrialScreen(protocol, texts, trial_of(protocol, demo_text, bank, "none"))
    late = "u" if mode == "joint" else "up"
    outcome = ask(screen, stage, Scripted(stage, [(late, 1.6)]))
    assert outcome.timed_out
    assert outcome.choice is None
    assert stage.now() == 1.5


def test_escape_breaks_a_trial_off(
    protocol: Protocol, texts: Catalogue, demo_text: str, bank: BankSnapshot
) -> None:
    stage = VirtualStage()
    screen = TrialScreen(protocol, texts, trial_of(protocol, demo_text, bank, "none"))
    outcome = ask(screen, stage, Scripted(stage, [("escape", 0.3), ("u", 0.4)]))
    assert outcome.paused
    assert outcome.choice is None


def test_a_pause_asked_for_before_the_onset_is_granted(
    protocol: Protocol, texts: Catalogue, demo_text: str, bank: BankSnapshot
) -> None:
    stage = VirtualStage(time=5.0)
    script = Scripted(stage, [("u", 0.4)], [("space", 0.4)])
    screen = TrialScreen(protocol, texts, trial_of(protocol, demo_text, bank, "none"))
    script.early = [Press("escape", 4.9)]
    assert ask(screen, stage, script).paused
    assert show_page(InstructionsPage(protocol, texts), stage, script)[0] is Wish.PAUSE
    script.early = [Press("u", 4.9)]
    assert ask(screen, stage, script).choice == "upper"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("choice", ["upper", "lower"])
@pytest.mark.parametrize("confidence", [1, 2, 3])
def test_a_simulated_answer_comes_back_as_it_was_meant(
    texts: Catalogue, demo_text: str, bank: BankSnapshot, mode: str, choice: str, confidence: int
) -> None:
    protocol = with_mode(demo_text, mode)
    stage = VirtualStage()
    screen = TrialScreen(protocol, texts, trial_of(protocol, demo_text, bank, "none"))

    class Fixed:
        def answer(self, trial: PlannedTrial) -> Answer:
            return Answer(choice, confidence, 0.8, 0.4)  # type: ignore[arg-type]

        def describe(self) -> dict[str, object]:
            return {}

    script = [(p.key, p.time) for p in screen.simulate(Fixed(), 0.0, 2.0)]
    outcome = ask(screen, stage, Scripted(stage, script))
    assert (outcome.choice, outcome.confidence) == (choice, confidence)
    assert outcome.choice_time == 0.4
    assert outcome.confidence_time == pytest.approx(0.4 if mode == "joint" else 0.6)


def test_pages_take_only_their_keys(protocol: Protocol, texts: Catalogue) -> None:
    stage = VirtualStage()
    page = InstructionsPage(protocol, texts)
    script = Scripted(stage, [("u", 0.1), ("space", 1.0)], [("escape", 0.5)])
    assert show_page(page, stage, script) == (Wish.GO_ON, {"duration": 1.0})
    assert show_page(page, stage, script) == (Wish.PAUSE, {"duration": 0.5})


def test_leaving_is_asked_twice(protocol: Protocol, texts: Catalogue) -> None:
    stage = VirtualStage()
    pages = PausePage(protocol, texts), LeavePage(protocol, texts)
    stays = Scripted(stage, [("q", 1.0)], [("space", 1.0)], [("space", 1.0)])
    assert show_pause(*pages, stage, stays)[0] is Wish.GO_ON
    leaves = Scripted(stage, [("q", 1.0)], [("q", 1.0)])
    assert show_pause(*pages, stage, leaves) == (Wish.LEAVE, {"duration": 2.0})


def test_the_key_test_wants_every_key(protocol: Protocol, texts: Catalogue) -> None:
    stage = VirtualStage()
    early = [("u", 0.1), ("space", 0.2), *[(k, 0.3 + i / 10) for i, k in enumerate("iojkl")]]
    wish, data = show_keys(
        KeysPage(protocol, texts), stage, Scripted(stage, [*early, ("space", 2.0)])
    )
    assert wish is Wish.GO_ON
    assert data == {"duration": 2.0, "keys": list("uiojkl")}


def test_a_dead_keyboard_is_an_error(protocol: Protocol, texts: Catalogue) -> None:
    class Ticking(VirtualStage):
        def frame(self, skip_to: float | None = None) -> float:
            self.time += 1.0
            return self.time

    stage = Ticking()
    with pytest.raises(UserError, match="no key press arrived within 5 s"):
        show_keys(KeysPage(protocol, texts, patience=5.0), stage, Scripted(stage, []))


def test_text_is_set_inside_its_picture() -> None:
    text = Text("Which image?\nThis one", 0, 0, 30, "#000000", "#ffffff", width=200)
    for scale in (0.5, 2 / 3, 1.0, 2.0):
        picture = text_picture(text, scale)
        shape = shape_text(text, scale)
        assert picture.size == (shape.width, shape.height)
        ink = picture.convert("L").point(lambda value: 255 - value).getbbox()
        assert ink is not None
        assert ink[1] > 0
        assert ink[3] < shape.height


def test_unknown_language_and_missing_text(texts: Catalogue) -> None:
    with pytest.raises(UserError, match="There are: "):
        load_texts("xx")
    with pytest.raises(UserError, match="nothing"):
        texts.text("nothing")
    with pytest.raises(UserError, match="lacks 'count'"):
        texts.text("block.body")
