"""The networks that are known by name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from generation.networks.architectures import googlenet, inception_v1
from generation.networks.architectures.squeezenet import FIRES, SqueezeNet
from generation.networks.hooked_networks import IMAGENET_CLASSES, fetch_weights, published_weights
from generation.networks.preprocessing import Preprocessing
from generation.networks.spec import Branch, Layer, NetworkSpec

WEIGHTS = Path(__file__).parents[1] / "weights"


def _layers(described: Iterable[tuple[str, Iterable[tuple[str, int, int]]]]) -> tuple[Layer, ...]:
    return tuple(
        Layer(name, index, tuple(Branch(*branch) for branch in branches))
        for index, (name, branches) in enumerate(described)
    )


def _fetch_googlenet() -> Path:
    return fetch_weights(published_weights("googlenet")[0].url, "googlenet")


REGISTRY: dict[str, NetworkSpec] = {
    spec.name: spec
    for spec in (
        NetworkSpec(
            name="squeezenet1_1",
            title="SqueezeNet 1.1, trained on ImageNet (embedded)",
            factory=SqueezeNet,
            layers=_layers(
                (name, (("1x1", 0, n - 1), ("3x3", n, 2 * n - 1))) for name, _, _, n in FIRES
            ),
            preprocessing=Preprocessing(255.0, (104.006, 116.669, 122.679), bgr=True),
            value_range=(0.0, 1.0),
            weights=WEIGHTS / "squeezenet1_1.npz",
            weights_sha256="ad05f61a17002c48ae1ec49b49b9512a5a491342ead5ff6c0b152f049b5491ac",
            licence="BSD-2-Clause (weights), MIT (conversion); see generation/weights/NOTICE.md",
            check_size=227,
            expected_top1=0.72,
            expected_top5=0.86,
            # Published for the original model.
            expected_folder_top1=0.575,
            classes=IMAGENET_CLASSES,
        ),
        NetworkSpec(
            name="googlenet",
            title="GoogLeNet with batch norm, torchvision's (weights by path, or fetched)",
            factory=googlenet.GoogLeNet,
            layers=_layers(googlenet.LAYERS),
            preprocessing=Preprocessing(2.0, (1.0, 1.0, 1.0), bgr=False),
            value_range=(0.0, 1.0),
            weights=None,
            weights_sha256="",
            licence="BSD-3-Clause (torchvision)",
            check_size=224,
            # Published for torchvision's weights.
            expected_folder_top1=0.69778,
            classes=IMAGENET_CLASSES,
            fetch=_fetch_googlenet,
        ),
        NetworkSpec(
            name="inception_v1",
            title="InceptionV1 with local response normalisation, as published (weights by path)",
            factory=inception_v1.InceptionV1,
            layers=_layers(inception_v1.LAYERS),
            preprocessing=Preprocessing(255.0, (117.0, 117.0, 117.0), bgr=False),
            value_range=(0.0, 1.0),
            weights=None,
            weights_sha256="",
            licence="Apache-2.0 (TensorFlow)",
            check_size=224,
            # A lower bound: replications of GoogLeNet without batch norm reach 0.687.
            expected_folder_top1=0.66,
            classes=WEIGHTS / "inception_v1_classes.txt",
            weights_help=(
                "Get the frozen graph of TensorFlow's inception5h "
                "(storage.googleapis.com/download.tensorflow.org/models/inception5h.zip) or "
                "lucid's InceptionV1.pb, turn it into weights with `python -m generation "
                "convert-weights GRAPH --out inception_v1.npz`, and give that file: --weights "
                "PATH, or `weights` in the recipe's [network] table."
            ),
        ),
    )
}
