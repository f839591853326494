"""Clicks, drags, ratings and consent in a real window, by a real mouse and keys (XTEST)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from experiment.elements import Extent
from experiment.layout import MAX_SLOTS, MIN_SLOTS, ratings_layout
from experiment.preparation import slots_of
from experiment.protocol import Protocol, load_protocol
from experiment.screens import ConsentPage, IntuitivenessScreen, KeysPage, TrialScreen
from experiment.texts import load_texts
from participants import DataFolder, read_table
from stimuli import StimulusBank
from tests.experiment.driver import Driver, drive, events
from tests.experiment.test_window import (
    BACKGROUND,
    SHORT,
    TOLERANCE,
    arguments,
    best_difference,
    grab,
    onset_of,
    paused,
    place_of,
    press_until,
)

pytestmark = [pytest.mark.window, pytest.mark.timeout(240)]
Variant = Callable[..., Path]
MOUSE = (
    *SHORT,
    ('mode = "joint" ', 'device = "mouse"\nmode = "joint" '),
    ('["none", "natural", "synthetic"]', '["natural"]'),
)


class Hand:
    """Points at places of the canvas."""

    def __init__(self, driver: Driver, protocol: Protocol) -> None:
        self.driver, self.scale = driver, protocol.layout.scale(driver.size)

    def pixel(self, x: float, y: float) -> tuple[int, int]:
        width, height = self.driver.size
        return round(width / 2 + x * self.scale), round(height / 2 - y * self.scale)

    def click(self, x: float, y: float) -> float:
        return self.driver.click(*self.pixel(x, y))

    def click_on(self, area: Extent) -> float:
        return self.click(*area.centre)


def test_clicks_answer_trials(
    driver: Driver, variant: Variant, bank_path: Path, tmp_path: Path
) -> None:
    path = variant(*MOUSE)
    protocol, _ = load_protocol(str(path))
    texts, hand = load_texts("en"), Hand(driver, protocol)
    data = tmp_path / "data"
    journal = data / "sub-001" / "ses-01" / "journal.jsonl"
    eye = place_of(driver, protocol, 18)
    wanted = dict(zip(range(1, 5), "oljk", strict=True))
    made: dict[int, tuple[float, float]] = {}  # not before, not after
    centre: dict[int, tuple[int, int]] = {}

    def targets(number: int) -> dict[str, Extent]:
        trial = DataFolder(data).find(1, 1).plan.trial(number)
        return TrialScreen(protocol, texts, trial).targets()

    def live_test() -> None:
        page = KeysPage(protocol, texts)
        for area in page.targets().values():
            hand.click_on(area)
            time.sleep(0.05)
        hand.click_on(page.button_area())

    def trial(number: int) -> None:
        area = targets(number)[wanted[number]]
        if number == 3:  # pressed before the onset and held beyond it: that answers nothing
            driver.point(*hand.pixel(*area.centre))
            driver.button(True)
        driver.wait_for_picture(eye, BACKGROUND)
        time.sleep(0.2)
        centre[number] = driver.pointer()
        if number == 3:
            driver.point(*hand.pixel(*area.centre))  # a drag onto the target is no click either
            time.sleep(0.5)
            assert events(journal)[-1]["event"] == "trial_begin"
            driver.button(False)
            time.sleep(0.2)
            assert events(journal)[-1]["event"] == "trial_begin"
        if number == 2:  # keys do not answer, nor does a click beside everything
            driver.press("u")
            hand.click(-900, 500)
        before = hand.click(area.right - 6, area.bottom + 6)
        driver.wait_for_blank(eye, BACKGROUND)
        made[number] = before, time.time()

    program = driver.start(*arguments(path, bank_path, data))
    drive(driver, program, journal, trial, live_test=live_test)
    output = program.communicate()[0]
    assert program.returncode == 0, output
    rows = {row["trial"]: row for row in read_table(journal.with_name("trials.tsv"))}
    ends = {e["trial"]: e for e in events(journal) if e["event"] == "trial_end"}
    assert set(rows) == {1, 2, 3, 4}
    for number, row in rows.items():
        assert row["key"] == "mouse"
        assert row["choice"] == ("upper" if wanted[number] in "uio" else "lower")
        assert row["confidence"] == "uiojkl".index(wanted[number]) % 3 + 1
        onset = onset_of(ends[number])
        # Never earlier than the press, and on the record before the screen went on.
        assert made[number][0] - onset - TOLERANCE <= row["rt"] <= made[number][1] - onset
        # The pointer waits in the middle.
        assert abs(centre[number][0] - driver.size[0] // 2) <= 2
        assert abs(centre[number][1] - driver.size[1] // 2) <= 2
    assert DataFolder(data).find(1, 1).info.keyboard["mouse"] is True
    # In which order they arrived depends on when the page appeared.
    (tested,) = (e["keys"] for e in events(journal) if e.get("name") == "keys")
    assert sorted(tested) == sorted("uiojkl")


def test_ratings_and_consent_by_mouse(
    driver: Driver, variant: Variant, bank_path: Path, tmp_path: Path
) -> None:
    path = variant(
        *MOUSE,
        ("practice = 1", "practice = 0"),
        ("longest_run = 4", 'intuitiveness = ["before"]\nlongest_run = 4'),
        ('catch = "practice"', 'catch = "practice"\nintuitiveness = "practice"'),
        ("[timing] ", "[pages]\nconsent = true\n\n[timing] "),
        ('language = "en"', 'language = "de"'),
    )
    protocol, _ = load_protocol(str(path))
    texts, hand = load_texts("de"), Hand(driver, protocol)
    data = tmp_path / "data"
    journal = data / "sub-001" / "ses-01" / "journal.jsonl"
    eye = hand.pixel(ratings_layout(protocol.layout).pictures[4].x, 100)
    values = {1: 0.0, 2: -64.4, 3: 100.0}
    plan = None

    def live_test() -> None:
        page = KeysPage(protocol, texts)
        for area in page.targets().values():
            hand.click_on(area)
            time.sleep(0.05)
        hand.click_on(page.button_area())

    def trial(number: int) -> None:
        nonlocal plan
        plan = plan or DataFolder(data).find(1, 1).plan
        screen = TrialScreen(protocol, texts, plan.trial(number))
        if number > 3:
            driver.wait_for_picture(place_of(driver, protocol, 18), BACKGROUND)
            time.sleep(0.2)
            hand.click_on(screen.targets()["i"])
            driver.wait_for_blank(place_of(driver, protocol, 18), BACKGROUND)
            return
        rating = IntuitivenessScreen(protocol, texts, plan.trial(number))
        driver.wait_for_picture(eye, BACKGROUND)
        time.sleep(0.3)
        if number == 1:
            shows_both_grids(number)
            driver.press("space")  # nothing to confirm yet
            driver.press("Right")  # and only the mouse answers
            time.sleep(0.2)
            assert events(journal)[-1]["event"] == "trial_begin"
        x = values[number] / 100 * 450
        if number == 2:  # begun elsewhere on the line, dragged, released beside it
            driver.point(*hand.pixel(200, rating.track_y))
            driver.button(True)
            for step in (100, 0, -150, x):
                driver.point(*hand.pixel(step, rating.track_y + 30))
                time.sleep(0.06)
            driver.button(False)
        else:
            hand.click(x, rating.track_y + 8)
        time.sleep(0.3)
        hand.click_on(rating.button_area())
        driver.wait_for_blank(eye, BACKGROUND)

    def shows_both_grids(number: int) -> None:
        picture = grab(driver)
        assert plan is not None
        side = round(protocol.layout.image * hand.scale)
        places = {p.slot: p for p in ratings_layout(protocol.layout).pictures}
        with StimulusBank(bank_path) as bank:
            for slot, image_id in slots_of(plan.trial(number)).items():
                kind = "synthetic" if slot in MIN_SLOTS else "natural"
                assert image_id.startswith(kind)
                assert (places[slot].x < 0) == (slot in MIN_SLOTS) != (slot in MAX_SLOTS)
                expected = resized(bank, image_id, side)
                pixel = hand.pixel(places[slot].x, places[slot].y)
                assert best_difference(picture, expected, *pixel) <= 1, slot

    program = driver.start(*arguments(path, bank_path, data))
    consent = next(iter(ConsentPage(protocol, texts).targets().values()))
    end = time.time() + 60
    while not any(e.get("name") == "consent" for e in events(journal)):
        assert time.time() < end
        hand.click_on(consent)
        time.sleep(0.3)
    # A click that came late turned the page of instructions: its button lies elsewhere.
    drive(driver, program, journal, trial, live_test=live_test)
    output = program.communicate()[0]
    assert program.returncode == 0, output
    rows = {row["trial"]: row for row in read_table(journal.with_name("trials.tsv"))}
    for number, value in values.items():
        row = rows[number]
        assert row["trial_type"] == "intuitiveness"
        # A pixel of the screen is 0.33 of the scale.
        assert row["rating"] == pytest.approx(value, abs=0.4)
        assert row["key"] == "mouse"
        assert row["rt"] > 0.3
        assert row["correct"] is None
    assert DataFolder(data).find(1, 1).info.consented is not None


def resized(bank: StimulusBank, image_id: str, side: int) -> Image.Image:
    picture = Image.fromarray(bank.image(image_id))
    return picture.resize((side, side), Image.Resampling.LANCZOS)


def test_ratings_by_real_keys_and_a_refused_consent(
    driver: Driver, variant: Variant, bank_path: Path, tmp_path: Path
) -> None:
    path = variant(
        *SHORT,
        ('["none", "natural", "synthetic"]', '["natural"]'),
        ("practice = 1", "practice = 0"),
        ("catch_per_block = 1", "catch_per_block = 0"),
        ("longest_run = 4", 'intuitiveness = ["after"]\nlongest_run = 4'),
        ('catch = "practice"', 'catch = "practice"\nintuitiveness = "practice"'),
        ("[timing] ", "[pages]\nconsent = true\n\n[timing] "),
    )
    protocol, _ = load_protocol(str(path))
    hand = Hand(driver, protocol)
    refused = driver.start(*arguments(path, bank_path, tmp_path / "refused"))
    end = time.time() + 60
    while refused.poll() is None:
        assert time.time() < end
        driver.press("q", 0.03)
        time.sleep(0.3)
    assert refused.returncode == 3, refused.communicate()[0]
    folder = DataFolder(tmp_path / "refused").find(1, 1)
    names = [e.get("name", e["event"]) for e in events(folder.journal_path)]
    assert names[-2:] == ["consent-refused", "abort"]
    assert folder.info.consented is None

    data = tmp_path / "data"
    journal = data / "sub-001" / "ses-01" / "journal.jsonl"
    eye = hand.pixel(ratings_layout(protocol.layout).pictures[4].x, 100)
    typed = {3: ["Right"], 4: ["Right", "Right", "Right", "Up"], 5: ["Left", "Left", "Down"]}
    shown: list[int] = []

    def trial(number: int) -> None:
        shown.append(number)
        if number not in typed:
            driver.wait_for_picture(place_of(driver, protocol, 18), BACKGROUND)
            time.sleep(0.2)
            driver.press("i")
            driver.wait_for_blank(place_of(driver, protocol, 18), BACKGROUND)
            return
        driver.wait_for_picture(eye, BACKGROUND)
        time.sleep(0.3)
        if shown.count(4) == 1 and number == 4:
            driver.press("Right")
            driver.press("escape")
            driver.wait_for_blank(eye, BACKGROUND)
            press_until(driver, "space", lambda: paused(journal) == 1)
            return
        for key in typed[number]:
            driver.press(key, 0.03)
            time.sleep(0.02)
        driver.press("space")
        driver.wait_for_blank(eye, BACKGROUND)

    program = driver.start(*arguments(path, bank_path, data))
    drive(driver, program, journal, trial)
    output = program.communicate()[0]
    assert program.returncode == 0, output
    assert shown == [1, 2, 3, 4, 4, 5]
    rows = read_table(journal.with_name("trials.tsv"))
    assert [(r["trial"], r["rating"], r["interrupted"]) for r in rows] == [
        (1, None, 0),
        (2, None, 0),
        (3, 0.0, 0),
        (4, 21.0, 1),
        (5, -11.0, 0),
    ]
