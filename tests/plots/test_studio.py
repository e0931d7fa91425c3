"""The page to color photos, without a browser: actions of a user, and what the page then shows."""

import base64
import errno
import io
import re
import struct
import zlib
from datetime import datetime

import numpy as np
import pytest
import torch
from PIL import Image

from colorlib.colorize.colorizer import Colorizer
from colorlib.models.recipe import Recipe
from colorlib.models.weights import save_weights
from colorlib.plots.studio import Studio
from colorlib.system import paths
from colorlib.system.errors import PictureError


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """One file of each kind: it paints one color, and it classifies."""
    folder = tmp_path_factory.mktemp("weights")
    for name, objective in [("plain", "ab-l1"), ("vivid", "bins")]:
        recipe = Recipe("unet", objective, 16, {"width": 8, "depth": 2})
        model = recipe.build_model()
        with torch.no_grad():
            list(model.parameters())[-1].copy_(torch.linspace(-1, 1, model.head[0].out_channels))
        save_weights(folder / f"{name}.safetensors", model, recipe)
    return tuple(str(folder / f"{name}.safetensors") for name in ("plain", "vivid"))


@pytest.fixture
def studio(weights):
    return Studio(weights)


def seen(studio):
    return np.asarray(Image.open(io.BytesIO(studio.picture.value)).convert("RGB")).astype(int)


def upload(studio, name, content):
    """As ipywidgets 8 gives it."""
    studio.upload.value = ({"name": name, "type": "image/png", "size": len(content), "content": memoryview(content),
                            "last_modified": datetime(2026, 1, 1)},)


def png(size, color):
    buffer = io.BytesIO()
    Image.new("RGB", size, color).save(buffer, "PNG")
    return buffer.getvalue()


def test_a_sample_is_shown_in_color_at_once(studio):
    pixels = seen(studio)
    assert pixels.shape == np.asarray(Image.open(studio.sample.value)).shape
    assert np.ptp(pixels, axis=2).max() > 10


def test_an_upload_replaces_the_sample(studio):
    upload(studio, "mine.png", png((60, 30), "white"))
    assert seen(studio).shape == (30, 60, 3)
    assert studio.name == "mine.png"
    assert studio.message.value == ""
    moving = io.BytesIO()
    Image.new("L", (60, 30)).save(moving, "GIF", save_all=True, append_images=[Image.new("L", (60, 30), 200)])
    upload(studio, "moving.gif", moving.getvalue())
    assert studio.message.value == "first of several pictures"


def test_uploads_of_ipywidgets_7(studio):
    class Seven:
        value = {"mine.png": {"metadata": {"name": "mine.png"}, "content": png((40, 30), "white")}}  # noqa: RUF012
    studio.upload = Seven()
    studio._on_upload()
    assert seen(studio).shape == (30, 40, 3)


def test_photos_of_a_folder_replace_the_samples(studio, tmp_path):
    for name in ("b.png", "a.png"):
        (tmp_path / name).write_bytes(png((50, 20), "white"))
    (tmp_path / "notes.txt").write_text("not a photo")
    studio.folder.value = str(tmp_path)
    assert [label for label, _ in studio.sample.options] == ["-", "a", "b"]
    assert studio.name == "a.png"
    assert seen(studio).shape == (20, 50, 3)
    (tmp_path / "b.png").unlink()
    studio.sample.label = "b"
    assert "b.png: No such file" in studio.message.value
    studio.folder.value = str(tmp_path / "gone")
    assert "gone: No such file" in studio.message.value
    studio.folder.value = str(tmp_path / "notes.txt")
    assert "notes.txt: Not a directory" in studio.message.value
    (tmp_path / "empty").mkdir()
    studio.folder.value = str(tmp_path / "empty")
    assert "there are no photos in" in studio.message.value
    assert studio.name == "a.png"


def test_a_file_that_is_no_photo_is_reported_and_the_last_photo_stays(studio):
    before = studio.picture.value
    upload(studio, "notes.txt", b"not a photo")
    assert "notes.txt cannot be used: it is no picture" in studio.message.value
    assert studio.picture.value == before
    upload(studio, "mine.png", png((60, 30), "white"))
    assert studio.message.value == ""


@pytest.mark.parametrize(("error", "text"), [
    (MemoryError(), "too little memory"),
    (OSError(errno.EIO, "Input/output error", "photo.png"), "photo.png: Input/output error"),
    (PictureError("photo.png", "damaged", "it is damaged"), "photo.png cannot be used"),
])
@pytest.mark.parametrize("act", [
    lambda studio: setattr(studio.saturation, "value", 0.5),
    lambda studio: setattr(studio.weights, "index", 1),
    lambda studio: upload(studio, "mine.png", png((60, 30), "white")),
    lambda studio: studio.button.click(),
])
def test_errors_of_every_action_are_shown_on_the_page(act, error, text, studio, monkeypatch):
    def fail(*arguments):
        raise error
    monkeypatch.setattr(Colorizer, "__call__", fail)
    act(studio)
    assert text in studio.message.value


def test_a_photo_that_is_too_large_is_reported(studio):
    data = png((8, 8), "white")
    header = b"IHDR" + struct.pack(">II", 12_000, 12_000) + data[24:29]
    upload(studio, "large.png", data[:12] + header + struct.pack(">I", zlib.crc32(header)) + data[33:])
    assert "large.png cannot be used: 12000 x 12000 pixels take" in studio.message.value


def test_the_compare_slider_goes_from_gray_to_color(studio):
    spread = []
    for value in (0, 0.5, 1):
        studio.compare.value = value
        spread.append(np.ptp(seen(studio), axis=2).mean())
    assert spread[0] < 1
    assert spread == sorted(spread)
    assert spread[2] > 5


def test_the_picture_is_the_colorizers_with_these_settings(studio):
    def expected(*settings):
        return np.asarray(Colorizer(studio.weights.value)(Image.open(studio.sample.value), *settings)).astype(int)

    studio.saturation.value = 0.3
    assert np.array_equal(seen(studio), expected(None, 0.3))
    studio.weights.value = studio.weights.options[1]
    studio.vividness.value = 0.9
    assert np.array_equal(seen(studio), expected(0.9, 0.3))


def test_uncertain_places_are_brighter(studio):
    studio.weights.value = studio.weights.options[1]
    with torch.no_grad():
        studio.colorizer.model.head[0].weight *= 100                      # sure of some colors, here and there
    studio.uncertainty.value = True
    bits = studio.colorizer.uncertainty(Image.open(studio.sample.value))
    heat = torch.tensor(seen(studio)).sum(-1).float()
    heat = torch.nn.functional.adaptive_avg_pool2d(heat[None], bits.shape)[0]
    assert np.corrcoef(heat.flatten(), bits.flatten())[0, 1] > 0.9


def test_sliders_wait_for_a_photo_that_can_be_opened(weights, tmp_path):
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    studio = Studio(weights, [tmp_path / "broken.jpg"])
    studio.saturation.value = 0.5
    studio.compare.value = 0.5
    assert "broken.jpg cannot be used" in studio.message.value
    upload(studio, "mine.png", png((60, 30), "white"))
    assert seen(studio).shape == (30, 60, 3)


def test_only_weights_with_a_distribution_have_a_vividness(studio):
    assert studio.vividness.disabled
    studio.weights.value = studio.weights.options[1]
    assert not studio.vividness.disabled
    assert studio.vividness.value == 0.62, "Zhang's temperature of 0.38"
    assert not studio.uncertainty.disabled


def test_the_download_is_the_photo_at_its_full_size(studio, weights):
    file = paths.samples_dir() / "coffee.jpg"
    upload(studio, "coffee.jpg", file.read_bytes())
    assert studio.download.value == ""
    studio.button.click()
    name, data = re.search(r'download="(.+?)" href="data:image/jpeg;base64,(.+?)"', studio.download.value).groups()
    assert name == "coffee-in-color.jpg"
    result, photo = Image.open(io.BytesIO(base64.b64decode(data))), Image.open(file)
    assert result.size == photo.size
    expected = np.asarray(Colorizer(weights[0])(photo)).astype(int)
    assert np.abs(np.asarray(result).astype(int) - expected).mean() < 3
    studio.saturation.value = 0.5
    assert studio.download.value == "", "a download of other settings would mislead"


def test_ranges_of_the_sliders(studio):
    ends = {slider.description: (slider.min, slider.max) for slider in
            (studio.compare, studio.saturation, studio.vividness)}
    assert ends == {"gray to color": (0, 1), "saturation": (0, 2), "vividness": (0, 1)}
    assert (studio.compare.value, studio.saturation.value) == (1, 1), "in color, as the network said"
