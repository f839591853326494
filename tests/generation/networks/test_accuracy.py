from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path

import pytest
import torch

from generation.natural.decoding import Decoding, decode
from generation.networks.accuracy import Accuracy, check_network, check_weights, measure_accuracy
from generation.networks.class_labels import imagenet_classes
from generation.networks.network import Network, load_network, network_spec
from house.errors import UserError
from stimuli.photographs import load_photographs


def asking(network: Network, **more: object) -> Network:
    return Network(
        dataclasses.replace(network.spec, **more), network._module, network.device
    )  # fmt: skip


@pytest.fixture(scope="module")
def labelled() -> list[tuple[Path, int]]:
    """Labelled photographs and the numbers of their classes."""
    numbers = {name: index for index, (_, name) in enumerate(imagenet_classes())}
    return [(p.path, numbers[p.label]) for p in load_photographs() if p.label]


@pytest.fixture
def class_folders(tmp_path: Path, labelled: list[tuple[Path, int]]) -> Path:
    """Twenty of them in class folders, called in three ways."""
    root = tmp_path / "labelled"
    for place, (path, number) in enumerate(labelled[:20]):
        synset, name = imagenet_classes()[number]
        folder = (synset, str(number), name.partition(",")[0].replace(" ", "_"))[place % 3]
        (root / folder).mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / folder / path.name)
    return root


def test_the_embedded_network_names_the_labelled_photographs(network: Network) -> None:
    found = check_network(network)
    assert found is not None
    assert found.photographs > 100
    assert found.expected == network.spec.expected_top1 == 0.72
    assert found.top1 >= 0.70
    assert found.top5 >= 0.84


def test_a_network_with_swapped_colours_or_shuffled_weights_is_not_believed() -> None:
    broken = load_network("squeezenet1_1")
    with torch.no_grad():
        weight = broken._module.get_submodule("fire6").expand3x3.weight
        weight.copy_(weight.flip(0))
    with pytest.raises(UserError, match="does not recognise"):
        check_network(broken)


@pytest.mark.parametrize(("share", "believed"), [(0.51, True), (0.49, False)])
def test_without_an_expected_share_a_network_of_imagenet_must_name_half(
    network: Network, monkeypatch: pytest.MonkeyPatch, share: float, believed: bool
) -> None:
    monkeypatch.setattr(
        "generation.networks.accuracy.measure_accuracy", lambda _: Accuracy(100, share, 0.9)
    )
    other = asking(network, expected_top1=None, expected_top5=None)
    if believed:
        assert check_network(other) == Accuracy(100, share, 0.9)
    else:
        with pytest.raises(UserError, match="expected 50%"):
            check_network(other)


def test_a_network_with_other_weights_at_every_building_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "random_networks.py").write_text(
        "import torch\nfrom torch import nn\n"
        "def fresh():\n    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.Conv2d(4, 4, 3))\n"
        "def seeded():\n    torch.manual_seed(0)\n    return fresh()\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    check_weights(network_spec("random_networks:seeded"))
    with pytest.raises(UserError, match=r"other weights each time.*torch\.manual_seed"):
        check_weights(network_spec("random_networks:fresh"))


def test_without_names_of_classes_nothing_can_be_checked(network: Network) -> None:
    assert check_network(asking(network, classes=None)) is None


def test_a_labelled_folder_called_by_name_synset_and_number(
    network: Network, class_folders: Path, labelled: list[tuple[Path, int]]
) -> None:
    found = measure_accuracy(network, class_folders)
    one_by_one = 0
    how = network.spec.check_size
    for path, number in labelled[:20]:
        pixels = torch.from_numpy(decode(path, Decoding(256, how)))
        scores = network.classify(pixels.permute(2, 0, 1)[None].float() / 255)
        one_by_one += int(scores.argmax()) == number
    assert (found.photographs, found.top1) == (20, one_by_one / 20)
    checked = check_network(asking(network, accuracy_folder=class_folders))
    assert checked is not None
    assert (checked.where, checked.expected) == (str(class_folders), 0.575)


def test_a_share_below_the_expected_one_stops(network: Network, class_folders: Path) -> None:
    sure = asking(network, accuracy_folder=class_folders, expected_folder_top1=0.999)
    with pytest.raises(UserError, match=r"of 20 labelled photographs, expected 100%"):
        check_network(sure)
    with pytest.raises(UserError, match="--expected-top1"):
        check_network(asking(network, accuracy_folder=class_folders, expected_folder_top1=None))
    # Twenty photographs cannot tell 60 % from 70 %.
    share = measure_accuracy(network, class_folders).top1
    near = asking(network, accuracy_folder=class_folders, expected_folder_top1=share + 0.1)
    assert check_network(near) is not None


def test_folders_that_cannot_check(network: Network, class_folders: Path) -> None:
    (class_folders / "goldfinsh").mkdir()
    shutil.copy(next(class_folders.rglob("*.jpg")), class_folders / "goldfinsh" / "a.jpg")
    with pytest.raises(UserError, match=r'labelled: .*"goldfinsh".*"goldfinch"'):
        measure_accuracy(network, class_folders)
    shutil.rmtree(class_folders / "goldfinsh")
    for number in range(3):
        (class_folders / "388").mkdir(exist_ok=True)
        (class_folders / "388" / f"bad{number}.jpg").write_bytes(b"no picture")
    with pytest.raises(UserError, match="3 of 23 labelled photographs cannot be read"):
        measure_accuracy(network, class_folders)
    few = asking(network, classes=None)
    (class_folders.parent / "numbered" / "1234").mkdir(parents=True)
    numbered = class_folders.parent / "numbered"
    shutil.copy(next(class_folders.rglob("[!b]*.jpg")), numbered / "1234" / "a.jpg")
    with pytest.raises(UserError, match="has 1000 outputs, and the labels need number 1234"):
        measure_accuracy(few, numbered)


def test_a_pool_without_labels_cannot_check(network: Network, pool_folder: Path) -> None:
    table = pool_folder / "attribution.tsv"
    lines = table.read_text(encoding="utf-8").splitlines()
    bare = [lines[0], *(line.rpartition("\t")[0] + "\t" for line in lines[1:])]
    table.write_text("\n".join(bare) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match="no photograph has a label"):
        measure_accuracy(network, pool_folder)
    table.write_text("\n".join([lines[0], bare[1] + "flying saucer"]) + "\n", encoding="utf-8")
    with pytest.raises(UserError, match="flying saucer"):
        measure_accuracy(network, pool_folder)
