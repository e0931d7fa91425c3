"""Telling the network colors on the page, without a browser: clicks and choices, and what the page then shows."""

import base64
import io
import json
import re
import time
from datetime import datetime

import numpy as np
import pytest
from PIL import Image

from colorlib.colorize.colorizer import Colorizer
from colorlib.colorize.hints import Hint
from colorlib.plots.studio import SIZES, Studio
from colorlib.system import paths


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    """A photo that the page shows at its own size."""
    path = tmp_path_factory.mktemp("photos") / "coffee.png"
    with Image.open(paths.samples_dir() / "coffee.jpg") as photo:
        photo.resize((480, 320)).save(path)
    return path


@pytest.fixture
def studio(file):
    return Studio(photos=[file, paths.samples_dir() / "mountains.jpg"])


def click(studio, x, y):
    studio.picture.picked = [x, y, time.time_ns()]


def seen(studio):
    return np.asarray(Image.open(io.BytesIO(studio.picture.value)).convert("RGB")).astype(int)


def offered(studio):
    return [button.tooltip for button in studio.hints.palette if button.layout.display is None]


def saved(studio):
    return base64.b64decode(re.search(r"base64,(.*?)\"", studio.hints.save.value)[1])


def test_a_click_offers_colors_and_a_choice_changes_the_photo_there(studio, file):
    before = seen(studio)
    assert offered(studio) == []
    click(studio, 0.4, 0.6)
    assert len(offered(studio)) > 2
    assert studio.picture.marks == [{"x": 0.4, "y": 0.6, "rgb": ""}]
    studio.hints.palette[0].click()
    rgb = offered(studio)[0]
    assert studio.hints.hints == (Hint(0.4, 0.6, rgb),)
    assert studio.picture.marks == [{"x": 0.4, "y": 0.6, "rgb": rgb}]
    assert (rgb in studio.hints.list.value, "40%, 60%" in studio.hints.list.value) == (True, True)
    after = seen(studio)
    assert np.array_equal(after, np.asarray(Colorizer("photos")(Image.open(file), hints=[Hint(0.4, 0.6, rgb)])).astype(int))
    change = np.abs(after - before).sum(2)
    height, width = change.shape
    there = change[int(0.57 * height):int(0.63 * height), int(0.37 * width):int(0.43 * width)]
    assert there.mean() > 2 * change.mean() > 0


def test_another_color_for_the_place_replaces_the_first(studio):
    click(studio, 0.4, 0.6)
    studio.hints.palette[0].click()
    studio.hints.palette[1].click()
    assert [hint.rgb for hint in studio.hints.hints] == [offered(studio)[1]]
    studio.hints.free.value = "#3366cc"
    assert studio.hints.hints == (Hint(0.4, 0.6, "#3366cc"),)
    click(studio, 0.1, 0.1)
    studio.hints.palette[0].click()
    assert len(studio.hints.hints) == 2


def test_undo_goes_back_to_the_photo_without_hints(studio):
    before = seen(studio)
    assert studio.hints.undo.disabled
    for x in (0.2, 0.7):
        click(studio, x, 0.5)
        studio.hints.palette[0].click()
    studio.hints.undo.click()
    assert len(studio.hints.hints) == 1
    studio.hints.undo.click()
    assert np.array_equal(seen(studio), before)
    assert (studio.hints.undo.disabled, studio.picture.marks, studio.hints.save.value) == (True, [], "")


def test_hints_survive_other_sliders_and_are_applied_at_full_size(studio, file):
    click(studio, 0.4, 0.6)
    studio.hints.free.value = "#3366cc"
    studio.vividness.value = 0.9
    studio.saturation.value = 0.8
    hints = (Hint(0.4, 0.6, "#3366cc"),)
    assert studio.hints.hints == hints
    assert np.array_equal(seen(studio), np.asarray(Colorizer("photos")(Image.open(file), 0.9, 0.8, hints)).astype(int))
    studio.button.click()
    data = base64.b64decode(re.search(r'base64,(.+?)"', studio.download.value)[1])
    expected = np.asarray(Colorizer("photos")(file, 0.9, 0.8, hints)).astype(int)
    assert np.abs(np.asarray(Image.open(io.BytesIO(data))).astype(int) - expected).mean() < 3


def test_another_photo_has_no_hints(studio):
    click(studio, 0.4, 0.6)
    studio.hints.palette[0].click()
    studio.sample.index = 2
    assert studio.hints.hints == ()
    assert studio.picture.marks == []
    assert offered(studio) == []


def test_hints_are_saved_and_loaded(studio):
    for x, rgb in ((0.25, "#3366cc"), (0.5, "#cc6633")):
        click(studio, x, 0.5)
        studio.hints.free.value = rgb
    colored, content = seen(studio), saved(studio)
    assert json.loads(content) == {"hints": [{"x": 0.25, "y": 0.5, "rgb": "#3366cc"}, {"x": 0.5, "y": 0.5, "rgb": "#cc6633"}]}
    studio.hints.undo.click()
    studio.hints.undo.click()
    upload(studio, "hints.json", content)
    assert np.array_equal(seen(studio), colored)
    upload(studio, "wrong.json", b'{"hints": 5}')
    assert "wrong.json holds no hints" in studio.message.value
    assert len(studio.hints.hints) == 2


def upload(studio, name, content):
    studio.hints.load.value = ({"name": name, "type": "application/json", "size": len(content), "content": memoryview(content),
                                "last_modified": datetime(2026, 1, 1)},)


def test_the_network_asks_for_one_place_after_another(studio):
    places = []
    for _ in range(3):
        studio.hints.ask.click()
        assert "Which color" in studio.hints.said.value
        places.append(tuple(studio.hints.place))
        studio.hints.palette[0].click()
        assert "Which color" not in studio.hints.said.value
    assert len(set(places)) == 3


def test_sizes_are_compared_and_a_click_keeps_one(studio, file):
    height, width, _ = seen(studio).shape
    click(studio, 0.4, 0.6)
    studio.hints.palette[0].click()
    studio.sizes.click()
    four = seen(studio)
    assert four.shape == (2 * height, 2 * width, 3)
    assert studio.picture.marks == []
    hints = studio.hints.hints
    for place, size in enumerate(SIZES):
        row, column = divmod(place, 2)
        part = four[row * height:(row + 1) * height, column * width:(column + 1) * width]
        assert np.array_equal(part, np.asarray(Colorizer("photos", size)(Image.open(file), hints=hints)).astype(int))
    click(studio, 1.0, 0.3)
    assert studio.size.value == SIZES[1]
    assert np.array_equal(seen(studio), four[:height, width:])
    assert studio.hints.hints == hints
    assert len(studio.picture.marks) == 1
    studio.sizes.click()
    click(studio, 0.9, 0.1)
    assert seen(studio).shape == (height, width, 3), "the same size again"


def test_weights_that_take_no_hints_offer_none(file):
    pages = Studio(("cifar", "photos"), photos=[file])
    assert pages.hints.box.layout.display == "none"
    click(pages, 0.4, 0.6)
    assert pages.hints.place is None
    pages.weights.value = "photos"
    assert pages.hints.box.layout.display is None
