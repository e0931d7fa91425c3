"""The sliders, without a browser: their pictures at every position."""

import base64
import io
import math

import ipywidgets
import numpy as np
import pytest
import skimage.color
import torch
from PIL import Image

from colorlib import color
from colorlib.color import bins
from colorlib.models.objectives import ABClassification
from colorlib.plots.widgets import compare_slider, temperature_slider

ACTUAL = torch.randint(0, 256, (3, 3, 16, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
GRAY, PREDICTED = color.to_gray(ACTUAL), ACTUAL.flip(1)
# The gray photo as scikit-image makes it: the same L, no a and b.
LAB = skimage.color.rgb2lab(ACTUAL.numpy(), channel_axis=1) * np.array([1, 0, 0]).reshape(1, 3, 1, 1)
NEUTRAL = torch.tensor(skimage.color.lab2rgb(LAB, channel_axis=1)).float()


def parts(slider):
    picture, position, number = slider.children
    return picture, position, number


def shown(picture):
    return np.asarray(Image.open(io.BytesIO(picture.value)))


def pixels(rgb, scale):
    return color.to_uint8(rgb).permute(1, 2, 0).numpy().repeat(scale, 0).repeat(scale, 1)


def test_compare_slider_fades_from_gray_to_predicted_to_actual():
    picture, position, number = parts(compare_slider(GRAY, PREDICTED, ACTUAL, height=64))
    for i in range(3):
        number.value = i + 1
        for name, expected in [("gray", NEUTRAL), ("predicted", PREDICTED), ("actual", ACTUAL)]:
            position.label = name
            difference = shown(picture).astype(int) - pixels(expected[i], 4)
            assert np.abs(difference).max() <= (name == "gray"), (i, name)         # a rounding, where Lab is between


def test_another_image_keeps_the_position():
    picture, position, number = parts(compare_slider(GRAY, PREDICTED, ACTUAL, height=16))
    position.label = "actual"
    number.value = 3
    assert np.array_equal(shown(picture), pixels(ACTUAL[2], 1))


def test_positions_between_two_pictures_show_their_blend():
    picture, position, _ = parts(compare_slider(GRAY, PREDICTED, ACTUAL, height=16))
    position.label = "50% actual"
    blend = (PREDICTED[0].float() + ACTUAL[0].float()) / 2
    assert np.abs(shown(picture) - blend.permute(1, 2, 0).numpy()).max() <= 1


def test_every_position_is_labeled_once_in_order():
    labels = [label for label, _ in parts(compare_slider(GRAY, PREDICTED, ACTUAL))[1].options]
    assert len(labels) == len(set(labels)) == 21
    assert [labels.index(name) for name in ("gray", "predicted", "actual")] == [0, 10, 20]


def test_blends_are_computed_when_an_image_is_chosen(monkeypatch):
    made = []
    save = Image.Image.save
    monkeypatch.setattr(Image.Image, "save", lambda *args: made.append(args) or save(*args))
    picture, position, number = parts(compare_slider(GRAY, PREDICTED, ACTUAL))
    seen = set()
    for number.value in (1, 2, 3):
        assert len(made) == 1 + 21 * number.value, "one is for readers without a kernel"
        for position.index in range(21):
            seen.add(picture.value)
    assert len(seen) == 63
    assert len(made) == 64


def test_without_a_kernel_a_still_picture_is_shown():
    slider = compare_slider(GRAY, PREDICTED, ACTUAL, height=16)
    if not hasattr(ipywidgets.Widget, "_repr_mimebundle_"):
        pytest.skip("ipywidgets 7 shows no picture in place of a widget")
    bundle = slider._repr_mimebundle_()
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == slider.model_id
    still = np.asarray(Image.open(io.BytesIO(base64.b64decode(bundle["image/png"]))))
    expected = np.concatenate([pixels(rgb[0], 1) for rgb in (NEUTRAL, PREDICTED, ACTUAL)], axis=1)
    assert np.abs(still.astype(int) - expected).max() <= 1


@pytest.mark.parametrize(("pictures", "message"), [
    ((GRAY, PREDICTED[:2], ACTUAL), "the same images at one size"),
    ((GRAY, PREDICTED[..., :8], ACTUAL), "the same images at one size"),
    ((ACTUAL, PREDICTED, ACTUAL), "color.to_gray"),
])
def test_pictures_of_different_numbers_or_sizes_raise(pictures, message):
    with pytest.raises(ValueError, match=message):
        compare_slider(*pictures)


def test_the_temperature_slider_goes_from_mode_to_mean():
    """Two bins, gray the likelier: at 0 the picture is gray, towards 1 it turns red; the readout is T."""
    logits = torch.full((2, 261, 8, 8), -50.0)
    centers = bins.bin_centers()
    for ab, share in [((0.0, 0.0), 0.6), ((60.0, 40.0), 0.4)]:
        logits[:, int((centers == torch.tensor(ab)).all(1).nonzero())] = math.log(share)
    box = temperature_slider(logits, torch.full((2, 1, 16, 16), 50.0), ABClassification(), height=32)
    picture, slider = box.children
    redness = []
    for temperature in (0, 0.38, 1):
        slider.value = temperature
        pixels = np.asarray(Image.open(io.BytesIO(picture.value)).convert("RGB")).astype(int)
        assert pixels.shape == (32, 64, 3)
        redness.append((pixels[..., 0] - pixels[..., 2]).mean())
    assert redness == sorted(redness)
    assert redness[0] == pytest.approx(0, abs=1)
    assert redness[-1] > 20
