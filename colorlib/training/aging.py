"""Make photos look old: in training, so that a network knows grain, dust, faded prints and the borders of scans.

Each function is a pure function of its photo and of what its generator draws.
"""

import io
from math import ceil

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor


def with_border(rgb: Tensor, generator: np.random.Generator) -> Tensor:
    """Cover up to a fifth of a photo, on some of its sides, by a plain black, white or gray border.

    Args:
        rgb: (3, H, W) uint8.

    Returns:
        A copy.
    """
    H, W = rgb.shape[1:]
    top, bottom, left, right = np.where(generator.random(4) < 0.7, generator.uniform(0, 0.2, 4), 0)
    inside = np.s_[:, round(top * H):H - round(bottom * H), round(left * W):W - round(right * W)]
    level = generator.choice([generator.integers(0, 32), generator.integers(224, 256), generator.integers(0, 256)])
    framed = torch.full_like(rgb, int(level))
    framed[inside] = rgb[inside]
    return framed


def worn(gray: Tensor, generator: np.random.Generator) -> Tensor:
    """Fade, blur, scratch and compress a gray photo; each happens to about every second photo.

    Args:
        gray: (1, H, W) in [0, 1].

    Returns:
        (1, H, W) in [0, 1].
    """
    for change, share in ((faded, 0.6), (blurred, 0.4), (scratched, 0.3), (grainy, 0.5), (compressed, 0.5)):
        if generator.random() < share:
            gray = change(gray, generator).clamp(0, 1)
    return gray


def faded(gray: Tensor, generator: np.random.Generator) -> Tensor:
    """Another gamma, a black that is gray, a white that is not white."""
    black, white, gamma = generator.uniform(0, 0.2), generator.uniform(0.75, 1), np.exp(generator.normal(0, 0.25))
    return black + (white - black) * gray**float(gamma)


def blurred(gray: Tensor, generator: np.random.Generator) -> Tensor:
    """Out of focus: a Gaussian with a standard deviation of up to a hundredth of the photo's width, 0.3 pixels at least."""
    return _gaussian(gray, generator.uniform(0.2, max(0.3, gray.shape[-1] / 100)))


def scratched(gray: Tensor, generator: np.random.Generator) -> Tensor:
    """Specks of dust and thin scratches, white or black."""
    gray = gray.clone()
    H, W = gray.shape[1:]
    for _ in range(generator.integers(0, 12)):
        side, top, left = generator.integers(1, 4), generator.integers(0, H), generator.integers(0, W)
        gray[:, top:top + side, left:left + side] = float(generator.integers(0, 2))
    for _ in range(generator.integers(0, 3)):
        rows = np.arange(H)
        columns = np.round(generator.uniform(0, W) + generator.normal(0, 0.1) * rows).astype(int)
        inside = (columns >= 0) & (columns < W)
        gray[:, rows[inside], columns[inside]] = float(generator.integers(0, 2))
    return gray


def grainy(gray: Tensor, generator: np.random.Generator) -> Tensor:
    """Noise with a standard deviation of up to 7% of the range, in grains of one pixel or larger."""
    strength, size = generator.uniform(0, 0.07), generator.uniform(0.1, 0.7)
    noise = torch.from_numpy(generator.standard_normal(gray.shape, np.float32)).to(gray.device)
    noise = _gaussian(noise, size)
    return gray + strength * noise / noise.std()


def compressed(gray: Tensor, generator: np.random.Generator) -> Tensor:
    """JPEG of a low or high quality."""
    file = io.BytesIO()
    Image.fromarray((255 * gray[0]).round().to("cpu", torch.uint8).numpy()).save(file, "JPEG", quality=int(generator.integers(15, 90)))
    return torch.from_numpy(np.array(Image.open(file)))[None].to(gray.device) / 255


def _gaussian(gray: Tensor, sigma: float) -> Tensor:
    """Gaussian blur of (1, H, W), a standard deviation of ``sigma`` pixels."""
    radius = min(ceil(3 * sigma), *(side - 1 for side in gray.shape[1:]))
    kernel = torch.from_numpy(np.exp(-np.arange(-radius, radius + 1) ** 2 / (2 * sigma**2))).to(gray)
    kernel = (kernel / kernel.sum())[None, None, None]                                                # (1,1,1,2 radius + 1)
    padded = F.pad(gray[None], [radius] * 4, mode="reflect")
    return F.conv2d(F.conv2d(padded, kernel), kernel.mT)[0]
