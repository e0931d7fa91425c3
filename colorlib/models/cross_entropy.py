"""Cross-entropy with soft targets, in half of the memory that autograd would take."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable


def soft_cross_entropy(logits: Tensor, indices: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy at each pixel with a target of a few bins: the inner sum of equation 2 in Zhang et al. 2016.

    Args:
        logits: (B, Q, h, w), float32 or bfloat16; the result is computed in float32.
        indices: (B, n, h, w) int64, the bins of the target, each at most once.
        shares: (B, n, h, w), their probabilities, which sum to 1.

    Returns:
        (B, h, w) in nats. Only ``logits`` get a gradient, and only once.
    """
    return _SoftCrossEntropy.apply(logits, indices, shares)


class _SoftCrossEntropy(torch.autograd.Function):
    """The gradient is p - target, written over the saved log p: autograd would need three tensors of this size."""

    @staticmethod
    def forward(context: Any, logits: Tensor, indices: Tensor, shares: Tensor) -> Tensor:
        log_p = logits.float().log_softmax(1)
        context.save_for_backward(log_p, indices, shares)
        context.dtype = logits.dtype
        return -(shares * log_p.gather(1, indices)).sum(1)

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        log_p, indices, shares = context.saved_tensors
        difference = log_p.exp_().scatter_add_(1, indices, -shares)
        return difference.mul_(gradient[:, None]).to(context.dtype), None, None
