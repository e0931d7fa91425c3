"""Animations: every picture in color, at its time."""

import io
import re
import struct

import numpy as np
import pytest
from PIL import Image, ImageSequence

from colorlib.colorize import animations
from colorlib.colorize.batch import ColorizeOptions, color_bytes
from colorlib.colorize.colorizer import Colorizer
from colorlib.system import paths
from colorlib.system.errors import PictureError

DURATIONS = [100, 250, 400]


def animation(file_format, **options):
    """Three grays of a photo."""
    photo = Image.open(paths.samples_dir() / "coffee.jpg").convert("L").resize((96, 64))
    first, *others = (photo.point(lambda level, share=share: level * share) for share in (1, 0.9, 0.8))
    file = io.BytesIO()
    first.save(file, file_format, save_all=True, append_images=others, duration=DURATIONS, **{"loop": 0} | options)
    return file.getvalue()


def frames_of(data):
    with Image.open(io.BytesIO(data)) as image:
        pixels = [(np.asarray(frame.convert("RGB")).astype(int), frame.info.get("duration")) for frame in ImageSequence.Iterator(image)]
        return image.format, image.info.get("loop"), [(duration, picture) for picture, duration in pixels]


@pytest.mark.parametrize(("source", "result"), [("GIF", "PNG"), ("PNG", "PNG"), ("WEBP", "WEBP")])
def test_every_picture_is_colored_and_shown_as_long(painter, source, result):
    colored, remark = color_bytes(animation(source), "it", Colorizer(painter), ColorizeOptions())
    file_format, loop, frames = frames_of(colored)
    assert (file_format, loop) == (result, 0)
    assert [duration for duration, _ in frames] == DURATIONS
    assert all(np.ptp(pixels, axis=2).mean() > 5 for _, pixels in frames)
    means = [pixels.mean() for _, pixels in frames]
    assert means == sorted(means, reverse=True), "each is darker than the one before"
    assert remark in ("", animations.NO_FLOW)


def test_a_gif_that_plays_twice_plays_twice(painter):
    assert frames_of(color_bytes(animation("GIF", loop=2), "it", Colorizer(painter), ColorizeOptions())[0])[1] == 2


def test_transparent_places_stay_transparent(painter):
    pictures = []
    for left in (0, 20):
        picture = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
        picture.paste((200, 200, 200, 255), (left, 10, left + 20, 30))
        pictures.append(picture)
    file = io.BytesIO()
    pictures[0].save(file, "PNG", save_all=True, append_images=pictures[1:], duration=100)
    colored, _ = color_bytes(file.getvalue(), "it", Colorizer(painter), ColorizeOptions())
    with Image.open(io.BytesIO(colored)) as image:
        for frame, picture in zip(ImageSequence.Iterator(image), pictures, strict=True):
            assert np.array_equal(np.asarray(frame.convert("RGBA"))[..., 3], np.asarray(picture)[..., 3])


@pytest.mark.parametrize("options", [{"format": "jpeg"}, {"compare": True}])
def test_other_results_show_the_first_picture_and_say_so(painter, options):
    colored, remark = color_bytes(animation("GIF"), "it", Colorizer(painter), ColorizeOptions(**options))
    assert remark == "first of several pictures"
    assert len(frames_of(colored)[2]) == 1


def test_a_long_animation_is_refused_with_a_way_out(painter, monkeypatch):
    monkeypatch.setattr(animations, "MAX_BYTES", 50_000)
    with pytest.raises(Exception, match="3 pictures of 96 x 64 pixels: save it as a film"):
        color_bytes(animation("GIF"), "it", Colorizer(painter), ColorizeOptions())


def test_a_damaged_animation_is_reported(painter):
    data = animation("GIF")
    with pytest.raises(PictureError, match="damaged"):
        color_bytes(data[:len(data) * 2 // 3], "it", Colorizer(painter), ColorizeOptions())


def test_a_picture_that_claims_to_be_huge_is_reported(painter):
    data = bytearray(animation("GIF"))
    *_, third = (match.start() for match in re.finditer(re.escape(b"\x2c" + struct.pack("<HHHH", 0, 0, 96, 64)), data))
    data[third + 5:third + 9] = b"\xff" * 4
    with pytest.raises(PictureError, match="one of its pictures is damaged"):
        color_bytes(bytes(data), "it", Colorizer(painter), ColorizeOptions())


def test_without_opencv_it_says_that_colors_may_flicker(painter, monkeypatch):
    monkeypatch.setattr(animations, "find_spec", lambda name: None)
    _, remark = color_bytes(animation("GIF"), "it", Colorizer(painter), ColorizeOptions())
    assert "pip install opencv-python-headless" in remark
