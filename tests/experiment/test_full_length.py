"""The published protocols at full length in a window: real clicks first, an observer the rest."""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path

import pytest

from experiment.layout import TrialLayout, ratings_layout
from experiment.protocol import load_protocol
from experiment.screens import IntuitivenessScreen, KeysPage, TrialScreen
from experiment.texts import load_texts
from participants import DataFolder, read_table
from tests.experiment.banks import experiment_one_units, experiment_two_units, make_bank
from tests.experiment.driver import Driver, drive, events
from tests.experiment.test_mouse_window import Hand
from tests.experiment.test_window import BACKGROUND

pytestmark = [pytest.mark.window, pytest.mark.slow, pytest.mark.timeout(1500)]

UNITS = {"1": experiment_one_units, "2": experiment_two_units}
LENGTH = {
    "1": {"intuitiveness": 3, "practice": 15, "main": 135, "catch": 18, "repeated": 18},
    "2": {"intuitiveness": 6, "practice": 24, "main": 160, "catch": 32},
}


@pytest.mark.parametrize("which", ["1", "2"])
def test_a_whole_session_in_a_window(which: str, driver: Driver, tmp_path: Path) -> None:
    name = f"borowski2021_experiment{which}"
    protocol, _ = load_protocol(name)
    texts, hand = load_texts("en"), Hand(driver, protocol)
    bank = make_bank(tmp_path / "bank.h5", UNITS[which](), size=16, per_sign=10, batches=4)
    data = tmp_path / "data"
    same = ["--protocol", name, "--bank", str(bank), "--data", str(data), "--rehearsal"]
    journal = data / "sub-001" / "ses-01" / "journal.jsonl"
    ratings_eye = hand.pixel(ratings_layout(protocol.layout).pictures[4].x, 100)

    def live_test() -> None:
        page = KeysPage(protocol, texts)
        for area in page.targets().values():
            hand.click_on(area)
            time.sleep(0.05)
        hand.click_on(page.button_area())

    def trial(number: int) -> None:
        planned = DataFolder(data).find(1, 1).plan.trial(number)
        if planned.trial_type == "intuitiveness":
            rating = IntuitivenessScreen(protocol, texts, planned)
            driver.wait_for_picture(ratings_eye, BACKGROUND)
            time.sleep(0.2)
            hand.click(45, rating.track_y)
            time.sleep(0.3)
            hand.click_on(rating.button_area())
            driver.wait_for_blank(ratings_eye, BACKGROUND)
            return
        picture = TrialLayout(protocol.layout, planned.scheme).pictures("none")[0]
        eye = hand.pixel(picture.x, picture.y)
        driver.wait_for_picture(eye, BACKGROUND)
        time.sleep(0.2)
        hand.click_on(TrialScreen(protocol, texts, planned).targets()["o"])
        driver.wait_for_blank(eye, BACKGROUND)

    program = driver.start("run", *same, "--participant", "1")
    drive(
        driver,
        program,
        journal,
        trial,
        live_test=live_test,
        stop=lambda found: sum(e["event"] == "block_end" for e in found) == 3,
        limit=300,
    )
    program.kill()
    program.communicate()
    blocks = DataFolder(data).find(1, 1).plan.blocks[:3]
    answered = DataFolder(data).find(1, 1).rows()
    assert [row["trial"] for row in answered] == [t.trial for b in blocks for t in b.trials]
    assert {row["key"] for row in answered} == {"mouse"}
    # 45 of 450 pixels of the canvas from the middle; a pixel of this screen is 0.33.
    assert all(row["rating"] == pytest.approx(10, abs=0.4) for row in answered[:3])
    assert all((row["choice"], row["confidence"]) == ("upper", 3) for row in answered[3:])

    program = driver.start("run", *same, "--participant", "2", "--observer", "sdt", "--pace", "100")
    output = program.communicate(timeout=900)[0]
    assert program.returncode == 0, output
    rows = read_table(data / "sub-002" / "ses-01" / "trials.tsv")
    assert Counter(row["trial_type"] for row in rows) == LENGTH[which]
    assert all(row["frames_shown"] >= 1 for row in rows)
    ends = events(data / "sub-002" / "ses-01" / "journal.jsonl")
    assert ends[-1]["event"] == "session_end"
