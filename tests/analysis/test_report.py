"""The report as a whole: files, contract of the tables, self-containment, hostile content."""

from __future__ import annotations

import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from analysis.inference import TEST_COLUMNS
from analysis.load import load
from analysis.measures import ESTIMATE_COLUMNS
from analysis.outputs import write_report
from analysis.prose import notices
from house.errors import UserError
from participants import DataFolder, write_published_session
from tests.analysis.builders import change_table, info, write_release, write_sessions
from tests.analysis.test_load import planned_session


class Page(HTMLParser):
    """Collects what a browser would load, and checks that elements are closed."""

    VOID = ("meta", "img", "link", "br", "hr", "input")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.open: list[str] = []
        self.tags: list[str] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            if name in ("src", "href", "srcset", "data", "action"):
                self.loads.append(value or "")

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"</{tag}> closes nothing"
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


def make(root: Path, out: Path, **options: int) -> Page:
    write_report(load(root), out, **({"bootstrap": 50} | options))  # type: ignore[arg-type]
    return Page((out / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Page]:
    root = write_sessions(tmp_path_factory.mktemp("demo") / "data", 5, kind="simulated")
    out = root.parent / "report"
    return out, make(root, out)


def test_the_page_is_whole_and_loads_nothing(demo: tuple[Path, Page]) -> None:
    out, page = demo
    assert page.open == []
    outside = [u for u in page.loads if not u.startswith(("#", "data:image/svg+xml;base64,"))]
    assert outside == []
    text = (out / "report.html").read_text(encoding="utf-8")
    style = text[text.index("<style>") : text.index("</style>")]
    assert not re.search(r"@import|url\(", style)
    assert "script" not in page.tags
    targets = {u[1:] for u in page.loads if u.startswith("#")}
    assert targets <= set(re.findall(r'id="([^"]+)"', text))


def test_every_figure_has_a_caption_and_says_what_its_bars_are(demo: tuple[Path, Page]) -> None:
    out, _ = demo
    names = {p.stem for p in (out / "figures").iterdir()}
    assert {"accuracy", "response_time", "confidence", "accuracy_by_layer", "units"} <= names
    assert {p.suffix for p in (out / "figures").iterdir()} == {".svg", ".png"}
    text = (out / "report.html").read_text(encoding="utf-8")
    figures = re.findall(r"<figure.*?</figure>", text, flags=re.DOTALL)
    assert len(figures) == len(names)
    for figure in figures:
        assert re.search(r'alt="[^"]{20,}"', figure)
        assert len(re.search(r"<figcaption>(.*?)</figcaption>", figure, re.DOTALL)[1]) > 60  # type: ignore[index]
        if "Accuracy by" in figure:
            assert "2 standard errors" in figure


def test_simulated_participants_are_named_as_such(demo: tuple[Path, Page]) -> None:
    _, page = demo
    assert "All 5 sessions were answered by a computer model (observer “ideal”)" in page.text
    assert "no evidence about people" in page.text


def test_tables_keep_their_contract(demo: tuple[Path, Page]) -> None:
    out, _ = demo
    numbers = pd.read_csv(out / "estimates.csv", keep_default_na=False)
    assert tuple(numbers.columns) == ESTIMATE_COLUMNS == (
        "experiment", "measure", "statistic", "trials", "condition", "factor", "level",
        "factor2", "level2", "estimate", "two_sem", "ci_low", "ci_high", "n_trials",
        "n_participants",
    )  # fmt: skip
    tested = pd.read_csv(out / "tests.csv", keep_default_na=False)
    assert tuple(tested.columns) == TEST_COLUMNS == (
        "experiment", "measure", "trials", "test", "contrast", "factor", "level",
        "statistic_name", "statistic", "df1", "df2", "p", "p_adjusted", "adjustment",
        "effect_name", "effect", "ci_low", "ci_high", "n", "primary",
    )  # fmt: skip
    assert not numbers.duplicated(list(ESTIMATE_COLUMNS[:9])).any()
    assert not tested.duplicated(["measure", "trials", "test", "contrast", "factor", "level"]).any()
    document = json.loads((out / "numbers.json").read_text())
    assert len(document["estimates"]) == len(numbers)
    assert len(document["tests"]) == len(tested)
    assert document["estimates"][0]["estimate"] == float(numbers["estimate"].iloc[0])
    assert {"seed", "bootstrap", "versions", "sources", "exclusions", "created"} <= set(document)
    assert document["kinds"] == {"simulated": 5}


@pytest.mark.slow
def test_the_same_data_give_the_same_files(tmp_path: Path) -> None:
    root = write_sessions(tmp_path / "data", 3)
    make(root, tmp_path / "a")
    make(root, tmp_path / "b")
    for path in sorted((tmp_path / "a").rglob("*")):
        if path.is_file() and path.name not in ("numbers.json", "report.html"):
            twin = tmp_path / "b" / path.relative_to(tmp_path / "a")
            assert path.read_bytes() == twin.read_bytes()
    pages = [(tmp_path / n / "report.html").read_text().split("<footer>")[0] for n in "ab"]
    assert pages[0] == pages[1]


def one_condition(root: Path) -> Path:
    return write_sessions(root, 3, conditions=("natural",))


def all_correct(root: Path) -> Path:
    return write_sessions(root, 3, correct=lambda condition, unit: True)


def one_participant(root: Path) -> Path:
    return write_sessions(root, 1)


def one_answer(root: Path) -> Path:
    planned_session(root, answers=1)
    return root


def strange_names(root: Path) -> Path:
    write_sessions(
        root, 2, conditions=("semi-natural", "natural", "5 $ {"), name="<script>alert(1)</script>"
    )
    folder = DataFolder(root).find(1, 1)
    folder.update_info(notes=["<img src=http://example.org/x onerror=alert(1)>"])
    return root


def only_practice(root: Path) -> Path:
    write_sessions(root, 2)
    for participant in (1, 2):
        path = DataFolder(root).find(participant, 1).table_path
        change_table(path, lambda t: t[t["trial_type"] != "main"])
    return root


def no_confidence(root: Path) -> Path:
    write_sessions(root, 2)
    for participant in (1, 2):
        change_table(
            DataFolder(root).find(participant, 1).table_path,
            lambda t: t.assign(confidence="n/a", rt="n/a", frames_shown="n/a"),
        )
    return root


def missing_cells(root: Path) -> Path:
    write_sessions(root, 3)
    change_table(DataFolder(root).find(1, 1).table_path, lambda t: t[t["condition"] != "synthetic"])
    return root


@pytest.mark.parametrize(
    ("build", "said"),
    [
        (one_condition, "There is one condition, so nothing is compared."),
        (all_correct, "no variation left as error"),
        (one_participant, "one participant: no error between participants"),
        (one_answer, "1 session unfinished"),
        (strange_names, "natural − semi-natural"),
        (only_practice, "No main trial was answered"),
        (no_confidence, "No confidence is in the record."),
        (missing_cells, "1 participant(s) without such trials"),
    ],
)
def test_awkward_data_get_a_report_that_says_so(tmp_path: Path, build, said: str) -> None:
    page = make(build(tmp_path / "data"), tmp_path / "out")
    assert said in page.text
    assert page.open == []
    assert not [u for u in page.loads if not u.startswith(("#", "data:"))]
    assert "script" not in page.tags
    assert "nan" not in re.sub(r"[A-Za-z]nan|nan[a-z]", "", page.text).lower().split()


def test_experiments_are_analysed_apart(tmp_path: Path) -> None:
    root = write_sessions(tmp_path / "data", 6)
    for participant in (4, 5, 6):
        DataFolder(root).find(participant, 1).update_info(protocol="other")
    make(root, tmp_path / "out")
    table = pd.read_csv(tmp_path / "out" / "estimates.csv", keep_default_na=False)
    totals = table[(table["measure"] == "accuracy") & (table["trials"] == "all")
                   & (table["factor"] == "")].groupby("experiment")["n_trials"].sum()  # fmt: skip
    assert totals.to_dict() == {"demo": 72, "other": 72}
    assert (tmp_path / "out" / "figures" / "2_accuracy.svg").exists()


def test_people_and_models_together_are_counted(tmp_path: Path) -> None:
    root = write_sessions(tmp_path / "data", 3, kind="simulated")
    rows = DataFolder(root).find(1, 1).rows()
    write_published_session(root, info(9), [row | {"participant": 9} for row in rows])
    (notice,) = notices(load(root).sessions)
    assert "3 of 4 sessions were answered by a computer model" in notice["text"]


def test_published_data_are_named_and_compared_with_print(tmp_path: Path) -> None:
    from analysis.published import import_published

    import_published(write_release(tmp_path / "released"), tmp_path / "data")
    page = make(tmp_path / "data", tmp_path / "out")
    assert "All 2 sessions are those of Borowski et al." in page.text
    assert "Agreement with the paper" in page.text
    # These are not the paper's data: the comparison must be able to fail.
    assert "no" in re.findall(r"<td>(yes|no)</td>", (tmp_path / "out" / "report.html").read_text())


def test_an_earlier_report_is_replaced_and_other_files_stay(
    demo: tuple[Path, Page], tmp_path: Path
) -> None:
    shutil.copytree(demo[0], tmp_path / "out")
    assert (tmp_path / "out" / "figures" / "accuracy_by_layer.svg").exists()
    (tmp_path / "out" / "remarks.txt").write_text("mine")
    (tmp_path / "out" / "figures" / "mine.png").write_text("mine")
    single = write_sessions(tmp_path / "single", 2, units=1)
    make(single, tmp_path / "out")
    assert not (tmp_path / "out" / "figures" / "accuracy_by_layer.svg").exists()
    assert (tmp_path / "out" / "remarks.txt").read_text() == "mine"
    assert (tmp_path / "out" / "figures" / "mine.png").exists()
    assert not list((tmp_path / "out").rglob("*.tmp"))


def test_a_file_in_place_of_the_folder_is_said(tmp_path: Path) -> None:
    root = write_sessions(tmp_path / "data", 2)
    (tmp_path / "out").write_text("x")
    with pytest.raises(UserError, match="needs a folder"):
        write_report(load(root), tmp_path / "out")
