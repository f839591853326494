"""The import of experiment II: its columns, sets and expertise; both experiments in one folder."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from analysis.load import load
from analysis.published import import_published
from house.errors import UserError
from participants import DataFolder
from tests.analysis.builders import released_trials, write_release
from tests.analysis.experiment_two import (
    TRIALS,
    experiment_two_trials,
    write_experiment_two,
)

SCHEMES = {"Max-1": "Max 1", "Min-Max-1": "Min+Max 1", "Max-9": "Max 9", "Min-Max-9": "Min+Max 9"}


@pytest.fixture(scope="module")
def small() -> pd.DataFrame:
    """Two experts and two lay participants."""
    return experiment_two_trials(2, 2)


def test_every_column_is_mapped(tmp_path: Path, small: pd.DataFrame) -> None:
    counts = import_published(write_experiment_two(tmp_path / "released", small), tmp_path / "data")
    assert counts == {"II": {"participants": 4, "trials": 4 * 216, "ratings": 24}}
    folder = DataFolder(tmp_path / "data")
    # Numbers of the release plus 100: experiment I has participants 1, 2, 11 and 12 as well.
    assert folder.participants() == [101, 102, 111, 112]
    rows = pd.DataFrame(folder.find(111, 1).rows())
    released = small[small["subject_id"] == 11].reset_index(drop=True)
    ours = rows[rows["trial_type"] != "intuitiveness"].reset_index(drop=True)
    assert list(ours["trial"]) == list(range(4, 220))
    assert list(ours["block"]) == list(released["block_nr"] + 2)
    assert list(ours["scheme"]) == [SCHEMES[name] for name in released["condition_name"]]
    assert list(ours["condition"]) == [
        {"optimized": "synthetic"}.get(name, name) for name in released["instr_type"]
    ]
    kinds = released["trial_type"].mask(released["catch_trial"], "catch")
    assert list(ours["trial_type"]) == list(kinds)
    assert list(ours["correct"]) == list(released["correct"])
    assert list(ours["confidence"]) == list(released["conf_rating"].abs())
    assert set(rows["expertise"]) == {"lay"}
    assert folder.find(111, 1).info.expertise == "lay"
    assert folder.find(101, 1).info.expertise == "expert"
    assert folder.find(101, 1).info.protocol == "borowski2021_experiment2"
    assert ours["repeated_of"].isna().all()
    assert (ours["selection"] == "random").all()


def test_ratings_stand_before_and_after(tmp_path: Path, small: pd.DataFrame) -> None:
    import_published(write_experiment_two(tmp_path / "released", small), tmp_path / "data")
    rows = pd.DataFrame(DataFolder(tmp_path / "data").find(101, 1).rows())
    rated = rows[rows["trial_type"] == "intuitiveness"]
    assert list(rated["trial"]) == [1, 2, 3, 220, 221, 222]
    assert list(rated["block"]) == [1, 1, 1, 26, 26, 26]
    assert rated["rating"].notna().all()


def test_the_set_is_part_of_a_units_identity(tmp_path: Path, small: pd.DataFrame) -> None:
    import_published(write_experiment_two(tmp_path / "a", small), tmp_path / "codes")
    import_published(write_experiment_two(tmp_path / "b", small, units=True), tmp_path / "named")
    for place, example in (("codes", "3a:1x1:set-a"), ("named", "3a:1x1:0")):
        trials = load(tmp_path / place).trials
        main = trials[trials["trial_type"] == "main"]
        assert main["unit"].nunique() == 80
        assert example in set(main["unit"])
        # Sets of catch and practice units are their own.
        others = trials[trials["trial_type"].isin(["catch", "practice"])]
        assert not set(others["unit"]) & set(main["unit"])
        assert set(main["layer"]) == {"3a", "4a", "4c", "4e", "5b"}
    assert trials["channel"].notna().sum() == 4 * 216


@pytest.mark.parametrize("prefix", ["", "batch_block_"])
def test_sets_are_known_by_number_letter_or_folder(
    tmp_path: Path, small: pd.DataFrame, prefix: str
) -> None:
    letters = small.assign(batch_block=[prefix + "abcdefgh"[i] for i in small["batch_block"]])
    import_published(write_experiment_two(tmp_path / "released", letters), tmp_path / "data")
    assert "3a:1x1:set-a" in set(load(tmp_path / "data").trials["unit"])


def test_both_experiments_in_one_folder_are_kept_apart(tmp_path: Path, small) -> None:
    source = write_release(tmp_path / "released", released_trials((1, 2)))
    write_experiment_two(source, small)
    counts = import_published(source, tmp_path / "data")
    assert set(counts) == {"I", "II"}
    dataset = load(tmp_path / "data")
    people = dataset.trials.groupby("experiment")["participant"].unique()
    assert set(people["I"]) == {1, 2}
    assert set(people["II"]) == {101, 102, 111, 112}
    assert dataset.name == "borowski2021"
    assert len(dataset.sources) == 5
    only = import_published(source, tmp_path / "only", experiments=["I"])
    assert list(only) == ["I"]
    assert DataFolder(tmp_path / "only").participants() == [1, 2]
    with pytest.raises(UserError, match="of experiment II is not in this folder"):
        import_published(write_release(tmp_path / "one"), tmp_path / "x", experiments=["II"])


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
        (lambda t: t.drop(columns=["batch_block"]), "column batch_block is missing"),
        (lambda t: t.drop(columns=["expert_level"]), "column expert_level is missing"),
        (_with(batch_block=11), 'batch_block holds "11"'),
        (_with(expert_level="guru"), 'expert_level holds "guru"'),
        (_with(expert_level="naive"), "both expert and naive"),
        (_with(instruction_grid_mode="min_min"), 'instruction_grid_mode holds "min_min"'),
        (_with(n_instruction_patches=4), 'n_instruction_patches holds "4"'),
        (_with(condition_name="Max-9"), "condition_name is not what"),
        (_with(instr_type="none_pre"), 'instr_type holds "none_pre"'),
        (_with(trial_type="repeated"), 'trial_type holds "repeated"'),
        (lambda t: pd.concat([t, t.iloc[[2]]]), "occur twice"),
    ],
)
def test_tables_not_as_released_are_refused(
    tmp_path: Path,
    small: pd.DataFrame,
    change: Callable[[pd.DataFrame], pd.DataFrame],
    message: str,
) -> None:
    source = write_experiment_two(tmp_path / "released", change(small.copy()))
    with pytest.raises(UserError, match=message) as caught:
        import_published(source, tmp_path / "data")
    assert TRIALS in str(caught.value)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["released"]


def test_a_table_under_the_other_experiments_name_is_refused(tmp_path: Path, small) -> None:
    source = write_experiment_two(tmp_path / "released", small)
    path = source / TRIALS.replace("_II_", "_I_")
    (source / TRIALS).rename(path)
    with pytest.raises(UserError, match="has experiment II's column batch_block"):
        import_published(source, tmp_path / "data")
    write_release(tmp_path / "one")
    first = next((tmp_path / "one").glob("experiment_I_main*"))
    path.rename(source / TRIALS)
    (source / TRIALS).write_bytes(first.read_bytes())
    with pytest.raises(UserError, match="columns batch_block"):
        import_published(source, tmp_path / "data")


def test_ratings_of_nobody_and_beyond_the_scale_are_refused(tmp_path: Path, small) -> None:
    for change, message in (
        (lambda t: t.assign(rating=t["rating"].where(t.index > 0, 500)), "between -100 and 100"),
        (lambda t: t.assign(subject_id=t["subject_id"] + 90), "names nobody"),
    ):
        source = write_experiment_two(tmp_path / "released", small)
        path = source / "experiment_II_intuitiveness_end_preprocessed.csv"
        change(pd.read_csv(path, index_col=0)).to_csv(path)
        with pytest.raises(UserError, match=message):
            import_published(source, tmp_path / "data")
