"""Keep colors steady from frame to frame: average ab maps over time, along the motion.

A network that sees one frame at a time gives the same thing slightly other colors in each. Optical flow says where each place was in
the frame before (Kroeger et al. 2016, "Fast Optical Flow using Dense Inverse Search"); its color there, and the new color, are averaged.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

EVERY = 3            # frames: the network looks at one of them, and colors are moved to the others
RATE = 0.3           # share of the network's color where the motion is known
KNOWN = 10.0         # of 255: where the lightness differs by less from that of the same place before, the motion is known
CUT = 0.6            # share of the frame whose motion is unknown after a cut
SMOOTH = 5           # pixels over which the difference of lightness is averaged
GRAIN = 1.5          # pixels, standard deviation of the Gaussian that grain is averaged with: it moves by itself


class Frame(NamedTuple):
    """What is remembered of the last frame."""

    lightness: np.ndarray        # (h, w) uint8, without grain
    ab: np.ndarray               # (h, w, 2) float32, in Lab units
    age: int = 0                 # frames since the network's colors


class Steady:
    """Average colors over the frames of a film. Needs OpenCV.

    Args:
        rate: share of the network's color where the motion is known, above 0; 1 averages nothing.
        every: the network colors every so many frames; in between, and unless there is a cut, colors move.
        last: the frame to continue from.
    """

    def __init__(self, rate: float = RATE, every: int = EVERY, last: Frame | None = None):
        import cv2  # not at the top: it is optional

        self.cv2, self.rate, self.every, self.last = cv2, rate, every, last
        self.flow = cv2.DISOpticalFlow_create(cv2.DISOPTICAL_FLOW_PRESET_FAST)

    def __call__(self, L: Tensor, predict: Callable[[], Tensor]) -> Tensor:
        """Colors of the next frame, averaged with those before; after a cut they are the network's.

        Args:
            L: (1, 1, h, w) in [0, 100].
            predict: gives the network's colors of this frame, (1, 2, h, w) in Lab units; it is called if they are needed.

        Returns:
            (1, 2, h, w).
        """
        lightness = self.cv2.GaussianBlur((2.55 * L[0, 0]).round().byte().numpy(), (0, 0), GRAIN)
        last = self.last
        ab, off = self._moved(last, lightness) if last is not None and last.lightness.shape == lightness.shape else (None, None)
        age = last.age + 1 if ab is not None else 0
        if ab is None or age >= self.every:
            new, age = predict()[0].permute(1, 2, 0).numpy(), 0
            ab = new if ab is None else ab + np.clip(off, self.rate, 1)[..., None] * (new - ab)
        self.last = Frame(lightness, np.ascontiguousarray(ab, np.float32), age)
        return torch.from_numpy(self.last.ab).permute(2, 0, 1)[None]

    def _moved(self, last: Frame, lightness: np.ndarray) -> tuple[np.ndarray | None, np.ndarray | None]:
        """The last colors at their new places, and how unknown the motion is, from 0; None after a cut."""
        motion = self.flow.calc(lightness, last.lightness, None)                              # (h,w,2) pixels, to where it was
        columns, rows = np.meshgrid(*map(np.arange, lightness.shape[::-1]))
        places = motion + np.stack([columns, rows], -1).astype(np.float32)
        off = self.cv2.blur(np.abs(lightness.astype(np.float32) - self._at(last.lightness, places)), (SMOOTH, SMOOTH)) / KNOWN
        return (None, None) if (off > 1).mean() > CUT else (self._at(last.ab, places), off)

    def _at(self, values: np.ndarray, places: np.ndarray) -> np.ndarray:
        """Values at places, (h, w, 2) in pixels."""
        return self.cv2.remap(values, places, None, self.cv2.INTER_LINEAR, borderMode=self.cv2.BORDER_REPLICATE)
