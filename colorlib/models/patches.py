"""Maps with one value per patch of pixels: averaged from pixels, and enlarged to pixels, exactly aligned.

A network with ``patch`` p and ``full_size=False`` outputs ceil(H/p) x ceil(W/p) values. Value i covers the pixels
p i ... p (i+1) - 1, also where the last patch extends past the border. Stretching the map to a size that is not a multiple
of p would shift colors.
"""

import torch.nn.functional as F
from torch import Tensor


def patch_side(map_size: tuple[int, int], size: tuple[int, int]) -> int:
    """Side p of the patches, in pixels, such that ceil(H/p) = h and ceil(W/p) = w.

    There is only one such p if p = 2, or if a side is longer than p (p + 1) pixels. Otherwise a power of two is preferred,
    which is what networks use.

    Args:
        map_size: (h, w) of the map.
        size: (H, W) of the image.

    Raises:
        ValueError: if no p fits.
    """
    sides = range(1, max(size) + 1)
    for p in sorted(sides, key=lambda p: p & (p - 1) != 0):        # powers of two first
        if all(-(-side // p) == cells for side, cells in zip(size, map_size, strict=True)):
            return p
    raise ValueError(f"a map of {tuple(map_size)} values does not cover {tuple(size)} pixels in square patches")


def average_patches(image: Tensor, map_size: tuple[int, int]) -> Tensor:
    """Mean over each patch: image (B, C, H, W) -> (B, C, h, w). Edge pixels are repeated to fill the last patches."""
    H, W = image.shape[-2:]
    p = patch_side(map_size, (H, W))
    if p == 1:
        return image
    padded = F.pad(image, (0, -W % p, 0, -H % p), mode="replicate")
    return F.avg_pool2d(padded, p)


def enlarge(values: Tensor, size: tuple[int, int]) -> Tensor:
    """Enlarge a map to pixels, bilinear: (B, C, h, w) -> (B, C, H, W). What extends past the border is cropped."""
    H, W = size
    p = patch_side(values.shape[-2:], (H, W))
    if p == 1:
        return values
    return F.interpolate(values, scale_factor=p, mode="bilinear")[..., :H, :W]
