"""The study's network: its layers counted, its shapes tried."""

import numpy as np
import pytest
import torch
from torch import nn

from colorlib.models import CourseNet


@pytest.mark.parametrize("depth", [8, 11])
@pytest.mark.parametrize("size", [(8, 8), (32, 32), (50, 50), (64, 64), (90, 90), (33, 47), (9, 128)])
def test_the_output_has_the_input_size(depth, size):
    model = CourseNet(2, depth=depth, width=4).eval()
    assert model(torch.rand(2, 1, *size)).shape == (2, 2, *size)


@pytest.mark.parametrize("depth", [8, 11])
@pytest.mark.parametrize("batch_norm", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_the_layers_are_the_ones_asked_for(depth, batch_norm, bias):
    model = CourseNet(3, depth, batch_norm, bias, width=4)
    convolutions = [m for m in model.modules() if isinstance(m, nn.Conv2d)]
    assert len(convolutions) == depth
    assert all((conv.bias is not None) == bias for conv in convolutions)
    assert sum(isinstance(m, nn.BatchNorm2d) for m in model.modules()) == (depth - 1 if batch_norm else 0)


def test_each_convolution_but_the_last_is_followed_by_relu_then_batch_norm():
    kinds = [type(m).__name__ for m in CourseNet(3, width=4).layers if not isinstance(m, nn.Upsample)]
    assert kinds == 10 * ["Conv2d", "ReLU", "BatchNorm2d"] + ["Conv2d"]


def test_the_weights_are_as_many_as_counted_by_hand():
    # 3 x 3 convolutions 1-4, 4-4, 4-8, 8-8, 8-16, 16-16, 16-16, 16-8, 8-4, 4-4, 4-3; a bias each; batch norm 2 each.
    pairs = [(1, 4), (4, 4), (4, 8), (8, 8), (8, 16), (16, 16), (16, 16), (16, 8), (8, 4), (4, 4), (4, 3)]
    expected = sum(9 * i * o + o for i, o in pairs) + sum(2 * o for _, o in pairs[:-1])
    assert sum(p.numel() for p in CourseNet(3, width=4).parameters()) == expected


@pytest.mark.parametrize(("depth", "expected"), [
    # 3 x 3 windows add 2 pixels, times the strides before them, times their dilation; the sum, plus 1.
    (11, 1 + 2 + 2 + 4 + 4 + 8 + 16 + 16 + 8 + 4 + 2 + 2),
    (8, 1 + 2 + 4 + 8 + 16 + 8 + 4 + 2 + 2),
])
def test_an_output_pixel_sees_as_far_as_strides_and_dilation_say(depth, expected):
    model = CourseNet(1, depth, batch_norm=False, width=4)
    for parameter in model.parameters():
        torch.nn.init.constant_(parameter, 0.1)                # positive, so that nothing cancels
    gray = torch.ones(1, 1, 128, 128, requires_grad=True)
    model(gray)[0, 0, 64, 64].backward()
    seen = gray.grad[0, 0].amax(1).nonzero()
    assert (seen.max() - seen.min() + 1).item() == expected


def test_an_odd_size_is_the_top_left_of_the_next_multiple_of_four():
    torch.manual_seed(0)
    model = CourseNet(3, width=4).eval()
    gray = torch.rand(1, 1, 33, 47)
    extended = torch.from_numpy(np.pad(gray.numpy(), ((0, 0), (0, 0), (0, 3), (0, 1)), mode="edge"))
    assert torch.equal(model(gray), model(extended)[..., :33, :47])


@pytest.mark.parametrize(("gray", "message"), [
    (torch.zeros(2, 3, 32, 32), "color.to_gray"),
    (torch.zeros(32, 32), "color.to_gray"),
    (torch.zeros(1, 1, 7, 32), "at least 8 x 8"),
])
def test_a_wrong_input_is_explained(gray, message):
    with pytest.raises(ValueError, match=message):
        CourseNet(3, width=4)(gray)


def test_a_depth_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="8 or 11 convolutions, not depth=9"):
        CourseNet(3, depth=9)
