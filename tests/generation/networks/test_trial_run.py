"""A user's network tried at every size before anything is recorded."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from generation.networks.choice import NetworkChoice
from generation.networks.hooked_networks import _spec, state_sha256
from generation.networks.network import Network, load_network
from generation.networks.preprocessing import Preprocessing
from generation.networks.trial_run import TrialRun, fed_sizes
from generation.synthesis.recipe_settings import Synthesis
from generation.synthesis.transforms import RandomTransforms, draw_group
from house.errors import UserError
from tests.generation.conftest import run_generation

CODE = """
import torch
from torch import nn

class Transformer(nn.Module):
    def __init__(self):
        super().__init__()
        self.patch = nn.Conv2d(3, 8, 8, stride=8)
        self.place = nn.Parameter(torch.randn(1, 36, 8))
        self.block = nn.Linear(8, 8)

    def forward(self, x):
        tokens = self.patch(x).flatten(2).transpose(1, 2) + self.place
        return self.block(tokens).mean(dim=1)

def vit():
    torch.manual_seed(3)
    return Transformer()
"""


def test_the_sizes_are_those_that_the_transforms_leave() -> None:
    synthesis = Synthesis.model_validate(
        {
            "canvas": 64,
            "crop": 8,
            "transforms": {
                "pad": 3,
                "jitter_before": 4,
                "scales": [1.0, 0.95, 1.1, 1.0],
                "angles": [0.0],
                "jitter_after": 2,
            },
        }
    )
    settings = synthesis.settings("float32")
    transforms = RandomTransforms(settings.transforms, torch.device("cpu"))
    draws = [draw_group(settings.transforms, 1, 0, "unit", 1)]
    made = [
        transforms(torch.rand(1, 1, 3, 64, 64), draws, scale, 0).shape[-1] for scale in range(4)
    ]
    assert fed_sizes(synthesis) == (48, *dict.fromkeys(made))
    crops = Synthesis.model_validate({"canvas": 64, "crop": 8, "crops": {"input_size": 40}})
    assert fed_sizes(crops) == (48, 40)


class Base(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 3, padding=1)
        self.body = nn.Conv2d(6, 8, 3)

    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.stem(x))


class Detaching(Base):
    def forward(self, x: Tensor) -> Tensor:
        return self.body(self.stem(x).detach())


class DetachingBoth(Base):
    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            return self.body(self.stem(x))


class InPlace(Base):
    def forward(self, x: Tensor) -> Tensor:
        found = torch.sigmoid(self.stem(x))
        doubled = found * 2
        found.add_(1)
        return self.body(doubled)


class OfOneSize(Base):
    def forward(self, x: Tensor) -> Tensor:
        if x.shape[-1] == 40:
            raise KeyError("forty\nand more")
        return super().forward(x)


class Fewer(nn.Conv2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)[:, : 5 if x.shape[-1] == 40 else 6]


class ManyChannels(Base):
    def __init__(self) -> None:
        super().__init__()
        self.stem = Fewer(3, 6, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        found = self.stem(x)
        return self.body(found if found.shape[1] == 6 else found.repeat(1, 2, 1, 1)[:, :6])


class Float32Only(Base):
    def forward(self, x: Tensor) -> Tensor:
        found = self.stem(x)
        if found.dtype is not torch.float32:
            raise TypeError("only 32 bits")
        return self.body(found)


def network_of(module: nn.Module) -> Network:
    pre = Preprocessing(1.0, (0.0, 0.0, 0.0), bgr=False)
    spec = _spec(NetworkChoice(name="own:net"), module, pre, size=48, fixed=False, title="")
    return load_network(dataclasses.replace(spec, weights_sha256=state_sha256(module)))


def trial(module: nn.Module, precision: str = "float32") -> None:
    layers = ("stem", "body")
    TrialRun(layers, (48, 40), precision)(network_of(module))


def test_a_sound_network_passes() -> None:
    trial(Base())
    trial(Base(), "bfloat16")


@pytest.mark.parametrize(
    ("module", "message"),
    [
        (OfOneSize, r"OfOneSize cannot look at .* 40 x 40 pixels \(KeyError: .*fixed_size = true"),
        (DetachingBoth, "no gradient goes from layer stem .* to the image"),
        (Detaching, "no gradient goes from layer body .* to the image"),
        (InPlace, r"gradient from layer body .* 48 x 48 pixels fails \(RuntimeError: .*in place"),
        (ManyChannels, "stem of own:net has 5 channels for an image of 40 x 40 .* and 6 for one"),
    ],
)
def test_what_fails_is_named(module: type[nn.Module], message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        trial(module())
    assert "\n" not in str(caught.value)


def test_what_only_the_precision_forbids_is_named() -> None:
    trial(Float32Only())
    with pytest.raises(UserError, match=r'precision bfloat16\. Take `precision = "float32"`'):
        trial(Float32Only(), "bfloat16")


def test_memory_that_runs_out_stays_what_it_is() -> None:
    class Hungry(Base):
        def forward(self, x: Tensor) -> Tensor:
            if x.shape[-1] == 40:
                raise torch.cuda.OutOfMemoryError("CUDA out of memory")
            return super().forward(x)

    with pytest.raises(torch.cuda.OutOfMemoryError):
        trial(Hungry())


def test_a_transformer_of_one_size_is_refused_before_recording_and_built_when_told(
    recipe_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "lab_vit.py").write_text(CODE, encoding="utf-8")
    path = os.pathsep.join([str(tmp_path / "code"), os.environ.get("PYTHONPATH", "")])
    text = recipe_file.read_text(encoding="utf-8").partition("[[units]]")[0]
    text = text.replace(
        "[synthesis]\n", '[network]\nname = "lab_vit:vit"\nsize = 48\n[synthesis]\n'
    )
    text += '[[units]]\nunit = "block:all:3"\n'
    recipe_file.write_text(text, encoding="utf-8")
    out = tmp_path / "bank.h5"
    refused = run_generation("build", recipe_file, "--out", out, PYTHONPATH=path)
    assert refused.returncode == 2, refused.stderr
    assert "Transformer cannot look at an image of" in refused.stderr
    assert "fixed_size = true" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert not [file for file in tmp_path.rglob("*") if "recording" in file.name]
    recipe_file.write_text(text.replace("size = 48\n", "size = 48\nfixed_size = true\n", 1))
    made = run_generation("build", recipe_file, "--out", out, PYTHONPATH=path)
    assert made.returncode == 0, made.stderr
