from __future__ import annotations

import contextlib
import io
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from generation.natural.decoding import UNDECODABLE, Decoding, decode
from generation.networks.torchvision_models import torchvision_models
from stimuli.photographs import load_photographs

SMALL = Decoding(resize=64, size=48)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def test_decoding_resizes_the_shorter_side_and_cuts_the_centre(tmp_path: Path) -> None:
    # A horizontal ramp: the centre crop's columns are known.
    ramp = np.tile(np.arange(200, dtype=np.uint8), (100, 1))
    path = tmp_path / "ramp.png"
    Image.fromarray(ramp).save(path)
    image = decode(path, Decoding(100, 60))
    assert image.shape == (60, 60, 3)
    np.testing.assert_array_equal(image[:, :, 1], np.tile(np.arange(70, 130), (60, 1)))
    half = decode(path, Decoding(50, 50))
    np.testing.assert_allclose(half[25, :, 0], 50.5 + 2 * np.arange(50), atol=1)


@pytest.mark.skipif(not find_spec("torchvision"), reason="torchvision is not installed")
def test_published_pixels_are_those_of_torchvisions_transforms() -> None:
    # Declares what torchvision lacks beside a CPU torch.
    torchvision_models()
    transforms = pytest.importorskip("torchvision.transforms")
    published = transforms.Compose([transforms.Resize(256), transforms.CenterCrop(224)])
    rng = np.random.default_rng(0)
    for width, height in ((500, 375), (375, 500), (256, 256), (257, 300), (301, 256), (90, 61)):
        picture = Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))
        data = encoded(picture, "JPEG", quality=90)
        with Image.open(io.BytesIO(data)) as file:
            expected = np.asarray(published(file.convert("RGB")))
        np.testing.assert_array_equal(decode(data, Decoding(256, 224)), expected)


@pytest.mark.parametrize("mode", ["L", "1", "P", "YCbCr", "CMYK", "RGB", "HSV"])
def test_modes_without_transparency_become_rgb(tmp_path: Path, mode: str) -> None:
    picture = Image.new("RGB", (80, 70), (255, 255, 255) if mode == "1" else (255, 0, 0)).convert(
        mode
    )
    data = encoded(picture.convert("RGB") if mode in ("YCbCr", "HSV") else picture, "TIFF")
    image = decode(data, SMALL)
    expected = np.asarray(picture.convert("RGB"))[0, 0]
    np.testing.assert_allclose(image, np.broadcast_to(expected, image.shape), atol=2)


def test_cmyk_jpeg_is_not_inverted() -> None:
    # Little ink is light.
    light = encoded(Image.new("CMYK", (80, 80), (10, 10, 10, 0)), "JPEG")
    assert decode(light, SMALL).min() > 200


@pytest.mark.parametrize("mode", ["RGBA", "LA"])
def test_transparency_is_white_whatever_lies_under_it(mode: str) -> None:
    picture = Image.new(mode, (80, 80), (0,) * len(mode))
    assert decode(encoded(picture, "PNG"), SMALL).min() == 255
    half = Image.new("RGBA", (80, 80), (0, 0, 0, 128))
    np.testing.assert_allclose(decode(encoded(half, "PNG"), SMALL), 127, atol=1)


def test_a_palette_with_a_transparent_colour_is_white_there() -> None:
    picture = Image.new("P", (80, 80), 1)
    picture.putpalette([0, 0, 0, 10, 20, 30])
    assert decode(encoded(picture, "PNG", transparency=1), SMALL).min() == 255
    np.testing.assert_array_equal(decode(encoded(picture, "PNG"), SMALL)[0, 0], [10, 20, 30])


@pytest.mark.parametrize("kind", ["PNG", "TIFF"])
def test_sixteen_bits_of_grey_are_scaled_not_cut(kind: str) -> None:
    values = np.tile(np.linspace(0, 65535, 64).astype(np.uint16), (64, 1))
    image = decode(encoded(Image.fromarray(values), kind), Decoding(64, 64))
    np.testing.assert_array_equal(image[:, :, 0], values >> 8)


def test_pixels_of_unknown_range_are_refused() -> None:
    for values in (np.full((64, 64), 0.5, np.float32), np.full((64, 64), 70000, np.int32)):
        with pytest.raises(ValueError, match="white"):
            decode(encoded(Image.fromarray(values), "TIFF"), SMALL)


def test_of_an_animation_the_first_picture_counts() -> None:
    frames = [Image.new("RGB", (80, 80), colour) for colour in ("red", "blue", "green")]
    for kind in ("GIF", "WEBP", "PNG"):
        data = encoded(frames[0], kind, save_all=True, append_images=frames[1:])
        image = decode(data, SMALL)
        assert image[0, 0, 0] > 200
        assert image[0, 0, 2] < 60


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_stored_turned_are_turned_upright_unless_as_published(orientation: int) -> None:
    picture = Image.fromarray(
        np.random.default_rng(1).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    )
    # What a viewer must do for each value, after the Exif standard.
    stored = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p, 1),
        7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: np.rot90(p, -1),
    }[orientation](np.asarray(picture))
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = encoded(Image.fromarray(np.ascontiguousarray(stored)), "PNG", exif=exif)
    how = Decoding(64, 64)
    np.testing.assert_array_equal(decode(data, how), np.asarray(picture))
    np.testing.assert_array_equal(decode(data, Decoding(64, 64, upright=False)), stored)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_notes_do_not_spoil_a_sound_picture() -> None:
    picture = Image.new("RGB", (80, 80), "red")
    data = encoded(picture, "JPEG", exif=b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12\x01")
    assert decode(data, SMALL)[0, 0, 0] > 200


@pytest.mark.parametrize("size", [(1, 1), (70, 3), (3, 60)])
def test_tiny_pictures_are_enlarged_and_stripes_refused(size: tuple[int, int]) -> None:
    data = encoded(Image.new("RGB", size, "blue"), "PNG")
    if max(size) > 20 * min(size):
        with pytest.raises(ValueError, match="stripe"):
            decode(data, SMALL)
    else:
        assert decode(data, SMALL).shape == (48, 48, 3)


def test_every_cut_and_many_damages_of_a_file_raise_what_is_expected() -> None:
    data = load_photographs()[0].path.read_bytes()
    whole = decode(data, SMALL)
    for cut in (0, 1, 2, 20, 200, len(data) // 2, len(data) - 100):
        with pytest.raises(UNDECODABLE):
            decode(data[:cut], SMALL)
    rng = np.random.default_rng(0)
    png = encoded(Image.fromarray(whole), "PNG")
    for source in (data, png):
        for _ in range(40):
            damaged = bytearray(source)
            for place in rng.integers(0, min(len(source), 1000), 3):
                damaged[place] = rng.integers(256)
            with contextlib.suppress(UNDECODABLE):
                assert decode(bytes(damaged), SMALL).shape == (48, 48, 3)


def test_the_draft_decoder_changes_pixels_a_little() -> None:
    rng = np.random.default_rng(2)
    picture = Image.fromarray(rng.integers(0, 256, (30, 40, 3), dtype=np.uint8)).resize(
        (1600, 1200), Image.Resampling.BICUBIC
    )
    data = encoded(picture, "JPEG", quality=95)
    published = decode(data, Decoding(256, 224)).astype(int)
    draft = decode(data, Decoding(256, 224, decoder="draft")).astype(int)
    difference = np.abs(published - draft)
    assert 0 < difference.mean() < 1
    # Where the picture is not much larger than needed, nothing is saved and nothing changes.
    data = encoded(picture.resize((600, 450)), "JPEG")
    np.testing.assert_array_equal(
        decode(data, Decoding(256, 224)), decode(data, Decoding(256, 224, decoder="draft"))
    )
