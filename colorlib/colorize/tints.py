"""Tell photos in color from gray ones, toned ones and tinted scans."""

import numpy as np
from PIL import Image

from colorlib import color

SIDE = 32            # pixels of the copy that is looked at, in which the noise of JPEG's colors is averaged away
KNOTS = 10
SPREAD = 2.0         # Lab units: root mean square of the colors that no tint explains


def has_colors(photo: Image.Image) -> bool:
    """Whether a photo, of mode "RGB" or "RGBA", has other colors than one tint.

    A toning, such as sepia, gives each L one color, and a scan or an old print may be tinted from side to side. So a and b are fitted by
    piecewise linear functions of L and quadratic ones of the place; what is left in a photo with colors is more than ``SPREAD``.
    """
    return unexplained(photo) > SPREAD


def unexplained(photo: Image.Image) -> float:
    """Root mean square of the colors that no tint explains, in Lab units."""
    small = photo.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=3)
    L, ab = (part.flatten(1).numpy() for part in color.split_lab(color.to_tensor(np.asarray(small)).permute(2, 0, 1)))
    y, x = (axis.ravel() for axis in np.mgrid[-1:1:SIDE * 1j, -1:1:SIDE * 1j])
    hats = np.maximum(0, 1 - np.abs(KNOTS * L[0] / 100 - np.arange(KNOTS + 1)[:, None]))          # piecewise linear functions of L
    terms = np.stack([*hats, x, y, x**2, x * y, y**2], 1)
    fitted = terms @ np.linalg.lstsq(terms, ab.T, rcond=None)[0]
    return float(np.sqrt(np.square(ab.T - fitted).sum(1).mean()))
