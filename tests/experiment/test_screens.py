"""Every screen: nothing clipped, nothing overlapping, what it shows, what it takes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations

import pytest

from experiment.bank_index import BankSnapshot
from experiment.design import make_plan
from experiment.elements import Box, Element, Picture, Text, extent, font, shape_text, text_picture
from experiment.layout import SLOTS, TrialLayout
from experiment.observers import Answer, Rating
from experiment.protocol import Feedback, Protocol, parse_protocol
from experiment.screens import (
    BlockPage,
    ConsentPage,
    DebriefPage,
    EndPage,
    FeedbackScreen,
    InstructionsPage,
    IntuitivenessScreen,
    KeysPage,
    LeavePage,
    PausePage,
    Press,
    ScorePage,
    Screen,
    TrialScreen,
    Wish,
    ask,
    rate,
    show_keys,
    show_page,
    show_pause,
)
from experiment.screens.base import CLICK, DRAG
from experiment.stage import VirtualStage
from experiment.texts import TEXTS, Catalogue, load_texts, placeholders
from house.errors import UserError
from house.names import embedded_names
from participants import PlannedTrial

MODES = ("joint", "two-step")
SAME = {"key_names.escape", "pause.title", "block.title"}  # the same word in both languages
DEVICES = ("keyboard", "mouse", "both")


class Scripted:
    """Presses at given times after each onset, one list a screen."""

    def __init__(self, stage: VirtualStage, *scripts: Sequence[tuple[str, float] | Press]) -> None:
        self.stage, self.scripts = stage, list(scripts)
        self.due: list[Press] = []
        self.early: list[Press] = []

    def open(self, onset: float) -> None:
        self.due = []

    def expect(self, screen: Screen, onset: float) -> None:
        self.due = [
            replace(made, time=onset + made.time)
            for made in (
                item if isinstance(item, Press) else Press(*item) for item in self.scripts.pop(0)
            )
        ]

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


def with_mode(demo_text: str, mode: str, device: str = "keyboard", **changes: str) -> Protocol:
    text = demo_text.replace('mode = "joint"', f'device = "{device}"\nmode = "{mode}"')
    for old, new in changes.items():
        text = text.replace(f"{old} = 0 ", f"{old} = {new} ")
    return parse_protocol(text, "demo")


def trial_of(protocol: Protocol, text: str, bank: BankSnapshot, condition: str) -> PlannedTrial:
    plan = make_plan(protocol, text, bank, 1)
    return next(t for t in plan.trials() if t.condition == condition and t.trial_type == "main")


def screens(
    protocol: Protocol, texts: Catalogue, demo_text: str, bank: BankSnapshot
) -> Iterator[Screen]:
    yield ConsentPage(protocol, texts)
    yield DebriefPage(protocol, texts)
    yield InstructionsPage(protocol, texts)
    quiet = protocol.model_copy(update={"feedback": Feedback(score=False)})
    yield ScorePage(quiet, texts, "main", 3, 4)
    yield EndPage(quiet, texts, 3, 4)
    yield BlockPage(protocol, texts, "intuitiveness", "", 3, 1, 2)
    yield BlockPage(protocol, texts, "repeated", "natural", 6, 3, 3)
    if protocol.layout.image <= 224:
        for value in (None, -100.0, 0.0, 33.3, 100.0):
            yield IntuitivenessScreen(protocol, texts, rating_trial(), value)
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


def rating_trial() -> PlannedTrial:
    return PlannedTrial(
        trial=1,
        block=1,
        trial_type="intuitiveness",
        condition="",
        scheme="Max 9",
        unit="a:b:1",
        layer="a",
        branch="b",
        references_max=tuple(f"natural/{i:06d}" for i in range(18)),
    )


def may_overlap(one: Element, other: Element) -> bool:
    """Frames lie under pictures, labels on boxes, a key on its shadow, a bar on its track."""
    if isinstance(one, Box) and isinstance(other, Box):
        return True
    return isinstance(one, Box) != isinstance(other, Box)


# Every language with every mode and device; every scheme with every size of image.
LOOKS = [
    *((language, mode, device, "Min+Max 9", 224)
      for language in embedded_names(TEXTS, ".toml") for mode in MODES for device in DEVICES),
    *(("en", "joint", "keyboard", scheme, size)
      for scheme, size in (("Max 1", 224), ("Min+Max 1", 300), ("Max 9", 224), ("Max 9", 96),
                           ("Min+Max 9", 96), ("Min+Max 1", 64))),
]  # fmt: skip


@pytest.mark.parametrize(("language", "mode", "device", "scheme", "size"), LOOKS)
def test_nothing_is_clipped_or_overlaps(
    demo_text: str,
    bank: BankSnapshot,
    mode: str,
    scheme: str,
    language: str,
    device: str,
    size: int,
) -> None:
    text = demo_text.replace('"Min+Max 9"', f'"{scheme}"')
    text = text.replace("image = 224", f"image = {size}")
    protocol = with_mode(text, mode, device)
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
    letters: set[tuple[str, bool]] = set()
    for mode in MODES:
        both = with_mode(demo_text, mode), with_mode(demo_text, mode, "mouse")
        for protocol in both:
            for screen in screens(protocol, watching, demo_text, bank):
                for element in screen.elements():
                    if isinstance(element, Text):
                        letters |= {(letter, element.bold) for letter in element.text}
    for language in embedded_names(TEXTS, ".toml"):
        for text in load_texts(language).entries.values():
            letters |= {(letter, bold) for letter in text for bold in (False, True)}
    for letter, bold in letters - {(space, bold) for space in " \n" for bold in (False, True)}:
        face = font(30, bold)
        assert bytes(face.getmask(letter)) != bytes(face.getmask("\uffff")), letter
    # Names of keys are looked up as needed.
    used |= {name for name in texts.entries if name.startswith("key_names.")}
    assert used == set(texts.entries)


@pytest.mark.parametrize("language", embedded_names(TEXTS, ".toml"))
def test_languages_have_the_same_texts_with_the_same_placeholders(language: str) -> None:
    english, other = load_texts("en").entries, load_texts(language).entries
    assert other.keys() == english.keys()
    for name, text in other.items():
        assert text, name
        assert placeholders(text) == placeholders(english[name]), name
        assert language == "en" or text != english[name] or name in SAME, name


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
@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("choice", ["upper", "lower"])
@pytest.mark.parametrize("confidence", [1, 2, 3])
def test_a_simulated_answer_comes_back_as_it_was_meant(
    texts: Catalogue,
    demo_text: str,
    bank: BankSnapshot,
    mode: str,
    device: str,
    choice: str,
    confidence: int,
) -> None:
    protocol = with_mode(demo_text, mode, device)
    stage = VirtualStage()
    screen = TrialScreen(protocol, texts, trial_of(protocol, demo_text, bank, "none"))

    class Fixed:
        def answer(self, trial: PlannedTrial) -> Answer:
            return Answer(choice, confidence, 0.8, 0.4)  # type: ignore[arg-type]

        def rate(self, trial: PlannedTrial) -> Rating:
            return Rating(0.0, 1.0)

        def describe(self) -> dict[str, object]:
            return {}

    script = screen.simulate(Fixed(), 0.0, 2.0)
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


# -- mouse -----------------------------------------------------------------------------------


def click(x: float, y: float, time: float) -> Press:
    return Press(CLICK, time, x, y)


@pytest.mark.parametrize("mode", MODES)
def test_a_click_answers_only_on_a_target_and_keys_only_pause(
    texts: Catalogue, demo_text: str, bank: BankSnapshot, mode: str
) -> None:
    protocol = with_mode(demo_text, mode, "mouse")
    stage = VirtualStage()
    screen = TrialScreen(protocol, texts, trial_of(protocol, demo_text, bank, "natural"))
    beside: list[tuple[str, float] | Press] = [
        ("u", 0.1),
        ("up", 0.15),
        click(-700, 0, 0.2),
        Press("drag", 0.3, 0, 300),
    ]
    if mode == "joint":
        x, y = screen.targets()["l"].centre
        last = [click(x + 30, y - 30, 0.5)]
    else:
        later = replace(screen, choice="lower")
        x, y = screen.targets()["down"].centre
        last = [click(x, y, 0.5), click(*later.targets()["3"].centre, 0.7)]
    outcome = ask(screen, stage, Scripted(stage, [*beside, *last]))
    assert (outcome.key, outcome.choice, outcome.confidence) == ("mouse", "lower", 3)
    assert outcome.choice_time == 0.5
    assert outcome.confidence_time == (0.5 if mode == "joint" else 0.7)
    assert ask(screen, stage, Scripted(stage, [("escape", 0.1)])).paused


def test_targets_are_large_and_apart(demo_text: str, bank: BankSnapshot) -> None:
    """The published ones were 25 px wide; here 25 px of the smallest screen allowed."""
    for mode in MODES:
        protocol = with_mode(demo_text, mode, "mouse")
        smallest = protocol.layout.scale(protocol.screen.smallest)
        for screen in screens(protocol, load_texts("de"), demo_text, bank):
            areas = list(screen.targets().values())
            for area in areas:
                assert (area.right - area.left) * smallest >= 25, screen
                assert (area.top - area.bottom) * smallest >= 25, screen
            for one, other in combinations(areas, 2):
                assert not one.overlaps(other), (screen.name, one, other)


def test_pages_have_a_button_for_the_mouse(texts: Catalogue, demo_text: str) -> None:
    protocol = with_mode(demo_text, "joint", "mouse")
    stage = VirtualStage()
    page = InstructionsPage(protocol, texts)
    x, y = page.button_area().centre
    script = Scripted(stage, [click(0, 0, 0.1), click(x, y, 1.0)], [("space", 2.0)])
    assert show_page(page, stage, script) == (Wish.GO_ON, {"duration": 1.0})
    assert show_page(page, stage, script)[0] is Wish.GO_ON


def test_the_live_test_wants_every_target(texts: Catalogue, demo_text: str) -> None:
    for mode in MODES:
        protocol = with_mode(demo_text, mode, "mouse")
        stage = VirtualStage()
        page = KeysPage(protocol, texts)
        clicks = [
            click(*area.centre, 0.1 * i) for i, area in enumerate(page.targets().values(), start=1)
        ]
        done = click(*page.button_area().centre, 2.0)
        wish, data = show_keys(page, stage, Scripted(stage, [done, *clicks, done]))
        assert wish is Wish.GO_ON
        assert data["keys"] == list(protocol.response.answer_keys())


# -- consent and ratings ---------------------------------------------------------------------


def test_consent_is_given_or_refused(protocol: Protocol, texts: Catalogue) -> None:
    stage = VirtualStage()
    page = ConsentPage(protocol, texts)
    script = Scripted(stage, [("u", 0.5), ("space", 1.0)], [("q", 1.0)])
    assert show_page(page, stage, script)[0] is Wish.GO_ON
    assert show_page(page, stage, script)[0] is Wish.LEAVE


def test_there_is_no_marker_before_the_first_touch(protocol: Protocol, texts: Catalogue) -> None:
    screen = IntuitivenessScreen(protocol, texts, rating_trial())
    untouched = screen.elements()
    touched = replace(screen, value=0.0).elements()
    added = [e for e in touched if e not in untouched]
    assert any(isinstance(e, Box) and e.x == 0 and e.height > 40 for e in added)
    assert sorted(p.slot for p in untouched if isinstance(p, Picture)) == list(range(18))


@pytest.mark.parametrize(
    ("keys", "rating"),
    [
        (["right"], 0.0),  # the first touch puts the marker in the middle, and 0 is an answer
        (["left"], 0.0),
        (["up", "right", "right", "up", "down", "down"], 19.0),
        (["left"] * 30, -100.0),
        (["right"] * 30 + ["down"], 99.0),
        (["u", "right", "x", "left"], -10.0),
    ],
)
def test_ratings_by_keyboard(
    protocol: Protocol, texts: Catalogue, keys: list[str], rating: float
) -> None:
    stage = VirtualStage()
    script = [("space", 0.01), *[(key, 0.1 + i / 100) for i, key in enumerate(keys)]]
    screen = IntuitivenessScreen(protocol, texts, rating_trial())
    outcome = rate(screen, stage, Scripted(stage, [*script, ("space", 2.0)]))
    assert outcome.rating == rating
    assert (outcome.key, outcome.choice_time, outcome.choice) == ("space", 2.0, None)
    assert rate(screen, stage, Scripted(stage, [("escape", 0.1)])).paused


def test_ratings_by_mouse_are_continuous(texts: Catalogue, demo_text: str) -> None:
    protocol = with_mode(demo_text, "joint", "mouse")
    stage = VirtualStage()
    screen = IntuitivenessScreen(protocol, texts, rating_trial())
    y, done = screen.track_y, screen.button_area().centre
    confirm = click(*done, 3.0)

    def rated(*presses: Press) -> float | None:
        return rate(screen, stage, Scripted(stage, [*presses, confirm])).rating

    assert rated(click(0, y, 0.1)) == 0.0
    assert rated(click(-450, y + 20, 0.1)) == -100.0
    assert rated(click(123, y, 0.1)) == 27.3
    assert rated(click(470, y, 0.1)) == 100.0
    # Beside the line nothing happens, and a drag that did not begin on it is none.
    assert rated(click(0, 300, 0.1), Press(DRAG, 0.2, 100, y), click(9, y, 0.3)) == 2.0
    assert rated(click(9, y, 0.1), Press(DRAG, 0.2, -90, y + 60), confirm) == -20.0
    assert rated(click(9, y, 0.1), click(100, 300, 0.2)) == 2.0


@pytest.mark.parametrize("device", DEVICES)
@pytest.mark.parametrize("value", [-100.0, -37.0, 0.0, 4.0, 100.0])
def test_a_simulated_rating_comes_back(
    texts: Catalogue, demo_text: str, device: str, value: float
) -> None:
    class Fixed:
        def answer(self, trial: PlannedTrial) -> Answer:
            raise AssertionError

        def rate(self, trial: PlannedTrial) -> Rating:
            return Rating(value, 8.0)

        def describe(self) -> dict[str, object]:
            return {}

    protocol = with_mode(demo_text, "joint", device)
    stage = VirtualStage()
    screen = IntuitivenessScreen(protocol, texts, rating_trial())
    outcome = rate(screen, stage, Scripted(stage, screen.simulate(Fixed(), 0.0, 2.0)))
    assert outcome.rating == value
    assert outcome.choice_time == pytest.approx(4.0)
