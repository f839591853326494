from __future__ import annotations

import numpy as np
import pytest
import torch

from generation.synthesis.parametrization import (
    FourierImages,
    colour_matrix,
    initial_spectrum,
    spectrum_scale,
)


def twin(spectrum: np.ndarray, size: int) -> np.ndarray:
    """Follow the published recipe step by step in numpy, 64-bit."""
    weight = np.empty((size, size // 2 + 1))
    for row in range(size):
        for column in range(size // 2 + 1):
            fy = row / size if row < (size + 1) // 2 else row / size - 1
            f = np.hypot(fy, column / size)
            weight[row, column] = np.sqrt(size * size) / max(f, 1 / max(size, size))
    complex_spectrum = spectrum[..., 0].astype(float) + 1j * spectrum[..., 1]
    planes = np.fft.irfft2(complex_spectrum * weight, s=(size, size)) / 4
    matrix = np.array([[0.26, 0.09, 0.02], [0.27, 0.0, -0.05], [0.27, -0.09, 0.03]])
    matrix = matrix / np.sqrt((matrix**2).sum(axis=0)).max()
    pixels = np.moveaxis(planes, 1, -1) @ matrix.T
    return np.moveaxis(1 / (1 + np.exp(-pixels)), -1, 1)


def test_images_equal_the_numpy_twin() -> None:
    for size in (32, 48):
        spectrum = initial_spectrum(np.random.default_rng(1), 3, size, 0.3)
        rendered = FourierImages(size, torch.device("cpu"))(torch.from_numpy(spectrum))
        np.testing.assert_allclose(rendered.numpy(), twin(spectrum, size), atol=2e-5)


@pytest.mark.parametrize("size", [8, 9])
def test_gradient_equals_that_through_torch_in_64_bit(size: int) -> None:
    spectrum = initial_spectrum(np.random.default_rng(1), 2, size, 0.3)
    upstream = np.random.default_rng(2).normal(size=(2, 3, size, size))
    ours = torch.from_numpy(spectrum).requires_grad_(True)
    rendered = FourierImages(size, torch.device("cpu"))(ours)
    (found,) = torch.autograd.grad(rendered, ours, torch.from_numpy(upstream).float())
    exact = torch.from_numpy(spectrum).double().requires_grad_(True)
    weight = torch.from_numpy(spectrum_scale(size).astype(float) / 4)[..., None]
    planes = torch.fft.irfft2(torch.view_as_complex(exact * weight), s=(size, size))
    mixed = torch.einsum("cd,ndhw->nchw", torch.from_numpy(colour_matrix()).double(), planes)
    (wanted,) = torch.autograd.grad(torch.sigmoid(mixed), exact, torch.from_numpy(upstream))
    torch.testing.assert_close(found.double(), wanted, rtol=1e-4, atol=1e-4)


def test_initial_images_are_nearly_grey_and_in_range() -> None:
    spectrum = initial_spectrum(np.random.default_rng(2), 2, 64, 0.01)
    images = FourierImages(64, torch.device("cpu"))(torch.from_numpy(spectrum))
    assert images.min() > 0
    assert images.max() < 1
    assert 0.4 < images.mean() < 0.6


def test_constants() -> None:
    assert np.isclose(np.linalg.norm(colour_matrix(), axis=0).max(), 1)
    scale = spectrum_scale(256)
    assert scale[0, 0] == 256 * 256
    assert np.isclose(scale[0, 1], 256 * 256)
    assert np.isclose(scale[0, 128], 512)


def test_spectrum_has_the_asked_deviation() -> None:
    spectrum = initial_spectrum(np.random.default_rng(3), 4, 64, 0.01)
    assert spectrum.shape == (4, 3, 64, 33, 2)
    assert abs(spectrum.std() - 0.01) < 2e-4
    assert abs(spectrum.mean()) < 2e-4
