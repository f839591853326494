from __future__ import annotations

from pathlib import Path

import pytest
import torch

from generation.accuracy import check_network, measure_accuracy
from generation.networks import Network, load_network
from house.errors import UserError


def test_the_embedded_network_names_the_labelled_photographs(network: Network) -> None:
    found = check_network(network)
    assert found.photographs > 100
    assert found.top1 >= network.spec.expected_top1 - 0.02
    assert found.top5 >= network.spec.expected_top5 - 0.02


def test_a_network_with_swapped_colours_or_shuffled_weights_is_not_believed() -> None:
    broken = load_network("squeezenet1_1")
    with torch.no_grad():
        weight = broken._module.get_submodule("fire6").expand3x3.weight
        weight.copy_(weight.flip(0))
    with pytest.raises(UserError, match="does not recognise"):
        check_network(broken)


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
