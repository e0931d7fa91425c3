"""Colorizer: every picture that Pillow opens gives a colored one of the same size with its own L."""

import io
import math
import struct

import numpy as np
import pytest
import skimage.color
import torch
import torch.nn.functional as F
from PIL import Image, ImageCms
from torch import nn

from colorlib import color
from colorlib.colorize.colorizer import Colorizer
from colorlib.models.recipe import Recipe
from colorlib.models.weights import save_weights
from colorlib.system import paths
from colorlib.system.errors import DataError, PictureError, RunError, UsageError


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("weights")


def make(folder, objective, seed=0):
    """A small, untrained network that paints strongly all the same, as a file of weights."""
    options = {"width": 8, "depth": 2, "patch": 2} | ({"full_size": False} if objective == "bins" else {})
    recipe = Recipe("unet", objective, 32, options)
    model = recipe.build_model(seed)
    with torch.no_grad():
        bias = list(model.parameters())[-1]
        bias.normal_(0, 0.3 if objective == "ab-l1" else 2, generator=torch.Generator().manual_seed(1))
    save_weights(folder / f"{objective}.safetensors", model, recipe)
    return Colorizer(folder / f"{objective}.safetensors")


@pytest.fixture(scope="module")
def colorizer(folder):
    return make(folder, "ab-l1")


@pytest.fixture(scope="module")
def vivid(folder):
    return make(folder, "bins")


@pytest.fixture(scope="module")
def photo():
    return Image.open(paths.samples_dir() / "coffee.jpg").convert("RGB").resize((150, 100))


def lab(image):
    return skimage.color.rgb2lab(np.asarray(image.convert("RGB")))


def test_the_result_keeps_size_and_lightness(colorizer, photo):
    result = colorizer(photo)
    assert (result.mode, result.size) == ("RGB", photo.size)
    off = np.abs(lab(result) - lab(photo))
    assert np.quantile(off[..., 0], 0.999) < 1
    assert lab(result)[..., 1:].std() > 1, "it is colored"


def test_the_color_of_the_input_is_ignored(colorizer, photo):
    gray = Image.fromarray((255 * skimage.color.lab2rgb(lab(photo) * [1, 0, 0])).round().astype(np.uint8))
    off = np.abs(lab(colorizer(photo))[..., 1:] - lab(colorizer(gray))[..., 1:])
    assert off.mean() < 1.5


def linear_profile():
    """A profile of linear light that calls itself sRGB, as some do: that of Pillow, with other curves."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    for number in range(int.from_bytes(data[128:132], "big")):
        name, place, length = struct.unpack(">4sII", data[132 + 12 * number:144 + 12 * number])
        if name in (b"rTRC", b"gTRC", b"bTRC"):
            assert data[place:place + 4] == b"para"
            curve = b"para" + bytes(8) + struct.pack(">i", 65536)              # type 0: a gamma, of 1
            data[place:place + length] = curve.ljust(length, b"\0")
    return bytes(data)


def forms(photo):
    """The same gray photo in every mode and form: a name -> (the picture, what it should look like)."""
    gray = photo.convert("L")
    turned = gray.rotate(90, expand=True)
    turned.getexif()[0x0112] = 6
    srgb = gray.convert("RGB")
    srgb.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    light = 255 * color.to_linear(torch.from_numpy(np.array(srgb)) / 255)
    linear = Image.fromarray(light.round().byte().numpy())
    linear.info["icc_profile"] = linear_profile()
    yield from {"L": gray, "RGB": gray.convert("RGB"), "1": photo.convert("1"), "P": gray.convert("P"),
                "linear": linear, "CMYK": gray.convert("CMYK"),
                "I;16": Image.fromarray(np.asarray(gray).astype(np.uint16) * 257),
                "I": gray.convert("I"), "YCbCr": gray.convert("YCbCr"), "turned": turned, "profile": srgb}.items()


def test_every_mode_is_accepted(colorizer, photo):
    expected = colorizer(photo.convert("L"))
    for name, picture in forms(photo):
        result = colorizer(picture)
        assert (result.mode, result.size) == ("RGB", photo.size), name
        if name != "1":
            assert np.abs(np.asarray(result).astype(int) - np.asarray(expected)).mean() < 3, name


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_is_kept(mode, colorizer, photo):
    picture = photo.convert("LA" if mode == "LA" else "RGBA")
    alpha = Image.linear_gradient("L").resize(photo.size)
    picture.putalpha(alpha)
    result = colorizer(picture.convert("RGBA").quantize(64) if mode == "PA" else picture)
    assert result.mode == "RGBA"
    off = np.abs(np.asarray(result.getchannel("A")).astype(int) - np.asarray(alpha))
    assert off.max() <= (0 if mode != "PA" else 60)


def test_the_input_is_not_changed(colorizer, photo):
    for picture in (photo.copy(), photo.convert("L"), photo.convert("RGBA")):
        before = picture.tobytes()
        colorizer(picture)
        assert picture.tobytes() == before


@pytest.mark.parametrize("size", [(1, 1), (1, 300), (300, 1), (2, 3), (7, 9), (31, 2000), (3000, 8)])
def test_every_size_is_accepted(size, colorizer, vivid):
    picture = Image.effect_noise(size, 60)
    for painter in (colorizer, vivid):
        assert painter(picture).size == size


def test_the_small_copy_of_a_long_photo_is_squeezed(colorizer):
    L, _ = colorizer.lightness_and_output(Image.new("RGB", (3000, 100)))
    assert L.shape == (1, 1, 32, 128), "at most four times as long as high"


def test_an_animation_gives_its_first_picture(colorizer, photo):
    buffer = io.BytesIO()
    photo.convert("L").save(buffer, "GIF", save_all=True, append_images=[Image.new("L", photo.size)])
    result = colorizer(Image.open(buffer))
    assert np.abs(lab(result)[..., 0] - lab(photo.convert("L"))[..., 0]).mean() < 2


def test_saturation_multiplies_the_colors(colorizer, photo):
    none, one, two = (lab(colorizer(photo, saturation=s))[..., 1:] for s in (0, 0.25, 0.5))
    assert np.abs(none).max() < 1
    assert two.std() / one.std() == pytest.approx(2, rel=0.1)
    with pytest.raises(UsageError, match="saturation must be 0 or more, got -1"):
        colorizer(photo, saturation=-1)


def test_vividness_needs_weights_that_predict_a_distribution(colorizer, vivid, photo):
    """Without a curve of its own, it goes from the mean to the mode; 0.62 is Zhang's temperature of 0.38, the default."""
    mean, mode = vivid(photo, vividness=0), vivid(photo, vividness=1)
    assert np.abs(lab(mode)[..., 1:]).mean() > np.abs(lab(mean)[..., 1:]).mean()
    assert vivid(photo).tobytes() == vivid(photo, vividness=0.62).tobytes()
    with pytest.raises(UsageError, match="only weights that predict a distribution"):
        colorizer(photo, vividness=0.5)
    with pytest.raises(UsageError, match="vividness must be from 0"):
        vivid(photo, vividness=2)


class SureInTheDark(nn.Module):
    """Logits of one bin where a patch of 2 x 2 pixels is dark, and of all bins alike where it is bright."""

    def forward(self, gray):
        height, width = gray.shape[-2:]
        patches = F.avg_pool2d(F.pad(gray, (0, width % 2, 0, height % 2), mode="replicate"), 2)
        return F.pad(100 * (1 - patches), (0, 0, 0, 0, 0, 260))


def test_uncertainty_is_in_bits(vivid, colorizer, photo):
    bits = vivid.uncertainty(photo)
    assert bits.shape == (32, 48)
    assert bits.min() >= 0
    assert bits.max() <= math.log2(261) + 0.01
    with pytest.raises(UsageError, match="not a distribution"):
        colorizer.uncertainty(photo)


def test_uncertainty_of_an_odd_size_keeps_edges_in_place(vivid, folder):
    """A network with 64 x 64 values for 127 x 127 pixels: stretched, the edge at column 100 would be at 99.2."""
    odd = Colorizer(folder / "bins.safetensors", size=127)
    odd.model = SureInTheDark()
    photo = Image.new("RGB", (127, 127), "white")
    photo.paste("black", (0, 0, 100, 127))
    bits = odd.uncertainty(photo)
    assert bits.shape == (127, 127)
    certain_columns = (1 - bits / math.log2(261)).sum(1)
    torch.testing.assert_close(certain_columns, torch.full((127,), 100.0), atol=0.1, rtol=0)


def test_batch_equals_single_calls(colorizer, photo):
    pictures = [photo, photo.resize((40, 60))]
    assert [result.tobytes() for result in colorizer.batch(pictures)] == [colorizer(p).tobytes() for p in pictures]


def test_a_size_below_8_is_refused():
    with pytest.raises(UsageError, match="size must be 8 pixels or more, got 4"):
        Colorizer("photos", size=4)


def test_unknown_weights_are_named():
    with pytest.raises(RunError, match="no weights 'photoos': give a file, or one of"):
        Colorizer("photoos")


def test_a_path_and_an_array_are_photos_too(colorizer, photo, tmp_path):
    photo.save(tmp_path / "photo.png")
    expected = np.asarray(colorizer(photo))
    for same in (tmp_path / "photo.png", str(tmp_path / "photo.png"), np.asarray(photo)):
        assert np.array_equal(colorizer(same), expected)
    gray = np.asarray(photo.convert("L"))
    assert np.array_equal(colorizer(gray), colorizer(Image.fromarray(gray)))


@pytest.mark.parametrize(("wrong", "message"), [
    (torch.zeros(3, 8, 8), r"got Tensor: .* pass \(255 \* rgb\)"),
    (None, "got NoneType"),
    (np.zeros((8, 8, 3)), "got float64"),
    (np.zeros((8, 8, 2), np.uint8), r"of shape \(8, 8, 2\)"),
    (np.zeros((0, 5, 3), np.uint8), "5 x 0"),
])
def test_what_is_no_photo_gets_an_error_that_says_what_to_pass(wrong, message, colorizer):
    with pytest.raises(TypeError, match=message):
        colorizer(wrong)


def test_a_path_without_a_picture_says_so(colorizer, tmp_path):
    (tmp_path / "notes.jpg").write_text("no picture")
    with pytest.raises(PictureError, match="notes.jpg cannot be used"):
        colorizer(tmp_path / "notes.jpg")
    with pytest.raises(DataError, match="nowhere.jpg: No such file"):
        colorizer(tmp_path / "nowhere.jpg")
