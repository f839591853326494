"""The import of released files: mapping, oddities, and files that are not as released."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from analysis.load import load
from analysis.published import import_published
from house.errors import UserError
from house.files import sha256_file
from participants import DataFolder
from tests.analysis.builders import released_trials, write_release, write_sessions

MAIN = "experiment_I_main_practice_catch_repeated_trials_preprocessed.csv"


def rows_of(folder: Path, participant: int = 3) -> pd.DataFrame:
    return pd.DataFrame(DataFolder(folder).find(participant, 1).rows()).set_index("trial")


def test_a_release_becomes_one_session_a_participant(tmp_path: Path) -> None:
    source = write_release(tmp_path / "released")
    counts = import_published(source, tmp_path / "data")
    assert counts == {"I": {"participants": 2, "trials": 18, "ratings": 6}}
    folder = DataFolder(tmp_path / "data")
    assert folder.participants() == [3, 7]
    described = folder.description()
    assert described["kind"] == "published"
    assert {s["file"]: s["sha256"] for s in described["sources"]}[MAIN] == sha256_file(
        source / MAIN
    )
    info = folder.find(3, 1).info
    assert (info.kind, info.protocol) == ("published", "borowski2021_experiment1")
    assert any("offset" in note for note in info.notes)


def test_every_column_is_mapped(tmp_path: Path) -> None:
    import_published(write_release(tmp_path / "released"), tmp_path / "data")
    rows, released = rows_of(tmp_path / "data"), released_trials()
    released = released[released["subject_id"] == 3]
    ours = rows[rows["trial_type"] != "intuitiveness"]
    assert list(ours.index) == list(range(4, 13))
    assert list(ours["condition"]) == [
        "none", "none", "synthetic", "synthetic", "natural", "natural", "none", "none",
        "synthetic",
    ]  # fmt: skip
    assert list(ours["trial_type"]) == [
        "practice", "main", "main", "catch", "main", "main", "main", "repeated", "repeated",
    ]  # fmt: skip
    for (_, row), (_, old) in zip(ours.iterrows(), released.iterrows(), strict=True):
        shown = {"lower": old["query_image_a"], "upper": old["query_image_b"]}
        assert row["choice"] == {"a": "lower", "b": "upper"}[old["response"]]
        # The strongly activating query is the image of the maximum, wherever it was shown.
        assert "max_9" in shown[row["correct_position"]]
        assert row["query_upper"] == "published/" + shown["upper"].removeprefix("../")
        assert row["confidence"] == abs(old["conf_rating"])
        assert row["rt"] == old["RT"]
        assert bool(row["correct"]) == bool(old["correct"])
        assert row["scheme"] == "Min+Max 9"
    # A repetition names the trial that it repeats by our numbers, three ratings later.
    assert ours.loc[11, "repeated_of"] == 6 + 1 + 3
    assert ours["block"].tolist() == [2, 2, 2, 3, 3, 3, 4, 4, 4]


def test_ratings_come_first_in_the_order_they_were_given(tmp_path: Path) -> None:
    import_published(write_release(tmp_path / "released"), tmp_path / "data")
    rows = rows_of(tmp_path / "data").loc[1:3]
    assert list(rows["unit"]) == ["intuitiveness:c", "intuitiveness:a", "intuitiveness:b"]
    assert list(rows["rating"]) == [-5, 5, 15]
    assert rows["correct"].isna().all()


def test_units_are_named_by_code_or_by_channel(tmp_path: Path) -> None:
    import_published(write_release(tmp_path / "a"), tmp_path / "codes")
    codes = rows_of(tmp_path / "codes")
    assert codes.loc[5, ["unit", "layer", "branch", "selection"]].tolist() == [
        "3b:pool:hand-picked", "3b", "pool", "hand-picked",
    ]  # fmt: skip
    assert codes.loc[4, "unit"] == "practice:r"
    assert codes["channel"].isna().all()

    import_published(write_release(tmp_path / "b", units=True), tmp_path / "channels")
    named = rows_of(tmp_path / "channels")
    assert named.loc[5, ["unit", "channel", "selection"]].tolist() == [
        "3b:pool:101", 101, "hand-picked",
    ]  # fmt: skip
    assert named.loc[4, "unit"] == "4d:1x1:4"
    assert named.loc[2, "unit"] == "3a:1x1:43"
    assert codes["unit"].nunique() == named["unit"].nunique()


def test_what_was_imported_can_be_loaded(tmp_path: Path) -> None:
    import_published(write_release(tmp_path / "released"), tmp_path / "data")
    dataset = load(tmp_path / "data")
    assert set(dataset.trials["experiment"]) == {"I"}
    assert (dataset.trials["rt"] < 0).sum() == 2
    assert any("below zero kept" in sentence for sentence in dataset.statements)
    assert MAIN in dataset.sources


def test_nothing_is_replaced_unasked(tmp_path: Path) -> None:
    source = write_release(tmp_path / "released")
    import_published(source, tmp_path / "data")
    with pytest.raises(UserError, match="--force"):
        import_published(source, tmp_path / "data")
    import_published(source, tmp_path / "data", replace=True)
    sessions = write_sessions(tmp_path / "sessions", 1)
    for replace in (False, True):
        with pytest.raises(UserError, match="something other"):
            import_published(source, sessions, replace=replace)
    assert DataFolder(sessions).participants() == [1]
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match="not a folder"):
        import_published(source, tmp_path / "file")


def _with(**values: object) -> Callable[[pd.DataFrame], pd.DataFrame]:
    def change(table: pd.DataFrame) -> pd.DataFrame:
        for column, value in values.items():
            table[column] = table[column].astype(object)
            table.loc[4, column] = value
        return table

    return change


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop(columns=["RT", "layer"]), "columns layer, RT are missing"),
        (lambda t: t.drop(columns=["subject_id"]), "column subject_id is missing"),
        (lambda t: t.iloc[:0], "no rows"),
        (_with(RT="soon"), 'row 6: column RT holds "soon"'),
        (_with(RT="soon", batch=3.5), "not a"),
        (_with(instr_type="dreamt"), 'instr_type holds "dreamt"'),
        (_with(conf_rating=0), "sign of conf_rating|not -3"),
        (_with(conf_rating=7), "sign of conf_rating|not -3"),
        (_with(correct="maybe"), 'correct holds "maybe"'),
        (_with(layer="layer_99"), "no unit layer_99"),
        (lambda t: pd.concat([t, t.iloc[[2]]]), "occur twice"),
        (
            lambda t: t.assign(correct=~t["correct"].astype(bool)),
            "correct does not follow",
        ),
        (
            lambda t: t.assign(query_order="max_min"),
            "query_order",
        ),
    ],
)
def test_tables_not_as_released_are_refused(
    tmp_path: Path, change: Callable[[pd.DataFrame], pd.DataFrame], message: str
) -> None:
    source = write_release(tmp_path / "released", change(released_trials()))
    with pytest.raises(UserError, match=message):
        import_published(source, tmp_path / "data")
    assert not (tmp_path / "data").exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["released"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b"\xff\xfe\x00,subject_id\n1,2\n", "not UTF-8"),
        (b"subject_id;trial_nr\n1;2\n", "columns .* are missing"),
        (b'a,"b\n1,2,3\n4', "cannot be read as CSV|missing"),
    ],
)
def test_files_that_are_no_such_tables_are_refused(
    tmp_path: Path, content: bytes, message: str
) -> None:
    source = write_release(tmp_path / "released")
    (source / MAIN).write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        import_published(source, tmp_path / "data")
    assert MAIN in str(caught.value)


def test_missing_places_are_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        import_published(tmp_path / "nowhere", tmp_path / "data")
    with pytest.raises(UserError, match=MAIN):
        import_published(tmp_path, tmp_path / "data")
    with pytest.raises(UserError, match="experiment_II_main_practice_catch_trials"):
        import_published(tmp_path, tmp_path / "data")
    source = write_release(tmp_path / "released")
    (source / "experiment_I_main_copy_preprocessed.csv").write_text("x")
    with pytest.raises(UserError, match="several trial tables"):
        import_published(source, tmp_path / "data")


def test_a_unit_list_of_another_network_is_refused(tmp_path: Path) -> None:
    source = write_release(tmp_path / "released", units=True)
    path = source / "units" / "experiment_I_sampled_trials.csv"
    path.write_text(path.read_text().replace("mixed3b", "mixed4e"))
    with pytest.raises(UserError, match="mixed4e"):
        import_published(source, tmp_path / "data")
    path.write_text("title\nlayer_number,kernel_size_number\n")
    with pytest.raises(UserError, match="lacks the columns"):
        import_published(source, tmp_path / "data")


def test_paths_of_images_cannot_lead_anywhere(tmp_path: Path) -> None:
    table = released_trials()
    table.loc[0, "query_image_a"] = "/etc/../../max_9.png"
    import_published(write_release(tmp_path / "released", table), tmp_path / "data")
    assert rows_of(tmp_path / "data").loc[4, "query_lower"] == "published/etc/max_9.png"
