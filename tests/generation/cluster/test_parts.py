from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from generation.building.order import build
from generation.building.scheduling import Here
from generation.cluster.engine import ClusterSettings
from generation.cluster.parts import OnCluster
from generation.recipe import load_recipe
from house.errors import UserError
from stimuli import StimulusBank, verify_bank
from tests.generation.building.test_order import Silent
from tests.generation.cluster.bench import checksum, make_recipe, start_build, units_of
from tests.generation.conftest import run_generation

pytest.importorskip("ray", reason="the extra [cluster] is not installed")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cluster")


@pytest.fixture(scope="module")
def cluster(folder: Path) -> Iterator[OnCluster]:
    """A cluster of two workers, for all tests here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        with OnCluster(ClusterSettings("local:2", patience=5)) as running:
            yield running


@pytest.fixture(autouse=True)
def _there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.syspath_prepend(folder)


def test_a_cluster_says_how_many_work_at_a_time(cluster: OnCluster) -> None:
    assert cluster.facts("float32").workers == 2
    assert Here().facts("float32").workers == 1


def test_a_cluster_makes_the_very_bank_that_one_process_makes(
    folder: Path, cluster: OnCluster, pool_folder: Path
) -> None:
    recipe = make_recipe(folder, pool_folder)
    one = build(*load_recipe(str(recipe)), folder / "one.h5", Silent())
    reporter = Silent()
    other = build(*load_recipe(str(recipe)), folder / "two.h5", reporter, scheduler=cluster)
    assert other.content_sha256 == one.content_sha256
    assert other.beating == one.beating
    assert verify_bank(other.path).problems == []
    assert reporter.done["photographs"] == (30, 30)
    assert reporter.done["synthetic images"] == (6 * 6, 6 * 6)
    assert sum("synthetic" in text for text in reporter.said) == 6
    with StimulusBank(one.path) as first, StimulusBank(other.path) as second:
        assert first.provenance["build_key"] == second.provenance["build_key"]
        assert first.provenance["photographs_sha256"] == second.provenance["photographs_sha256"]
        assert first.provenance["scheduler"] == "one process"
        assert second.provenance["scheduler"].startswith("Ray ")
    # There already: nothing is done.
    assert not build(*load_recipe(str(recipe)), other.path, Silent(), scheduler=cluster).fresh


@pytest.mark.parametrize(
    "natural",
    [
        "query_percentile = 80.0",
        pytest.param('assignment = "released"', marks=pytest.mark.slow),
    ],
)
def test_other_ways_to_deal_and_several_units_a_pass(
    folder: Path, cluster: OnCluster, pool_folder: Path, natural: str
) -> None:
    recipe = make_recipe(folder, pool_folder, steps=2, units=3, natural=natural)
    text = recipe.read_text(encoding="utf-8").replace("batches = 2", "batches = 4")
    if natural.startswith("assignment"):
        text = text.replace("[synthesis]", '[synthesis]\npreset = "maco"\nunits_per_pass = 2')
        text = text.replace("canvas = 64", "canvas = 48").replace("crop = 8", "crop = 0")
        # The preset's crops take the place of transforms.
        before, _, rest = text.partition("[synthesis.transforms]")
        text = before + rest[rest.index("[natural]") :]
    recipe.write_text(text, encoding="utf-8")
    name = natural[:5]
    one = build(*load_recipe(str(recipe)), folder / f"{name}1.h5", Silent())
    other = build(*load_recipe(str(recipe)), folder / f"{name}2.h5", Silent(), scheduler=cluster)
    assert other.content_sha256 == one.content_sha256


class Stopped(Exception):  # noqa: N818
    """Stands for a job that is cancelled."""


class Stopping(Silent):
    """A reporter that cancels the job when it is told something."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def say(self, text: str) -> None:
        super().say(text)
        if self._text in text:
            raise Stopped


def test_a_cancelled_job_goes_on_in_one_process_and_the_other_way_round(
    folder: Path, cluster: OnCluster, pool_folder: Path
) -> None:
    recipe = make_recipe(folder, pool_folder)
    expected = build(*load_recipe(str(recipe)), folder / "whole.h5", Silent())
    for first, second in ((cluster, None), (None, cluster)):
        out = folder / f"parted{first is None}.h5"
        with pytest.raises(Stopped):
            build(*load_recipe(str(recipe)), out, Stopping("2:all:"), scheduler=first)
        made = {
            path.name: path.stat().st_mtime_ns
            for path in units_of(out.with_name(f"{out.name}.work"))
        }
        assert 1 <= len(made) < 6
        reporter = Silent()
        built = build(*load_recipe(str(recipe)), out, reporter, scheduler=second)
        assert built.content_sha256 == expected.content_sha256
        # The recording was finished: nothing of it is done again.
        assert reporter.done["photographs"] == (30, 30)
        (earlier,) = [text for text in reporter.said if "were finished earlier" in text]
        assert int(earlier.split()[0]) >= len(made)


def test_a_worker_whose_photographs_cannot_be_read_says_so(
    folder: Path, cluster: OnCluster, pool_folder: Path
) -> None:
    for victim in sorted(pool_folder.glob("*.jpg"))[3:5]:
        victim.write_bytes(b"no picture")
    recipe = make_recipe(folder, pool_folder)
    with pytest.raises(UserError, match="2 photographs cannot be read"):
        build(*load_recipe(str(recipe)), folder / "broken.h5", Silent(), scheduler=cluster)


def test_a_command_joins_a_cluster_that_runs_already(
    folder: Path, cluster: OnCluster, pool_folder: Path
) -> None:
    import ray

    recipe = make_recipe(folder, pool_folder, units=1)
    address = ray.get_runtime_context().gcs_address
    one = build(*load_recipe(str(recipe)), folder / "apart.h5", Silent())
    assert checksum(start_build(recipe, folder / "joined.h5", address))[0] == one.content_sha256


def test_what_is_wrong_with_a_cluster_is_a_sentence(recipe_file: Path, tmp_path: Path) -> None:
    for address, sentence in (
        ("127.0.0.1:9", "there is no Ray cluster to join"),
        ("nonsense", "an address looks like"),
        ("ray://somewhere:10001", "remote clients"),
    ):
        told = run_generation(
            "build", recipe_file, "--out", tmp_path / "b.h5", "--cluster", address, "--quiet"
        )
        assert told.returncode == 2, told.stderr
        assert sentence in told.stderr
        assert "Traceback" not in told.stderr


@pytest.mark.slow
@pytest.mark.parametrize("workers", [1, 2, 4])
def test_the_number_of_workers_changes_nothing(
    tmp_path: Path, pool_folder: Path, workers: int
) -> None:
    recipe = make_recipe(tmp_path, pool_folder, steps=20, units=4)
    one, _ = checksum(start_build(recipe, tmp_path / "one.h5"))
    other, _ = checksum(start_build(recipe, tmp_path / "other.h5", f"local:{workers}"))
    assert other == one
