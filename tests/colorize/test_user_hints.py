"""Hints: colors that a user knows reach the network at their places, and change the photo there."""

import numpy as np
import pytest
import skimage.color
import torch
from command import colorize
from PIL import Image, ImageOps

from colorlib.colorize.colorizer import Colorizer
from colorlib.colorize.hints import SIDE, Hint, hint_map, read_hints, to_json
from colorlib.models.hints import UNIT
from colorlib.system import paths
from colorlib.system.errors import DataError, UsageError

RED = Hint(0.5, 0.5, "#c02020")


@pytest.fixture(scope="module")
def colorizer():
    return Colorizer("photos", size=96)


@pytest.fixture(scope="module")
def photo():
    return Image.open(paths.samples_dir() / "coffee.jpg").convert("RGB").resize((150, 100))


def ab_at(image, hint, radius=2):
    """Mean color around a place."""
    lab = skimage.color.rgb2lab(np.asarray(image.convert("RGB")))[..., 1:]
    row, column = int(hint.y * image.height), int(hint.x * image.width)
    return lab[row - radius:row + radius + 1, column - radius:column + radius + 1].mean((0, 1))


def test_a_color_is_that_of_skimage():
    expected = skimage.color.rgb2lab(np.array([[[0xC0, 0x20, 0x20]]], np.uint8))[0, 0, 1:]
    assert RED.ab.numpy() == pytest.approx(expected, abs=1e-3)


def test_the_map_holds_a_square_around_each_place():
    found = hint_map([Hint(0.25, 0.5, "#c02020"), Hint(1, 0, "#2020c0")], 40, 80)
    assert found.shape == (1, 3, 40, 80)
    mask = torch.zeros(40, 80)
    mask[20 - SIDE // 2:20 + SIDE // 2 + 1, 20 - SIDE // 2:20 + SIDE // 2 + 1] = 1
    mask[:SIDE // 2 + 1, 79 - SIDE // 2:] = 1
    assert torch.equal(found[0, 2], mask)
    torch.testing.assert_close(found[0, :2, 20, 20], RED.ab / UNIT)
    assert not found[0, :, mask == 0].any()


@pytest.mark.parametrize("rgb", ["#c02020", "#2040d0", "#20a020"])
def test_the_photo_takes_the_hue_of_a_hint(rgb, colorizer, photo):
    """How vivid it can be depends on L, which stays."""
    hint = Hint(0.5, 0.5, rgb)
    before, after = (ab_at(colorizer(photo, hints=hints), hint) for hints in ((), [hint]))
    wanted = hint.ab.numpy()
    assert np.linalg.norm(after - wanted) < np.linalg.norm(before - wanted)
    cosine = after @ wanted / np.linalg.norm(after) / np.linalg.norm(wanted)
    assert cosine > np.cos(np.radians(30))


def test_a_hint_in_a_photo_with_borders_is_at_the_same_thing(colorizer, photo):
    framed = ImageOps.expand(photo, (30, 50, 10, 20), "white")
    place = Hint(0.2, 0.7, "#2040d0")
    moved = Hint((30 + 0.2 * 150) / framed.width, (50 + 0.7 * 100) / framed.height, place.rgb)
    result = colorizer(framed, hints=[moved]).crop((30, 50, 180, 150))
    assert np.array_equal(result, colorizer(photo, hints=[place]))
    beside = Hint(0.01, 0.01, "#2040d0")
    assert np.array_equal(colorizer(framed, hints=[beside]), colorizer(framed)), "a hint on the border"


def test_json_keeps_them(tmp_path):
    hints = (RED, Hint(0.25, 1.0, "#00ff80"))
    (tmp_path / "hints.json").write_text(to_json(hints))
    assert read_hints(tmp_path / "hints.json") == hints


@pytest.mark.parametrize("content", [
    "", "[]", "{}", '{"hints": [{"x": 0.5}]}', '{"hints": [{"x": 2, "y": 0, "rgb": "#ffffff"}]}',
    '{"hints": [{"x": 0, "y": 0, "rgb": "red"}]}', '{"hints": [{"x": "a", "y": 0, "rgb": "#ffffff"}]}', '{"hints": 3}'])
def test_another_file_is_refused_by_name(content, tmp_path):
    (tmp_path / "odd.json").write_text(content)
    with pytest.raises(DataError, match=r"odd\.json holds no hints such as"):
        read_hints(tmp_path / "odd.json")


def test_what_cannot_be_a_hint_is_refused(colorizer, photo):
    with pytest.raises(UsageError, match="from 0 to 1, got 2"):
        colorizer(photo, hints=[Hint(2, 0, "#ffffff")])
    with pytest.raises(UsageError, match="'red'"):
        colorizer(photo, hints=[Hint(0, 0, "red")])
    for weights in ("cifar", "study"):
        with pytest.raises(UsageError, match=f"the weights {weights} take no hints"):
            Colorizer(weights)(photo, hints=[RED])


def test_the_command_line_takes_a_file(photo, tmp_path, capsys):
    photo.save(tmp_path / "a.png")
    photo.save(tmp_path / "b.png")
    (tmp_path / "hints.json").write_text(to_json([RED]))
    assert colorize("photos", tmp_path / "a.png", "-o", tmp_path / "out.png", "--hints", tmp_path / "hints.json") == 0
    with Image.open(tmp_path / "out.png") as result:
        assert np.array_equal(result, Colorizer("photos")(photo, hints=[RED]))
    assert colorize("photos", tmp_path / "a.png", tmp_path / "b.png", "-o", tmp_path / "out", "--hints", tmp_path / "hints.json") == 2
    assert "--hints belong to one photo, but 2 are to be colored" in capsys.readouterr().err
    assert colorize("photos", tmp_path / "a.png", "-o", tmp_path / "x.png", "--hints", tmp_path / "none.json") == 1
