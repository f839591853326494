from __future__ import annotations

import numpy as np
import pytest
import torch

from generation.synthesis.maco import CropSettings, MacoImages, RandomCrops, natural_magnitude
from generation.synthesis.parametrization import colour_matrix
from generation.synthesis.pixels import PixelImages
from house.errors import UserError

CPU = torch.device("cpu")


def photographs(count: int = 4, size: int = 24) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, (size, size, 3), dtype=np.uint8) for _ in range(count)]


def render_twin(phases: np.ndarray, magnitude: np.ndarray) -> np.ndarray:
    """Follow Fel et al. (2023) step by step in numpy, 64-bit."""
    out = []
    for phase in phases.astype(float):
        angle = (phase - phase.mean()) / (phase.std() + 1e-5)
        planes = np.fft.irfft2(
            magnitude * (np.cos(angle) + 1j * np.sin(angle)),
            s=(phase.shape[-2],) * 2,
            norm="forward",
        )
        planes = (planes - planes.mean()) / (planes.std() + 1e-5)
        mixed = np.einsum("cd,dhw->chw", colour_matrix().astype(float), planes)
        out.append(1 / (1 + np.exp(-mixed)))
    return np.stack(out)


@pytest.mark.parametrize("size", [16, 24])
def test_images_equal_their_twin(size: int) -> None:
    magnitude = natural_magnitude(photographs(), size)
    images = MacoImages(size, CPU, magnitude)
    phases = images.initial(np.random.default_rng(1), 3, 1.0)
    rendered = images(torch.from_numpy(phases)).numpy()
    np.testing.assert_allclose(rendered, render_twin(phases, magnitude), atol=2e-5)


def test_contrast_does_not_depend_on_the_strength_of_the_spectrum() -> None:
    magnitude = natural_magnitude(photographs(size=224), 224)
    phases = torch.from_numpy(np.random.default_rng(1).normal(size=(2, 3, 224, 113)))
    strong, weak = (
        MacoImages(224, CPU, spectrum)(phases.float()) for spectrum in (magnitude, magnitude / 30)
    )
    torch.testing.assert_close(strong, weak, rtol=0, atol=0.005)


def test_magnitude_of_one_size_equals_its_twin() -> None:
    pool = photographs()
    decorrelate = np.linalg.inv(colour_matrix().astype(float))
    planes = [np.einsum("dc,hwc->dhw", decorrelate, p / 255) for p in pool]
    expected = np.mean([np.abs(np.fft.rfft2(p)) / 24**2 for p in planes], axis=0)
    found = natural_magnitude(pool, 24)
    # Without the mean colour and the highest frequency, which has no partner.
    np.testing.assert_allclose(found[:, 1:11, 1:11], expected[:, 1:11, 1:11], rtol=1e-4)
    # Photographs' light differs less from one another than from darkness.
    assert found[0, 0, 0] < expected[0, 0, 0]


def test_larger_and_oblong_photographs_fit_and_none_is_an_error() -> None:
    wide = [np.random.default_rng(0).integers(0, 256, (20, 40, 3), dtype=np.uint8)]
    assert natural_magnitude(wide, 32).shape == (3, 32, 17)
    assert (natural_magnitude(wide, 32)[:, 0, 12:] == 0).all()
    with pytest.raises(UserError, match="none"):
        natural_magnitude([], 16)


def test_crops_equal_their_twin_and_noise_is_as_wide_as_asked() -> None:
    settings = CropSettings(count=3, first_side=0.6, last_side=0.2, noise=0.0, input_size=9)
    crops = RandomCrops(settings, CPU, 10, 7)
    images = np.random.default_rng(0).random((1, 2, 3, 20, 20)).astype(np.float32)
    seen = crops(torch.from_numpy(images), [("unit", 1)], 4).numpy()
    assert seen.shape == (1, 6, 3, 9, 9)
    boxes = crops.boxes(2, 4, "unit", 1)
    for image in range(2):
        for place in range(3):
            down, across, side = boxes[image, place]
            for i in range(9):
                for j in range(9):
                    y = (down + side * (i / 8 - 0.5)) * 19
                    x = (across + side * (j / 8 - 0.5)) * 19
                    value = np.zeros(3)
                    if 0 <= y <= 19 and 0 <= x <= 19:
                        y0, x0 = min(int(y), 18), min(int(x), 18)
                        fy, fx = y - y0, x - x0
                        block = images[0, image, :, y0 : y0 + 2, x0 : x0 + 2]
                        value = (
                            block[:, 0, 0] * (1 - fy) * (1 - fx) + block[:, 0, 1] * (1 - fy) * fx
                            + block[:, 1, 0] * fy * (1 - fx) + block[:, 1, 1] * fy * fx
                        )  # fmt: skip
                    np.testing.assert_allclose(
                        seen[0, image * 3 + place, :, i, j], value, atol=1e-4
                    )
    noisy = RandomCrops(CropSettings(count=4, noise=0.1, input_size=64), CPU, 10, 7)
    still = RandomCrops(CropSettings(count=4, noise=0.0, input_size=64), CPU, 10, 7)
    x = torch.full((1, 1, 3, 32, 32), 0.5)
    difference = noisy(x, [("u", 0)], 0) - still(x, [("u", 0)], 0)
    assert float(difference.std()) == pytest.approx(0.1 * np.sqrt(1 + 1 / 12), rel=0.03)


def test_crops_become_smaller_and_draws_do_not_depend_on_the_company() -> None:
    crops = RandomCrops(CropSettings(count=200), CPU, 100, 3)
    first, last = crops.boxes(1, 0, "u", 0)[..., 2], crops.boxes(1, 99, "u", 0)[..., 2]
    assert first.mean() == pytest.approx(0.5, abs=0.02)
    assert last.min() >= 0.05
    assert last.mean() < 0.1
    small = RandomCrops(CropSettings(count=2, input_size=8), CPU, 100, 3)
    x = torch.rand(2, 2, 3, 16, 16)
    both = small(x, [("u", 0), ("v", 0)], 5)
    torch.testing.assert_close(both[1:], small(x[1:], [("v", 0)], 5))


def test_pixels_are_mixed_and_squeezed() -> None:
    images = PixelImages(8, CPU)
    pixels = images.initial(np.random.default_rng(0), 2, 0.5)
    mixed = np.einsum("cd,ndhw->nchw", colour_matrix(), pixels)
    np.testing.assert_allclose(
        images(torch.from_numpy(pixels)).numpy(), 1 / (1 + np.exp(-mixed)), atol=1e-6
    )
