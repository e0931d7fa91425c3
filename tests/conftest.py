"""What several tests need: a home of their own, and tiny real images."""

import io
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from collection import ITALIAN, fill
from PIL import Image
from tiny import divide, sample_photos, weights

from colorlib.color import lab
from colorlib.data import loading
from colorlib.data.images import Images
from colorlib.system import processor

matplotlib.use("agg")
if "PYTEST_XDIST_WORKER" in os.environ:
    # Two tests run at the same time, and with two threads each their tiny trainings took up to eight times as long. The kernels and
    # processes that tests start have as many threads as a user's.
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def no_figure_stays_open() -> Iterator[None]:
    """Twenty open figures would be a warning, and memory."""
    yield
    plt.close("all")


@pytest.fixture
def with_cores(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """A number -> a machine with as many cores, and torch with as many threads, until the test ends."""
    before = torch.get_num_threads()

    def set_cores(number: int) -> None:
        monkeypatch.setattr(processor, "available_cores", lambda: number)
        torch.set_num_threads(number)

    yield set_cores
    torch.set_num_threads(before)


@pytest.fixture
def no_fake_constants() -> Iterator[None]:
    """Empty the cache of constants before and after a test with fake tensors, which would stay in it."""
    lab._constant.cache_clear()
    yield
    lab._constant.cache_clear()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for one test, which has not been warned of anything."""
    loading._warn_once.cache_clear()
    monkeypatch.setenv("COLORLIB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def samples() -> Images:
    """The embedded photos at 16 px."""
    return sample_photos()


@pytest.fixture(scope="module")
def split(samples: Images) -> tuple[Images, Images]:
    """Images to train on, and images to validate on."""
    return divide(samples)


@pytest.fixture
def animals(tmp_path: Path) -> Path:
    """Ten photos for each class of Animals-10, as Kaggle's archive unpacks."""
    root = tmp_path / "kaggle"
    for number, name in enumerate(ITALIAN):
        fill(root / "raw-img" / name, 10, 100 * number)
    (root / "raw-img" / "translate.py").write_text("translate = {}")
    return root


@pytest.fixture
def picture() -> Callable[[int], bytes]:
    """A number -> the bytes of a PNG of 32 x 32 random pixels."""
    def make(seed: int) -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        return buffer.getvalue()
    return make


@pytest.fixture(scope="module")
def painter(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A file with the weights of a small network that predicts ab."""
    return str(weights(tmp_path_factory.mktemp("weights")))


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """A folder with photos, one of them damaged, and with a text."""
    folder = tmp_path / "in"
    (folder / "sub").mkdir(parents=True)
    image = Image.effect_noise((40, 30), 50)
    image.save(folder / "a.jpg")
    image.save(folder / "sub" / "b.png")
    image.save(folder / "c.gif")
    (folder / "cut.jpg").write_bytes((folder / "a.jpg").read_bytes()[:300])
    (folder / "notes.txt").write_text("not a photo")
    return folder
