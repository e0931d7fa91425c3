"""Cross-entropy with soft targets: torch's own with dense targets is the reference."""

import pytest
import torch
import torch.nn.functional as F

from colorlib.models.cross_entropy import soft_cross_entropy


def some(dtype=torch.float32):
    """Logits of 261 bins, and a target of five different ones at each pixel."""
    torch.manual_seed(0)
    logits = torch.randn(2, 261, 3, 4).mul(5).to(dtype).requires_grad_()
    return logits, torch.rand(2, 261, 3, 4).topk(5, 1).indices, torch.rand(2, 5, 3, 4).softmax(1)


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float32, 1e-6), (torch.bfloat16, 1e-3)])
def test_value_and_gradient_are_those_of_dense_targets(dtype, tolerance):
    logits, indices, shares = some(dtype)
    dense = torch.zeros(2, 261, 3, 4).scatter_(1, indices, shares)
    weights = torch.rand(2, 3, 4)                                   # a gradient that differs from pixel to pixel
    expected = F.cross_entropy(logits.float(), dense, reduction="none")
    ours = soft_cross_entropy(logits, indices, shares)
    torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-5)
    (gradient,), (reference,) = (torch.autograd.grad((weights * loss).mean(), logits) for loss in (ours, expected))
    assert gradient.dtype == dtype
    torch.testing.assert_close(gradient, reference, rtol=0, atol=tolerance)


def test_logits_beyond_the_range_of_exp():
    logits, indices, shares = some()
    loss = soft_cross_entropy(logits * 1000, indices, shares).sum()
    assert loss.isfinite()
    assert torch.autograd.grad(loss, logits)[0].isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("images", [1, 2])                       # at a time, of three
def test_images_in_parts_give_what_they_give_at_once(images, layout, dtype, monkeypatch):
    """With the strides that a network gives: channels last, and cropped from a padded map."""
    torch.manual_seed(0)
    whole = torch.randn(3, 261, 4, 4).mul(5).to(dtype).to(memory_format=layout).requires_grad_()
    indices, shares = torch.rand(3, 261, 3, 4).topk(5, 1).indices, torch.rand(3, 5, 3, 4).softmax(1)

    def value_and_gradient():
        loss = soft_cross_entropy(whole[..., :3, :4], indices, shares)
        return loss, torch.autograd.grad(loss.square().sum(), whole)[0]

    at_once = value_and_gradient()
    monkeypatch.setattr("colorlib.models.cross_entropy.VALUES_AT_ONCE", images * 261 * 3 * 4)
    for ours, expected in zip(value_and_gradient(), at_once, strict=True):
        assert torch.equal(ours, expected)


def test_no_images():
    logits = torch.zeros(0, 261, 3, 4, requires_grad=True)
    loss = soft_cross_entropy(logits, torch.zeros(0, 5, 3, 4, dtype=torch.int64), torch.zeros(0, 5, 3, 4))
    assert loss.shape == (0, 3, 4)
    assert torch.autograd.grad(loss.sum(), logits)[0].shape == logits.shape
