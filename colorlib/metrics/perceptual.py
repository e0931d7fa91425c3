"""Perceptual distances of pictures: LPIPS, and a Frechet distance of their features."""

import torch
from torch import Tensor, nn

from colorlib.models.features import Features, load_features, load_linear, normalize_channels


class LPIPS(nn.Module):
    """Learned perceptual distance of Zhang et al. 2018, "The Unreasonable Effectiveness of Deep Features", eq. 1.

    The features of five layers, scaled to length 1 in each pixel, are subtracted, squared, weighted by channel, and
    averaged over the picture; the layers are summed. Layers that the picture is too small for are left out.

    Args:
        features: of VGG16 or AlexNet.
        linear: the weights of each layer's channels, (C,) each, in the order of the layers.

    Shapes:
        predicted, actual: rgb (B, 3, H, W), uint8 or in [0, 1] -> (B,): 0 for equal pictures.
    """

    def __init__(self, features: Features, linear: list[Tensor]):
        super().__init__()
        self.features = features
        self.linear = nn.ParameterList(nn.Parameter(weights, requires_grad=False) for weights in linear)

    def forward(self, predicted: Tensor, actual: Tensor) -> Tensor:
        return self.distance(self.features(predicted), self.features(actual))

    def distance(self, predicted: list[Tensor], actual: list[Tensor]) -> Tensor:
        """LPIPS of pictures whose features are known: a list of (B, C, h, w) each -> (B,)."""
        differences = (normalize_channels(a) - normalize_channels(b) for a, b in zip(predicted, actual, strict=True))
        return sum(torch.einsum("bchw,c->bhw", difference.square(), weights).mean((1, 2))
                   for difference, weights in zip(differences, self.linear, strict=False))      # fewer for a small picture


def load_lpips(name: str) -> LPIPS:
    """LPIPS 0.1 with the features of "alexnet", which its authors recommend for measuring, or of "vgg16".

    Raises:
        DataError: if the weights are not there and cannot be downloaded, or are incomplete.
        UsageError: for another name.
    """
    return LPIPS(load_features(name), load_linear(name))


def frechet(predicted: Tensor, actual: Tensor) -> float:
    """Frechet distance of two sets of features, each taken as a normal distribution: Heusel et al. 2017, eq. 6.

    ``d^2 = |m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^1/2)``. With the features of Inception at 299 px this is FID. With others
    it is not, and compares only with distances of the same features on as many pictures.

    Args:
        predicted, actual: (N, F), the features of one picture per row.

    Raises:
        ValueError: for fewer than two pictures.
    """
    if min(len(predicted), len(actual)) < 2:
        raise ValueError("a Frechet distance needs two pictures or more on both sides")
    (m1, r1), (m2, r2) = (_moments(features.double()) for features in (predicted, actual))
    crossed = torch.linalg.svdvals(r1 @ r2.T).sum()                  # the trace of (C1 C2)^1/2, where C = R^T R
    return ((m1 - m2).square().sum() + r1.square().sum() + r2.square().sum() - 2 * crossed).clamp(min=0).item()


def _moments(features: Tensor) -> tuple[Tensor, Tensor]:
    """Mean (F,), and a factor R (min(N, F), F) of the covariance R^T R."""
    # Not the covariance: with fewer pictures than features it is singular, and its eigenvalues may not converge.
    mean = features.mean(0)
    return mean, torch.linalg.qr((features - mean) / (len(features) - 1) ** 0.5, mode="r").R
