"""Signals at the onset: a fake serial port, the network's markers, the pixels of the patch."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import pytest

from experiment.photodiode import Patch
from experiment.run import run_session
from experiment.stage import VirtualStage
from experiment.triggers import CORNERS, Triggers, corner, onset_signal, open_triggers
from house.errors import UserError
from participants import read_journal
from tests.experiment.test_session import options

needs_pty = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")


def serial_port() -> tuple[int, str]:
    """Give a fake serial port: where its bytes arrive, and its name."""
    import pty
    import tty

    reader, port = pty.openpty()
    tty.setraw(port)
    os.set_blocking(reader, False)
    return reader, os.ttyname(port)


@needs_pty
def test_every_onset_sends_its_byte(bank_path: Path, tmp_path: Path) -> None:
    reader, port = serial_port()
    report = run_session(options(bank_path, tmp_path, triggers=(f"serial:{port}@9600",)))
    trials = [trial.trial for trial in report.folder.plan.trials()]
    assert os.read(reader, 4096) == bytes(trials)
    assert report.folder.info.triggers == [{"kind": "serial", "port": port, "baud": 9600}]
    ends = [e for e in read_journal(report.folder.journal_path) if e.event == "trial_end"]
    assert [e.data["trigger"] for e in ends] == [{"code": n, "failed": []} for n in trials]


def test_markers_reach_a_recorder_on_the_network() -> None:
    pylsl = pytest.importorskip("pylsl", reason="pylsl is an extra")
    triggers = open_triggers(["lsl"], "exemplary-test")
    found = pylsl.resolve_byprop("source_id", "exemplary-test", timeout=10)
    if not found:
        pytest.skip("streams cannot be found on this machine's network")
    inlet = pylsl.StreamInlet(found[0])
    inlet.open_stream(timeout=10)
    before = pylsl.local_clock()
    triggers.fire(7, "trial/7/natural")
    sample, stamp = inlet.pull_sample(timeout=10)
    assert sample == ["trial/7/natural"]
    assert before <= stamp <= pylsl.local_clock()
    assert found[0].name() == "Exemplary"
    inlet.close_stream()
    triggers.close()


def test_a_trigger_that_fails_spoils_nothing(bank_path: Path, tmp_path: Path) -> None:
    class Broken:
        def fire(self, code: int, label: str) -> None:
            raise OSError("the cable is out")

        def describe(self) -> dict[str, Any]:
            return {"kind": "serial"}

        def close(self) -> None: ...

    class Heard:
        codes: list[int]

        def __init__(self) -> None:
            self.codes = []

        def fire(self, code: int, label: str) -> None:
            self.codes.append(code)

        def describe(self) -> dict[str, Any]:
            return {"kind": "other"}

        def close(self) -> None: ...

    heard = Heard()
    triggers = Triggers([Broken(), heard])
    triggers.fire(3, "trial/3/none")
    assert triggers.failed() == ["serial: the cable is out"]
    assert heard.codes == [3]
    assert triggers
    assert not Triggers()


def test_a_signal_is_sent_at_the_next_onset_alone() -> None:
    stage = VirtualStage()
    order: list[str] = []
    stage.present(list, "before")
    stage.signal(lambda: order.append("signal"))
    stage.present(list, "trial", lambda _: order.append("keys"))
    stage.present(list, "feedback")
    assert order == ["signal", "keys"]


def test_codes_fit_a_byte_and_say_the_trial(bank_path: Path, tmp_path: Path) -> None:
    trial = next(run_session(options(bank_path, tmp_path)).folder.plan.trials())
    assert onset_signal(trial) == (1, f"trial/1/{trial.condition}")
    codes = [onset_signal(trial.model_copy(update={"trial": n}))[0] for n in range(1, 402)]
    assert set(codes) == set(range(1, 201))
    assert codes[199:202] == [200, 1, 2]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("parallel:1", "serial:PORT"),
        ("sreial:/dev/x", 'Did you mean "serial"'),
        ("serial:", "serial:PORT"),
        ("lsl:x", "serial:PORT"),
        ("serial:/dev/none", "cannot be opened"),
        ("serial:/dev/none@fast", "there is no trigger"),
    ],
)
def test_bad_triggers(text: str, said: str) -> None:
    with pytest.raises(UserError, match="--trigger") as caught:
        open_triggers([text], "x")
    assert said in str(caught.value)


def test_corners() -> None:
    assert [corner(name) for name in CORNERS] == list(CORNERS)
    with pytest.raises(UserError, match="Did you mean"):
        corner("botom-left")


@pytest.mark.parametrize("name", CORNERS)
@pytest.mark.parametrize("size", [(1280, 720), (1281, 801)])
def test_the_patch_lies_in_its_corner(name: str, size: tuple[int, int]) -> None:
    patch = Patch(name, size)
    x, y = patch.place
    assert abs(x) + patch.side / 2 == size[0] / 2
    assert abs(y) + patch.side / 2 == size[1] / 2
    assert (x > 0) == name.endswith("right")
    assert (y > 0) == name.startswith("top")
    assert patch.fill == "#000000"
    patch.lit = True
    assert patch.fill == "#ffffff"
