from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generation.networks.class_labels import ClassLabels, imagenet_classes
from generation.networks.network import network_spec
from house.errors import UserError

SQUEEZENET = ClassLabels(network_spec("squeezenet1_1"))
INCEPTION = ClassLabels(network_spec("inception_v1"))


# Numbers and synsets as ImageNet's own table has them.
@pytest.mark.parametrize(
    ("number", "synset", "name"),
    [
        (0, "n01440764", "tench"),
        (11, "n01531178", "goldfinch"),
        (388, "n02510455", "giant panda"),
        (999, "n15075141", "toilet tissue"),
    ],
)
def test_number_synset_and_name_mean_the_same(number: int, synset: str, name: str) -> None:
    labels = (str(number), f"{number:04d}", synset, name, name.upper(), name.replace(" ", "_"))
    for label in (*labels, imagenet_classes()[number][1], f" {name} "):
        assert SQUEEZENET.outputs(label) == {number}
        (output,) = INCEPTION.outputs(label)
        listed = network_spec("inception_v1").class_names()[output]
        assert listed == imagenet_classes()[number][1]


def test_the_outputs_of_inception_v1_are_in_an_order_of_their_own() -> None:
    names = network_spec("inception_v1").class_names()
    assert len(names) == 1008
    assert names[0] == ""
    assert names[1001:] == [""] * 7
    firsts = [name.partition(",")[0] for name in names]
    # Known places of the published graph's labels.
    assert (firsts[1], firsts[6], firsts[169], firsts[1000]) == (
        "kit fox", "grey whale", "giant panda", "dumbbell",
    )  # fmt: skip
    standard = [name.partition(",")[0] for _, name in imagenet_classes()]
    assert sorted(firsts[1:1001]) == sorted(standard)


@given(st.integers(0, 999))
def test_every_class_has_an_output_in_both_orders(number: int) -> None:
    assert number in SQUEEZENET.outputs(str(number))
    assert SQUEEZENET.outputs(imagenet_classes()[number][0]) == SQUEEZENET.outputs(str(number))
    assert len(INCEPTION.outputs(str(number))) == len(SQUEEZENET.outputs(str(number)))


def test_two_classes_of_one_name_count_alike() -> None:
    assert SQUEEZENET.outputs("crane") == {134, 517}


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ("goldfinsh", '"goldfinch"'),
        ("flying saucer", "name, synset or number"),
        ("n00000001", "n00000001"),
        ("1000", "0 to 999"),
        ("", "is no class"),
    ],
)
def test_labels_that_mean_nothing(label: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        SQUEEZENET.outputs(label)
    assert message in str(caught.value)


def test_a_network_with_classes_of_its_own(tmp_path: Path) -> None:
    spec = dataclasses.replace(network_spec("squeezenet1_1"), name="own", classes=None)
    unnamed = ClassLabels(spec)
    assert unnamed.outputs("7") == {7}
    with pytest.raises(UserError, match="number of the output"):
        unnamed.outputs("cat")
    file = tmp_path / "classes.txt"
    file.write_text("cat\ndog, hound\n", encoding="utf-8")
    named = ClassLabels(dataclasses.replace(spec, classes=file))
    assert not named.imagenet
    assert (named.outputs("dog"), named.outputs("0")) == ({1}, {0})
    with pytest.raises(UserError, match="n01440764"):
        named.outputs("n01440764")
    with pytest.raises(UserError, match="cannot be read"):
        ClassLabels(dataclasses.replace(spec, classes=tmp_path / "none.txt"))
