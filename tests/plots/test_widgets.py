"""The slider of temperatures, without a browser: its picture at every position."""

import io
import math

import numpy as np
import pytest
import torch
from PIL import Image

from colorlib.color import bins
from colorlib.models.objectives import ABClassification
from colorlib.plots.widgets import temperature_slider


def test_the_temperature_slider_goes_from_mode_to_mean():
    """Two bins, gray the likelier: at 0 the picture is gray, towards 1 it turns red; the readout is T."""
    logits = torch.full((2, 261, 8, 8), -50.0)
    centers = bins.bin_centers()
    for ab, share in [((0.0, 0.0), 0.6), ((60.0, 40.0), 0.4)]:
        logits[:, int((centers == torch.tensor(ab)).all(1).nonzero())] = math.log(share)
    box = temperature_slider(logits, torch.full((2, 1, 16, 16), 50.0), ABClassification(), height=32)
    picture, slider = box.children
    redness = []
    for temperature in (0, 0.38, 1):
        slider.value = temperature
        pixels = np.asarray(Image.open(io.BytesIO(picture.value)).convert("RGB")).astype(int)
        assert pixels.shape == (32, 64, 3)
        redness.append((pixels[..., 0] - pixels[..., 2]).mean())
    assert redness == sorted(redness)
    assert redness[0] == pytest.approx(0, abs=1)
    assert redness[-1] > 20
