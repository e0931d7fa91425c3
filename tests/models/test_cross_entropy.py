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


def test_images_in_parts_give_what_they_give_at_once(monkeypatch):
    logits, indices, shares = some()

    def value_and_gradient():
        loss = soft_cross_entropy(logits, indices, shares)
        return loss, torch.autograd.grad(loss.square().sum(), logits)[0]

    at_once = value_and_gradient()
    monkeypatch.setattr("colorlib.models.cross_entropy.VALUES_AT_ONCE", 1)          # one image after another
    for ours, expected in zip(value_and_gradient(), at_once, strict=True):
        assert torch.equal(ours, expected)
