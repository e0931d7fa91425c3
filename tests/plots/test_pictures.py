"""Plots show what they were given."""

import numpy as np
import torch
from skimage.color import lab2rgb, rgb2lab

from colorlib import color
from colorlib.plots import pictures as figures


def pixels(axes):
    return np.asarray(axes.images[0].get_array())


def test_show_draws_the_pixels_themselves():
    rgb = torch.randint(0, 256, (3, 8, 9), dtype=torch.uint8)
    assert np.array_equal(pixels(figures.show(rgb)), rgb.permute(1, 2, 0))
    assert np.array_equal(pixels(figures.show(torch.full((1, 8, 9), 0.5))), np.full((8, 9), 128))


def test_triptychs_have_a_labeled_row_each(samples):
    actual = color.to_tensor(samples.rgb[:4])
    gray = color.to_gray(actual)
    axes = figures.triptychs(gray, actual.flip(0), actual)
    assert axes.shape == (3, 4)
    assert [row[0].get_ylabel() for row in axes] == ["gray", "predicted", "actual"]
    assert np.array_equal(pixels(axes[2, 1]), actual[1].permute(1, 2, 0))
    assert np.array_equal(pixels(axes[1, 0]), actual[3].permute(1, 2, 0))


def test_a_contact_sheet_hides_the_cells_it_does_not_need(samples):
    axes = figures.contact_sheet(samples.rgb[:10], titles=[str(i) for i in range(10)], columns=4)
    assert [cell.get_title() for cell in axes.flat if cell.get_visible()] == [str(i) for i in range(10)]


def test_dots_draw_every_series():
    axes = figures.dots({f"series {i}": {"a": i, "b": -i} for i in range(8)}, "value")
    assert [sorted(line.get_xdata()) for line in axes.lines] == [[-i, i] for i in range(8)]
    assert len({(line.get_marker(), line.get_color()) for line in axes.lines}) == 8


def test_loss_curves_draw_each_run_and_its_validation():
    loss, valid_loss = np.array([3.0, 2, 1]), np.array([np.nan, 2.5, np.nan])
    history = {"step": np.array([1.0, 2, 3]), "loss": loss, "valid_loss": valid_loss}
    axes = figures.loss_curves({"one": history, "two": history})
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [
        "one, training", "one, validation", "two, training", "two, validation"]
    assert axes.lines[1].get_xydata().tolist() == [[2, 2.5]]
    assert axes.lines[0].get_linestyle() != axes.lines[2].get_linestyle()          # told apart in gray print, too
    assert axes.get_xlabel()
    assert axes.get_ylabel()


def test_ab_density_counts_every_pixel_where_it_belongs():
    orange = torch.tensor([255, 128, 0], dtype=torch.uint8).reshape(1, 3, 1, 1).expand(2, 3, 5, 5)
    axes = figures.ab_density(orange)
    counts = np.ma.filled(axes.collections[0].get_array(), 0).reshape(110, 110)
    row, column = np.unravel_index(counts.argmax(), counts.shape)
    assert counts.sum() == counts.max() == 50
    # scikit-image has this orange at a = 43, b = 74; cells of 2 start at -110
    assert (row, column) == ((74 + 110) // 2, (43 + 110) // 2)


def test_channel_views_are_eight_labeled_pictures(samples):
    axes = figures.channel_views(samples.rgb[0])
    assert axes.shape == (2, 4)
    assert len({cell.get_title() for cell in axes.flat}) == 8
    shown = {cell.get_title(): pixels(cell) for cell in axes.flat}
    L, a, b = rgb2lab(samples.rgb[0], channel_axis=0)
    flat = lab2rgb(np.stack([np.full_like(L, 60), a, b], -1))                # at L = 60, pulled into the gamut or not
    expected = dict(zip("RGB", samples.rgb[0], strict=True)) | {
        "rgb": samples.rgb[0].transpose(1, 2, 0), "L": 2.55 * L, "a: green to red": 255 * (a / 200 + 0.5),
        "b: blue to yellow": 255 * (b / 200 + 0.5)}
    assert all(np.abs(shown[name] - picture.astype(float)).max() < 1 for name, picture in expected.items())
    dull = np.hypot(a, b) < 20                                               # these are in the gamut
    assert np.abs(shown["ab alone"] - 255 * flat)[dull].max() < 2


def test_bars_are_sorted():
    axes = figures.bars({"low": 1, "high": 3, "middle": 2}, "things")
    assert [text.get_text() for text in axes.get_yticklabels()] == ["low", "middle", "high"]
    assert [bar.get_width() for bar in axes.patches] == [1, 2, 3]


def test_dots_put_each_value_on_its_row():
    axes = figures.dots({"gray": {"cat": 1.0, "dog": 3.0}, "ours": {"dog": 2.0, "cat": 0.5}}, "error")
    assert [line.get_xydata().tolist() for line in axes.lines] == [[[1, 0], [3, 1]], [[0.5, 0], [2, 1]]]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["cat", "dog"]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["gray", "ours"]
    assert axes.lines[0].get_marker() != axes.lines[1].get_marker()
    assert axes.get_xlabel() == "error"
