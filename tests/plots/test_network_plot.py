"""The drawing of a network, compared with its plan by hand."""

import pytest
import torch

from colorlib.models.networks import CourseNet, UNet
from colorlib.plots.network import conv_shapes, draw_network


def test_shapes_of_the_convolutions():
    model = CourseNet(3, depth=8, width=4)
    channels, heights, _ = zip(*conv_shapes(model, 32).values(), strict=True)
    assert channels == (4, 8, 16, 16, 8, 4, 4, 3)
    assert heights == (16, 8, 8, 8, 8, 16, 32, 32)
    assert model.training
    with pytest.raises(ValueError, match="at least 8 x 8"):
        conv_shapes(model, 4)
    assert model.training
    assert not any(module._forward_hooks for module in model.modules())
    assert torch.equal(model.layers[2].running_mean, torch.zeros(4)), "batch norm is unchanged"


def test_convolutions_of_a_unet_are_in_the_order_of_its_layers():
    shapes = conv_shapes(UNet(2, width=4, depth=2, mirror=True), 16)
    assert [(channels, height, layer.kernel_size[0]) for layer, (channels, height, _) in shapes.items()] == [
        (4, 16, 3), (4, 16, 3), (4, 16, 3), (8, 8, 3), (8, 8, 3), (8, 8, 3), (4, 8, 1), (4, 16, 3), (4, 16, 3),
        (2, 16, 3)]


def test_the_drawing_is_to_scale():
    axes = draw_network(CourseNet(3, depth=8, width=8), 32)
    fronts = [patch.get_xy() for patch in axes.patches[::3]]
    assert len(fronts) == 9, "the gray picture, and eight convolutions"
    heights = [corners[:, 1].max() - corners[:, 1].min() for corners in fronts]
    widths = [corners[:, 0].max() - corners[:, 0].min() for corners in fronts]
    assert heights == [32, 16, 8, 8, 8, 8, 16, 32, 32]
    assert [round(width * 8) for width in widths] == [1, 8, 16, 32, 32, 16, 8, 8, 3]
    captions = [text.get_text() for text in axes.texts]
    assert {"8\ns2", "32\nd2", "32 x 32"} <= set(captions)
