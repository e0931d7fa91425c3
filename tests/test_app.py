"""The notebook of one's own photos as a web page, driven as a reader would, in headless Chromium."""

import io
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from colorlib import paths

sync_api = pytest.importorskip("playwright.sync_api", reason="needs pip install 'colorlib[browser]'")
pytest.importorskip("voila", reason="needs pip install 'colorlib[app]'")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "07_your_photos.ipynb"
# No sandbox as root; and nothing that would call home.
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync"]

pytestmark = [pytest.mark.skipif(CHROMIUM is None, reason="needs Chromium: apt-get install chromium"),
              pytest.mark.filterwarnings("ignore")]


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    """Where voila serves the notebook."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = tmp_path_factory.mktemp("voila") / "log"
    with log.open("w") as file:
        server = subprocess.Popen([sys.executable, "-m", "voila", str(NOTEBOOK), "--no-browser", f"--port={port}",
                                   "--Voila.ip=127.0.0.1", "--strip_sources=True"], stdout=file, stderr=file)
    try:
        for _ in range(300):
            try:
                urllib.request.urlopen(f"http://127.0.0.1:{port}/voila/static/voila.js", timeout=2)
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                assert server.poll() is None, log.read_text()
                time.sleep(0.2)
        else:
            raise AssertionError(f"voila never answered: {log.read_text()}")
        yield f"http://127.0.0.1:{port}/"
    finally:
        server.terminate()
        server.wait(30)


@pytest.fixture(scope="module")
def page(address):
    """The page, once the notebook has run."""
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 800}, accept_downloads=True)
        page.set_default_timeout(120_000)
        page.goto(address)
        page.wait_for_selector("img.widget-image")
        yield page
        browser.close()


def shown(page):
    """The colored picture on the page, as pixels."""
    picture = page.locator("img.widget-image").first.screenshot()
    return np.asarray(Image.open(io.BytesIO(picture)).convert("RGB")).astype(int)


def colored(pixels):
    return float(np.ptp(pixels, axis=2).mean())


def wait_until(page, condition):
    for _ in range(100):
        if condition(shown(page)):
            return
        page.wait_for_timeout(100)
    raise AssertionError("the picture did not change")


def test_upload_slide_and_download(page, tmp_path):
    with Image.open(paths.samples_dir() / "mountains.jpg") as photo:
        photo.convert("L").crop((0, 0, 400, 200)).save(tmp_path / "mine.png")
    before = shown(page)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="your photo").click()
    chooser.value.set_files(tmp_path / "mine.png")
    wait_until(page, lambda pixels: pixels.shape != before.shape)
    in_color = colored(shown(page))
    assert in_color > 5
    handle = page.locator(".noUi-handle").first
    handle.focus()
    for _ in range(20):
        handle.press("ArrowLeft")
    wait_until(page, lambda pixels: colored(pixels) < in_color / 4)
    page.get_by_role("button", name="color at full size").click()
    link = page.locator("a[download]").first
    with page.expect_download() as waiting:
        link.click()
    waiting.value.save_as(tmp_path / "out.jpg")
    assert waiting.value.suggested_filename == "mine-in-color.jpg"
    with Image.open(tmp_path / "out.jpg") as result:
        assert result.size == (400, 200)
        assert colored(np.asarray(result).astype(int)) > in_color / 2, "the slider only compares"
