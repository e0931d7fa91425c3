"""Each way to look old, beside what it should do; the whole as a pure function of its generator."""

import io

import numpy as np
import pytest
import scipy.ndimage
import skimage.data
import torch
from PIL import Image

from colorlib.training import aging

CAMERA = torch.from_numpy(skimage.data.camera()[:256, 100:356] / 255.0).float()[None]


def drawn(function, number=40):
    """Results of the function for several seeds."""
    return [function(CAMERA, np.random.default_rng(seed)) for seed in range(number)]


def test_fading_keeps_the_order_of_tones():
    for faded in drawn(aging.faded):
        order = CAMERA.flatten().argsort()
        assert (faded.flatten()[order].diff() >= -1e-6).all()
        assert 0 <= faded.min() <= 0.25
        assert 0.6 <= faded.max() <= 1


def test_blur_is_gaussian():
    for blurred in drawn(aging.blurred, 5):
        distances = {sigma: np.abs(scipy.ndimage.gaussian_filter(CAMERA[0].numpy(), sigma, mode="mirror", truncate=3)
                                   - blurred[0].numpy()).max() for sigma in np.arange(0.2, 2.7, 0.05)}
        assert min(distances.values()) < 0.02


def test_dust_is_black_or_white_and_rare():
    shares = []
    for scratched in drawn(aging.scratched):
        changed = scratched != CAMERA
        assert set(scratched[changed].unique().tolist()) <= {0, 1}
        shares.append(changed.float().mean().item())
    assert 0 < np.mean(shares) < 0.02


def test_grain_is_noise_without_a_mean():
    strengths = [(noisy - CAMERA).std().item() for noisy in drawn(aging.grainy)]
    assert max(abs((noisy - CAMERA).mean().item()) for noisy in drawn(aging.grainy)) < 0.01
    assert 0 < min(strengths) < 0.02
    assert 0.05 < max(strengths) < 0.071


def test_compression_is_jpeg():
    pixels = Image.fromarray((255 * CAMERA[0]).round().byte().numpy())
    for compressed in drawn(aging.compressed, 5):
        distances = []
        for quality in range(15, 90):
            file = io.BytesIO()
            pixels.save(file, "JPEG", quality=quality)
            distances.append(np.abs(np.asarray(Image.open(file)) - 255 * compressed[0].numpy()).max())
        assert min(distances) <= 1


def test_a_border_is_plain_and_covers_the_sides():
    rgb = torch.randint(1, 255, (3, 100, 80), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    before = rgb.clone()
    widths = []
    for seed in range(60):
        framed = aging.with_border(rgb, np.random.default_rng(seed))
        rows, columns = (framed == rgb).all(0).nonzero().T
        inside = np.s_[:, int(rows.min()):int(rows.max()) + 1, int(columns.min()):int(columns.max()) + 1]
        assert torch.equal(framed[inside], rgb[inside])
        border = torch.ones(3, 100, 80, dtype=torch.bool)
        border[inside] = False
        assert len(framed[border].unique()) <= 1
        widths += [rows.min() / 100, 1 - (rows.max() + 1) / 100, columns.min() / 80, 1 - (columns.max() + 1) / 80]
    assert min(widths) == 0
    assert 0.15 < max(widths) <= 0.2
    assert torch.equal(rgb, before)


@pytest.mark.parametrize("size", [(32, 32), (128, 96)])
def test_a_worn_photo_is_a_pure_function_of_its_generator(size):
    gray = CAMERA[:, :size[0], :size[1]]
    results = [aging.worn(gray, np.random.default_rng(seed)) for seed in range(20)]
    for seed, worn in enumerate(results):
        assert torch.equal(worn, aging.worn(gray, np.random.default_rng(seed)))
        assert worn.shape == gray.shape
        assert 0 <= worn.min() <= worn.max() <= 1
    assert len({result.sum().item() for result in results}) > 15
