"""Cross-entropy with soft targets, in a fraction of the memory that autograd would take."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

VALUES_AT_ONCE = 2**18           # logits that a CPU works on at a time, if one image has no more: they fit into a core's cache


def soft_cross_entropy(logits: Tensor, indices: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy at each pixel with a target of a few bins: the inner sum of equation 2 in Zhang et al. 2016.

    Args:
        logits: (B, Q, h, w), float32 or bfloat16; the result is computed in float32.
        indices: (B, n, h, w) int64, the bins of the target, each at most once.
        shares: (B, n, h, w), their probabilities, which sum to 1.

    Returns:
        (B, h, w) in nats. Only ``logits`` get a gradient, which has none itself.
    """
    return _SoftCrossEntropy.apply(logits, indices, shares)


class _SoftCrossEntropy(torch.autograd.Function):
    """The gradient is p - target. On a CPU, it and the value are computed for a few images at a time.

    Autograd would keep three tensors of their size, in float32.
    """

    @staticmethod
    def forward(context: Any, logits: Tensor, indices: Tensor, shares: Tensor) -> Tensor:
        context.save_for_backward(logits, indices, shares)
        return torch.cat([-(share * part.float().log_softmax(-1).gather(-1, bins)).sum(-1)
                          for part, bins, share in _parts(logits, indices, shares)])

    @staticmethod
    @once_differentiable
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        logits, indices, shares = context.saved_tensors
        result = torch.empty_like(logits)
        for target, part, bins, share, weight in _parts(result, logits, indices, shares, gradient[:, None]):
            difference = part.float().softmax(-1).scatter_add_(-1, bins, -share)
            target.copy_(difference.mul_(weight))
        return result, None, None


def _parts(logits: Tensor, *others: Tensor) -> zip:
    """The same few images of each tensor, until all have come; bins are last, as channels are in memory."""
    few = VALUES_AT_ONCE // logits.shape[1:].numel() if logits.device.type == "cpu" else len(logits)
    images = max(1, few)
    return zip(*(tensor.movedim(1, -1).split(images) for tensor in (logits, *others)), strict=True)
