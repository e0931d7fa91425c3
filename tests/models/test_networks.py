"""The networks: their layers counted, their shapes tried."""

import numpy as np
import pytest
import torch
from torch import nn

from colorlib.models.networks import CourseNet, Residual, UNet
from colorlib.models.predict import eval_mode
from colorlib.system.errors import UsageError


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


@pytest.mark.parametrize("options", [{}, {"patch": 2}, {"depth": 1}, {"depth": 3, "patch": 4}], ids=str)
@pytest.mark.parametrize("size", [(8, 8), (32, 32), (50, 50), (33, 47), (9, 128)])
def test_the_unets_output_has_the_input_size(options, size):
    model = UNet(2, **{"width": 4} | options).eval()
    assert model(torch.rand(2, 1, *size)).shape == (2, 2, *size)


@pytest.mark.parametrize("patch", [1, 2])
def test_the_unets_weights_are_as_many_as_counted_by_hand(patch):
    def conv(i, o):
        return 9 * i * o + 2 * o                               # 3 x 3 without bias, then batch norm
    blocks = 2 * 2 * conv(4, 4) + 2 * conv(8, 8)               # two of two convolutions above, one below
    ways = conv(4, 8) + (8 * 4 + 4)                            # down, and 1 x 1 with bias up
    ends = conv(patch**2, 4) + (9 * 4 * 3 * patch**2 + 3 * patch**2)
    assert sum(p.numel() for p in UNet(3, width=4, depth=2, patch=patch).parameters()) == blocks + ways + ends


def test_a_new_residual_block_changes_nothing_that_a_relu_would_not():
    x = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    assert torch.equal(Residual(4)(x), x.relu())


def test_the_unet_sees_the_whole_square_and_keeps_edges_in_their_place():
    """By skips alone a pixel reaches its own place; through four levels it reaches all of 32 x 32 from the center."""
    model = UNet(1, width=4).eval()
    gray = torch.rand(1, 1, 32, 32, requires_grad=True)
    for block in model.modules():
        if isinstance(block, Residual):
            torch.nn.init.ones_(block.body[-1].weight)
    model(gray)[0, 0, 16, 16].backward()
    assert (gray.grad != 0).float().mean() > 0.9


@pytest.mark.parametrize(("side", "expected"), [(32, 16), (33, 17), (9, 5)])
def test_not_at_full_size_a_patch_has_one_answer(side, expected):
    model = UNet(7, width=4, depth=2, patch=2, full_size=False).eval()
    assert model(torch.rand(1, 1, side, 40)).shape == (1, 7, expected, 20)


def test_a_mirrored_picture_has_mirrored_colors_if_both_are_looked_at():
    torch.manual_seed(0)
    options, gray = {"width": 4, "depth": 2, "patch": 2}, torch.rand(2, 1, 16, 24)
    one, both = UNet(2, **options).eval(), UNet(2, **options, mirror=True).eval()
    both.load_state_dict(one.state_dict())
    assert not torch.allclose(one(gray.flip(-1)), one(gray).flip(-1), atol=1e-3)
    torch.testing.assert_close(both(gray.flip(-1)), both(gray).flip(-1))
    torch.testing.assert_close(both(gray), (one(gray) + one(gray.flip(-1)).flip(-1)) / 2)
    assert torch.equal(both.train()(gray), one.train()(gray))
    odd = torch.rand(1, 1, 16, 21)
    halves = [UNet(2, **options, full_size=False, mirror=mirror).eval() for mirror in (False, True)]
    for model in halves:
        for parameter in model.parameters():
            nn.init.constant_(parameter, 0)
        model._forward = lambda gray: torch.nn.functional.avg_pool2d(gray, 2)
    torch.testing.assert_close(halves[1](odd), halves[0](odd))


def test_patches_are_the_pixels_of_squares():
    """With the network between them left out, pixels come back where they were: Shi et al. 2016, figure 1."""
    model = UNet(1, patch=2)
    gray = torch.arange(64.0).reshape(1, 1, 8, 8)
    patches = model.stem[0](gray)
    assert patches[0, :, 0, 0].tolist() == [0, 1, 8, 9]
    assert torch.equal(model.head[-1](patches), gray)


@pytest.mark.parametrize("model", [CourseNet, UNet])
@pytest.mark.parametrize(("gray", "message"), [
    (torch.zeros(2, 3, 32, 32), "color.to_gray"),
    (torch.zeros(32, 32), "color.to_gray"),
    (torch.zeros(1, 1, 7, 32), "at least 8 x 8"),
])
def test_a_wrong_input_is_explained(model, gray, message):
    with pytest.raises(ValueError, match=message):
        model(3, width=4)(gray)


def test_a_course_net_without_channels_is_refused():
    with pytest.raises(UsageError, match="width of 1 or more, got 0"):
        CourseNet(3, width=0)


@pytest.mark.parametrize("name", ["width", "depth", "patch"])
def test_a_unet_of_nothing_is_refused(name):
    with pytest.raises(ValueError, match="of 1 or more"):
        UNet(2, **{name: 0})


def test_what_fails_while_evaluating_leaves_the_mode_as_it_was():
    model = UNet(2, width=4, depth=1).train()
    with pytest.raises(ValueError, match="gray must be"), eval_mode(model):
        assert not model.training
        assert not torch.is_grad_enabled()
        model(torch.zeros(1, 3, 8, 8))
    assert model.training


def test_a_depth_that_does_not_exist_is_named():
    with pytest.raises(ValueError, match="8 or 11 convolutions, not depth=9"):
        CourseNet(3, depth=9)
