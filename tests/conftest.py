"""What several tests need: a home of their own, and tiny real images."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
from PIL import Image

from colorlib import data
from colorlib.images import Images

matplotlib.use("agg")


@pytest.fixture(autouse=True)
def no_figure_stays_open() -> Iterator[None]:
    """Twenty open figures would be a warning, and memory."""
    yield
    plt.close("all")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home for one test."""
    monkeypatch.setenv("COLORLIB_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture(scope="session")
def samples() -> Images:
    """The embedded photos at 16 px."""
    return data.load("samples", "train", 16)


@pytest.fixture
def picture() -> Callable[[int], bytes]:
    """A number -> the bytes of a PNG of 32 x 32 random pixels."""
    def make(seed: int) -> bytes:
        pixels = np.random.default_rng(seed).integers(0, 256, (32, 32, 3), dtype=np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, "PNG")
        return buffer.getvalue()
    return make
