"""Distances as people perceive, or networks that stand in for them: LPIPS, and a Frechet distance."""

import torch
from torch import Tensor, nn

from colorlib.models.features import Features, load_features, load_linear, unit


class LPIPS(nn.Module):
    """How different two pictures look: Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features", eq. 1.

    The features of five layers, each pixel's scaled to length 1, are subtracted, squared, weighted by channel, and
    averaged over the picture; the layers add up. Layers that a picture is too small for are left out.

    Args:
        features: of VGG16 or AlexNet.
        linear: the weights of each layer's channels, (C,) each, in the order of the layers.

    Shapes:
        predicted, actual: rgb (B, 3, H, W), uint8 or in [0, 1] -> (B,): 0 for equal pictures.

    Raises:
        ValueError: if there are not as many weights as layers.
    """

    def __init__(self, features: Features, linear: list[Tensor]):
        super().__init__()
        if len(linear) != len(features.taps):
            raise ValueError(f"LPIPS needs weights for {len(features.taps)} layers, got {len(linear)}")
        self.features = features
        self.linear = nn.ParameterList(nn.Parameter(weights, requires_grad=False) for weights in linear)

    def forward(self, predicted: Tensor, actual: Tensor) -> Tensor:
        return self.between(self.features(predicted), self.features(actual))

    def between(self, ours: list[Tensor], theirs: list[Tensor]) -> Tensor:
        """The same of features that are known already."""
        return sum(torch.einsum("bchw,c->bhw", (unit(a) - unit(b)).square(), weights).mean((1, 2))
                   for a, b, weights in zip(ours, theirs, self.linear, strict=False))


def load_lpips(name: str) -> LPIPS:
    """LPIPS 0.1 with the features of "alexnet", as its authors recommend for measuring, or "vgg16".

    Raises:
        DataError: if the weights cannot be had, or are incomplete.
        ValueError: for another name.
    """
    return LPIPS(load_features(name), load_linear(name))


def frechet(ours: Tensor, theirs: Tensor) -> float:
    """The Frechet distance of two clouds of points, each taken for a normal distribution: Heusel et al. 2017, eq. 6.

    d^2 = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2). With Inception's features of 299 px this is FID; with others it is
    not, and compares only with itself, on equally many pictures.

    Args:
        ours, theirs: (N, F), a picture's features each.

    Raises:
        ValueError: for fewer than two pictures.
    """
    if min(len(ours), len(theirs)) < 2:
        raise ValueError("a Frechet distance takes two pictures or more on either side")
    (m1, r1), (m2, r2) = (_moments(cloud.double()) for cloud in (ours, theirs))
    crossed = torch.linalg.svdvals(r1 @ r2.T).sum()                  # the trace of (C1 C2)^1/2, where C = R^T R
    return ((m1 - m2).square().sum() + r1.square().sum() + r2.square().sum() - 2 * crossed).clamp(min=0).item()


def summary(features: list[Tensor]) -> Tensor:
    """One row of numbers a picture, for ``frechet``: the mean over the picture of the last layer that it has."""
    return features[-1].mean((2, 3))


def _moments(cloud: Tensor) -> tuple[Tensor, Tensor]:
    """The mean (F,), and an R (min(N, F), F) such that R^T R is the covariance.

    Not the covariance itself: of fewer pictures than features it has no full rank, and to find the eigenvalues of such
    a matrix may fail.
    """
    mean = cloud.mean(0)
    return mean, torch.linalg.qr((cloud - mean) / (len(cloud) - 1) ** 0.5, mode="r").R
