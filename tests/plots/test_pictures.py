"""Pictures, read back from matplotlib, and figures saved for print."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from PIL import Image
from skimage.color import lab2rgb, rgb2lab

from colorlib import color, plots
from colorlib.system.errors import WriteError


def pixels(axes):
    return np.asarray(axes.images[0].get_array())


def test_show_draws_the_pixels_themselves():
    rgb = torch.randint(0, 256, (3, 8, 9), dtype=torch.uint8)
    assert np.array_equal(pixels(plots.show(rgb)), rgb.permute(1, 2, 0))
    assert np.array_equal(pixels(plots.show(torch.full((1, 8, 9), 0.5))), np.full((8, 9), 128))


def test_triptychs_have_a_labeled_row_each(samples):
    actual = color.to_tensor(samples.rgb[:4])
    gray = color.to_gray(actual)
    axes = plots.triptychs(gray, actual.flip(0), actual)
    assert axes.shape == (3, 4)
    assert [row[0].get_ylabel() for row in axes] == ["gray", "predicted", "actual"]
    assert np.array_equal(pixels(axes[2, 1]), actual[1].permute(1, 2, 0))
    assert np.array_equal(pixels(axes[1, 0]), actual[3].permute(1, 2, 0))


def test_a_contact_sheet_hides_the_cells_it_does_not_need(samples):
    axes = plots.contact_sheet(samples.rgb[:10], titles=[str(i) for i in range(10)], columns=4)
    assert [cell.get_title() for cell in axes.flat if cell.get_visible()] == [str(i) for i in range(10)]


def test_channel_views_are_eight_labeled_pictures(samples):
    axes = plots.channel_views(samples.rgb[0])
    assert axes.shape == (2, 4)
    assert len({cell.get_title() for cell in axes.flat}) == 8
    shown = {cell.get_title(): pixels(cell) for cell in axes.flat}
    L, a, b = rgb2lab(samples.rgb[0], channel_axis=0)
    gray = np.zeros_like(L)
    flat = {name: 255 * lab2rgb(np.stack([gray + 60, *ab], -1)) for name, ab in
            {"ab alone": (a, b), "a: green to red": (a, gray), "b: blue to yellow": (gray, b)}.items()}
    expected = dict(zip("RGB", samples.rgb[0], strict=True)) | {
        "rgb": samples.rgb[0].transpose(1, 2, 0), "L": 2.55 * L}
    assert all(np.abs(shown[name] - picture.astype(float)).max() < 1 for name, picture in expected.items())
    dull = np.hypot(a, b) < 20                                               # these are in the gamut
    assert all(np.abs(shown[name] - picture)[dull].max() < 2 for name, picture in flat.items())


def test_a_figure_is_saved_for_print(tmp_path):
    figure, axes = plt.subplots(figsize=(4, 2))
    axes.set_title("a title")
    png, svg = plots.save_figure(figure, tmp_path / "figures", "first")
    with Image.open(png) as image:
        assert image.size == (1200, 600)
    assert "<svg" in svg.read_text()
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="file"):
        plots.save_figure(figure, tmp_path / "file", "first")
