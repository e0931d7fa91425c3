"""Plots of results, read back from matplotlib, and the files of a figure."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from colorlib.plots import results as result_figures
from colorlib.system.errors import WriteError


def test_a_figure_is_kept_for_print(tmp_path):
    figure, axes = plt.subplots(figsize=(4, 2))
    axes.set_title("a title")
    png, svg = result_figures.keep(figure, tmp_path / "figures", "first")
    with Image.open(png) as image:
        assert image.size == (1200, 600)
    assert "<svg" in svg.read_text()
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="file"):
        result_figures.keep(figure, tmp_path / "file", "first")


def test_the_trade_off_names_every_setting():
    axes = result_figures.trade_off({"bins": {"T = 0": (1.2, 22.0), "T = 1": (0.6, 25.0)}}, gray=25.5)
    assert axes.lines[0].get_xydata().tolist() == [[1.2, 22], [0.6, 25]]
    assert [text.get_text() for text in axes.texts] == ["T = 0", "T = 1"]
    assert axes.lines[1].get_ydata()[0] == 25.5
    many = result_figures.trade_off({str(i): {"": (1, i)} for i in range(8)}, gray=0).lines[:8]
    assert len({(line.get_marker(), line.get_color()) for line in many}) == 8


def test_time_is_logarithmic_and_the_kernel_is_drawn():
    points = {"student": [(10, 9.0), (100, 8.5)], "ours": [(1, 8.5)]}
    axes = result_figures.against_time(points, "ab MAE (Lab units)")
    assert axes.get_xscale() == "log"
    assert axes.lines[0].get_xydata().tolist() == [[10, 9], [100, 8.5]]
    axes = result_figures.against_size({"ours": [(32, 500), (64, 900)]})
    assert axes.lines[-1].get_ydata()[0] == 1024
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["ours", "1 GiB"]


def test_the_first_picture_of_each_class_is_shown():
    rgb = np.random.default_rng(0).integers(0, 256, (5, 3, 8, 8), dtype=np.uint8)
    labels = np.array([2, 0, 2, 0, 2])
    axes = result_figures.by_class(rgb, rgb[::-1].copy(), labels, ("cat", "dog", "frog"))
    assert axes.shape == (3, 2)
    assert [cell.get_title() for cell in axes[0]] == ["cat", "frog"]
    assert [cell.get_ylabel() for cell in axes[:, 0]] == ["gray", "predicted", "actual"]
    assert np.array_equal(axes[2, 1].images[0].get_array(), rgb[0].transpose(1, 2, 0))
    assert np.array_equal(axes[1, 1].images[0].get_array(), rgb[4].transpose(1, 2, 0))
    assert np.ptp(axes[0, 1].images[0].get_array().astype(int), axis=2).max() <= 1
