from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st

from generation.networks.network import REGISTRY
from generation.networks.preprocessing import Preprocessing, bilinear_matrix


def images(n: int = 2, height: int = 9, width: int = 7) -> torch.Tensor:
    return torch.from_numpy(
        np.random.default_rng(0).random((n, 3, height, width), dtype=np.float32)
    )


def test_scale_mean_deviation_and_order_of_colours() -> None:
    x = images()
    found = Preprocessing(2.0, (0.1, 0.2, 0.3), bgr=True, std=(1.0, 2.0, 4.0))(x)
    for place, colour in enumerate((2, 1, 0)):
        expected = (2 * x[:, colour] - 0.1 * (place + 1)) / 2**place
        torch.testing.assert_close(found[:, place], expected)


@pytest.mark.parametrize(
    ("name", "black", "white"),
    [
        ("squeezenet1_1", (-104.006, -116.669, -122.679), (150.994, 138.331, 132.321)),
        ("googlenet", (-1, -1, -1), (1, 1, 1)),
        ("inception_v1", (-117, -117, -117), (138, 138, 138)),
    ],
)
def test_what_the_registered_networks_are_fed(
    name: str, black: tuple[float, ...], white: tuple[float, ...]
) -> None:
    preprocessing = REGISTRY[name].preprocessing
    for value, expected in ((0.0, black), (1.0, white)):
        found = preprocessing(torch.full((1, 3, 1, 1), value)).flatten()
        torch.testing.assert_close(found, torch.tensor(expected, dtype=torch.float32))


@given(st.integers(1, 40), st.integers(1, 40))
def test_the_resize_is_bilinear_interpolation(size: int, new_size: int) -> None:
    x = torch.linspace(-1, 2, size)[None, None, :].square()
    expected = F.interpolate(x, size=new_size, mode="linear", align_corners=False)[0, 0]
    matrix = torch.from_numpy(bilinear_matrix(size, new_size))
    torch.testing.assert_close(matrix @ x[0, 0], expected, rtol=1e-4, atol=1e-4)


def test_a_network_of_one_size_gets_it_and_gradients_come_back() -> None:
    x = images().requires_grad_(True)
    found = Preprocessing(1.0, (0.0, 0.0, 0.0), bgr=False, side=12)(x)
    expected = F.interpolate(x, size=(12, 12), mode="bilinear", align_corners=False)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)
    found.sum().backward()
    assert x.grad is not None
    assert (x.grad > 0).all()
    same = Preprocessing(1.0, (0.0, 0.0, 0.0), bgr=False, side=12)(found.detach())
    assert torch.equal(same, found)
