"""The divider between gray, predicted and actual: its pictures, and the page that needs no kernel, used in headless Chromium."""

import base64
import io

import numpy as np
import pytest
import skimage.color
import torch
from chromium import CHROMIUM, FLAGS, MARKS
from PIL import Image

from colorlib import color
from colorlib.plots.swipe import compare_slider, compare_versions

ACTUAL = torch.randint(0, 256, (3, 3, 16, 20), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
GRAY, PREDICTED = color.to_gray(ACTUAL), ACTUAL.flip(1)
# The gray photo as scikit-image makes it: the same L, no a and b.
LAB = skimage.color.rgb2lab(ACTUAL.numpy(), channel_axis=1) * np.array([1, 0, 0]).reshape(1, 3, 1, 1)
NEUTRAL = torch.tensor(skimage.color.lab2rgb(LAB, channel_axis=1)).float()
VERSIONS = (NEUTRAL, PREDICTED, ACTUAL)


def pixels_of(encoded):
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded.rpartition(",")[2]))).convert("RGB")).astype(int)


def pixels(rgb, scale=1):
    return color.to_uint8(rgb).permute(1, 2, 0).numpy().repeat(scale, 0).repeat(scale, 1)


def test_it_holds_each_photo_in_each_version():
    swipe = compare_slider(GRAY, PREDICTED, ACTUAL)
    assert swipe.names == ["gray", "predicted", "actual"]
    for number, photo in enumerate(swipe.pictures):
        for name, found, version in zip(swipe.names, photo, VERSIONS, strict=True):
            difference = np.abs(pixels_of(found) - pixels(version[number])).max()
            assert difference <= (name == "gray"), "a rounding, where Lab is between"


def test_where_scripts_do_not_run_there_is_a_still_with_labels():
    bundle = compare_slider(GRAY, PREDICTED, ACTUAL, height=64)._repr_mimebundle_()
    assert "model_id" in bundle["application/vnd.jupyter.widget-view+json"]
    still = pixels_of(bundle["image/png"])
    expected = np.concatenate([pixels(version[0], 4) for version in VERSIONS], axis=1)
    assert np.abs(still[-64:] - expected).max() <= 1
    labels = still[:-64].reshape(-1, 3, 80, 3)
    assert (labels.min((0, 2, 3)) < 100).all(), "each has a name above"


def test_a_large_photo_is_stored_as_sharp_as_a_screen_shows_it():
    photo = ACTUAL.repeat_interleave(40, 2).repeat_interleave(40, 3)                        # 800 x 640 pixels
    swipe = compare_versions({"one": photo, "other": photo.flip(1)}, height=160)
    shown = pixels_of(swipe.pictures[0][0])
    assert shown.shape == (320, 400, 3)
    assert np.abs(shown - pixels(ACTUAL[0], 20)).mean() < 8, "only compressed"
    bundle = swipe._repr_mimebundle_()
    assert "image/png" not in bundle
    assert pixels_of(bundle["image/jpeg"]).shape[1] == 2 * 200


@pytest.mark.parametrize(("pictures", "message"), [
    ((GRAY, PREDICTED[:2], ACTUAL), "the same images at one size"),
    ((GRAY, PREDICTED[..., :8], ACTUAL), "the same images at one size"),
    ((ACTUAL, PREDICTED, ACTUAL), "color.to_gray"),
])
def test_pictures_of_different_numbers_or_sizes_raise(pictures, message):
    with pytest.raises(ValueError, match=message):
        compare_slider(*pictures)


def test_any_number_of_versions_can_be_compared():
    swipe = compare_versions({"T = 0": ACTUAL, "T = 0.5": PREDICTED, "T = 0.9": PREDICTED, "T = 1": ACTUAL}, height=32)
    assert swipe.names == ["T = 0", "T = 0.5", "T = 0.9", "T = 1"]
    assert swipe.width == 40
    assert [np.array_equal(pixels_of(found), pixels(version[2])) for found, version in
            zip(swipe.pictures[2], (ACTUAL, PREDICTED, PREDICTED, ACTUAL), strict=True)] == [True] * 4


@pytest.mark.parametrize("versions", [{"alone": ACTUAL}, {}, {"gray": GRAY, "also gray": GRAY}, {"none": ACTUAL[:0], "neither": ACTUAL[:0]}])
def test_versions_that_cannot_be_compared_raise(versions):
    with pytest.raises(ValueError, match=r"two or more versions|\(N,3,H,W\)"):
        compare_versions(versions)


@pytest.fixture(params=[True])
def page(tmp_path, request):
    """A page with the stored output, no kernel; scripts run if the parameter says so."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra 'browser'")
    (tmp_path / "page.html").write_text(f"<!doctype html>{compare_slider(GRAY, PREDICTED, ACTUAL, height=64)._repr_mimebundle_()['text/html']}")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(java_script_enabled=request.param)
        failures = []
        page.on("pageerror", lambda error: failures.append(error))
        page.goto((tmp_path / "page.html").as_uri())
        yield page
        browser.close()
    assert not failures


class TestOnAPage:
    pytestmark = MARKS

    def stage(self, page):
        """What is shown, without the labels on the photo."""
        page.add_style_tag(content=".colorlib-swipe-stage span { visibility: hidden }")
        page.wait_for_timeout(100)
        picture = page.locator(".colorlib-swipe-stage").screenshot()
        return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)

    def test_it_begins_where_gray_and_color_meet(self, page):
        shown = self.stage(page)
        assert np.abs(shown[:, :35] - pixels(PREDICTED[0], 4)[:, :35]).max() <= 1
        assert np.abs(shown[:, 45:] - pixels(NEUTRAL[0], 4)[:, 45:]).max() <= 1

    def test_keys_and_buttons_go_to_each_version(self, page):
        page.get_by_role("slider").press("End")
        assert np.abs(self.stage(page) - pixels(ACTUAL[0], 4))[:, :-4].max() <= 1
        page.get_by_role("button", name="predicted").click()
        assert np.abs(self.stage(page) - pixels(PREDICTED[0], 4))[:, 4:].max() <= 1
        page.get_by_role("slider").press("Home")
        assert np.abs(self.stage(page) - pixels(NEUTRAL[0], 4))[:, 4:].max() <= 1

    def test_a_thumbnail_shows_its_photo_and_a_drag_moves_the_divider(self, page):
        page.get_by_role("button", name="photo 3").click()
        box = page.locator(".colorlib-swipe-stage").bounding_box()
        page.mouse.move(box["x"] + 5, box["y"] + 20)
        page.mouse.down()
        page.mouse.move(box["x"] + 60, box["y"] + 20, steps=4)
        page.mouse.up()
        shown = self.stage(page)
        assert np.abs(shown[:, :55] - pixels(PREDICTED[2], 4)[:, :55]).max() <= 1
        assert np.abs(shown[:, 65:] - pixels(NEUTRAL[2], 4)[:, 65:]).max() <= 1

    @pytest.mark.parametrize("page", [False], indirect=True)
    def test_without_scripts_it_is_a_still_picture(self, page):
        still = page.locator("img")
        assert still.get_attribute("alt") == "gray, predicted, actual"
        assert still.bounding_box()["width"] == 3 * 80

    def test_every_picture_has_words(self, page):
        words = page.locator("img").evaluate_all("images => images.map((image) => image.alt)")
        assert len(words) == 2 + 3, "two versions and three thumbnails"
        assert all(words)
        assert page.get_by_role("slider").get_attribute("aria-valuetext") == "50% predicted, the rest gray"
