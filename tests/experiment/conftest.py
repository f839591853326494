"""Shared by the tests of the experiment: a painted bank, a fast protocol, a virtual screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from experiment.bank_index import BankSnapshot, snapshot
from experiment.protocol import PROTOCOLS, Protocol, parse_protocol
from experiment.texts import Catalogue, load_texts
from stimuli import StimulusBank
from tests.experiment.banks import make_bank
from tests.experiment.driver import Driver, virtual_screen

WINDOW = (1280, 720)


@pytest.fixture(scope="session")
def bank_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_bank(tmp_path_factory.mktemp("bank") / "painted.h5")


@pytest.fixture(scope="session")
def bank(bank_path: Path) -> BankSnapshot:
    with StimulusBank(bank_path) as opened:
        return snapshot(opened)


@pytest.fixture(scope="session")
def demo_text() -> str:
    return (PROTOCOLS / "demo.toml").read_text(encoding="utf-8")


@pytest.fixture(scope="session")
def protocol(demo_text: str) -> Protocol:
    return parse_protocol(demo_text, "demo.toml")


@pytest.fixture(scope="session")
def texts() -> Catalogue:
    return load_texts("en")


@pytest.fixture
def variant(demo_text: str, tmp_path: Path) -> Callable[..., Path]:
    """Give a function that writes the demo protocol with some lines changed."""

    def write(*changes: tuple[str, str]) -> Path:
        text = demo_text
        for old, new in changes:
            assert old in text, old
            text = text.replace(old, new)
        path = tmp_path / "variant.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def fast(variant: Callable[..., Path]) -> Path:
    """Write the demo protocol with short gaps and feedback."""
    return variant(
        ("gap = 0.5 ", "gap = 0.2 "),
        ("feedback_choice = 0.5", "feedback_choice = 0.1"),
        ("feedback_correct = 1.5", "feedback_correct = 0.15"),
    )


@pytest.fixture
def driver(tmp_path: Path) -> Iterator[Driver]:
    """Give hands and an eye on a virtual screen, with a home of their own."""
    home = tmp_path / "home"
    home.mkdir()
    with virtual_screen(*WINDOW) as screen:
        found = Driver(screen, WINDOW, home)
        yield found
        found.close()
