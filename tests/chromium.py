"""Helpers of the browser tests: a server, and a page in headless Chromium."""

import io
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
# No sandbox, since tests may run as root; no background traffic.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]
MARKS = [pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
         pytest.mark.filterwarnings("ignore")]


@contextmanager
def serving(command: Sequence[str], log: Path, folder: Path | None = None) -> Iterator[str]:
    """Start a server in a folder on a free port, wait until it answers, yield its address, and stop it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with log.open("w") as file:
        server = subprocess.Popen([*command, f"--port={port}"], cwd=folder, stdout=file, stderr=file)
    try:
        for _ in range(300):
            assert server.poll() is None, log.read_text()
            if _answers(f"http://127.0.0.1:{port}/static/favicon.ico"):
                break
            time.sleep(0.2)
        else:
            raise AssertionError(f"the server never answered: {log.read_text()}")
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        try:
            server.wait(30)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


@contextmanager
def page_of(playwright, address: str):
    """A page of 1280 x 800 pixels that shows an address."""
    browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    try:
        page = browser.new_page(viewport={"width": 1280, "height": 800}, accept_downloads=True)
        page.set_default_timeout(120_000)
        page.goto(address)
        yield page
    finally:
        browser.close()


def shown(page, place=None) -> np.ndarray:
    """Pixels of a place on the page, by default of the first picture."""
    picture = (place or page.locator("img.widget-image").first).screenshot()
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


def colored(pixels: np.ndarray) -> float:
    """Mean difference of the largest and the smallest channel: 0 for gray."""
    return float(np.ptp(pixels, axis=2).mean())


def wait_until(page, condition: Callable[[np.ndarray], bool], place=None) -> None:
    """Wait until a place on the page, by default the first picture, meets a condition, for ten seconds at most."""
    end = time.monotonic() + 10
    while not condition(pixels := shown(page, place)):
        assert time.monotonic() < end, f"a picture of {pixels.shape}, {colored(pixels):.1f} from gray"
        page.wait_for_timeout(100)


def _answers(address: str) -> bool:
    try:
        urllib.request.urlopen(address, timeout=2)
    except urllib.error.HTTPError:
        return True
    except OSError:
        return False
    return True
