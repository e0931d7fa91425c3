"""Keep colors steady from frame to frame: average ab maps over time, along the motion.

A network that sees one frame at a time gives the same thing slightly other colors in each. Optical flow says where each place was in
the frame before (Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search"); its color there, and the new color, are averaged.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

RATE = 0.15          # share of the new color where the motion is known
KNOWN = 10.0         # of 255: where the lightness differs by less from that of the same place before, the motion is known
CUT = 0.6            # share of the frame whose motion is unknown after a cut
SMOOTH = 5           # pixels over which the difference of lightness is averaged


class Frame(NamedTuple):
    """What is remembered of the last frame."""

    lightness: np.ndarray        # (h, w) uint8
    ab: np.ndarray               # (h, w, 2) float32, in Lab units


class Steady:
    """Average colors over the frames of a film. Needs OpenCV.

    Args:
        rate: share of a new frame's color where the motion is known, above 0; 1 averages nothing.
        last: the frame to continue from.
    """

    def __init__(self, rate: float = RATE, last: Frame | None = None):
        import cv2  # not at the top: it is optional

        self.cv2, self.rate, self.last = cv2, rate, last
        self.flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def __call__(self, L: Tensor, ab: Tensor) -> Tensor:
        """Colors of the next frame, averaged with those before; after a cut they are as they are.

        Args:
            L: (1, 1, h, w) in [0, 100].
            ab: (1, 2, h, w) in Lab units, by a network.

        Returns:
            (1, 2, h, w).
        """
        lightness = (2.55 * L[0, 0]).round().byte().numpy()
        new = ab[0].permute(1, 2, 0).numpy()
        if self.last is not None and self.last.lightness.shape == lightness.shape:
            new = self._averaged(self.last, lightness, new)
        self.last = Frame(lightness, np.ascontiguousarray(new, np.float32))
        return torch.from_numpy(self.last.ab).permute(2, 0, 1)[None]

    def _averaged(self, last: Frame, lightness: np.ndarray, new: np.ndarray) -> np.ndarray:
        motion = self.flow.calc(lightness, last.lightness, None)                              # (h,w,2) pixels, to where it was
        columns, rows = np.meshgrid(*map(np.arange, lightness.shape[::-1]))
        places = motion + np.stack([columns, rows], -1).astype(np.float32)
        off = self.cv2.blur(np.abs(lightness.astype(np.float32) - self._at(last.lightness, places)), (SMOOTH, SMOOTH)) / KNOWN
        if (off > 1).mean() > CUT:
            return new
        before = self._at(last.ab, places)
        return before + np.clip(off, self.rate, 1)[..., None] * (new - before)

    def _at(self, values: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Values at places, (h, w, 2) in pixels."""
        return self.cv2.remap(values, places, None, self.cv2.INTER_LINEAR, borderMode=self.cv2.BORDER_REPLICATE)
