"""The web page for photos, used in headless Chromium."""

import json
import sys
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import psutil
import pytest
from chromium import MARKS, colored, page_of, serving, shown, wait_until
from PIL import Image

from colorlib.system import paths

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra 'browser'")
pytest.importorskip("voila", reason="needs the extra 'app'")
NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"

pytestmark = MARKS


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    """The page, after the notebook has run."""
    waiting = json.loads((NOTEBOOKS / "voila.json").read_text())["MappingKernelManager"]
    command = [sys.executable, "-m", "voila", "page.ipynb", "--no-browser", "--Voila.ip=127.0.0.1",
               *(f"--MappingKernelManager.{name}={seconds // 60}" for name, seconds in waiting.items())]
    with (serving(command, tmp_path_factory.mktemp("voila") / "log", NOTEBOOKS) as address,
          sync_api.sync_playwright() as playwright, page_of(playwright, address) as page):
        page.wait_for_selector("img.widget-image")
        yield page


def test_upload_slide_and_download(page, tmp_path):
    with Image.open(paths.samples_dir() / "mountains.jpg") as photo:
        photo.convert("L").crop((0, 0, 400, 200)).save(tmp_path / "mine.png")
    before = shown(page)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="upload a photo").click()
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


def test_a_photo_larger_than_a_message_of_jupyter_is_colored(page, tmp_path):
    """12 MB, where tornado closes a connection at 10 unless it is told otherwise."""
    noise = np.random.default_rng(0).integers(0, 256, (2000, 2000, 3), dtype=np.uint8)
    Image.fromarray(noise).save(tmp_path / "large.png")
    assert (tmp_path / "large.png").stat().st_size > 11_000_000
    before = shown(page)
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="upload a photo").click()
    chooser.value.set_files(tmp_path / "large.png")
    wait_until(page, lambda pixels: pixels.shape != before.shape)
    height, width, _ = shown(page).shape
    assert height == pytest.approx(width, abs=2)


def test_a_click_on_the_photo_offers_colors_and_a_choice_colors_it(page):
    picture = page.locator("img.widget-image").first
    picture.click(position={"x": 100, "y": 60})
    offered = page.locator("button[title^='#']:visible")
    offered.first.wait_for()
    assert offered.count() >= 3
    before = shown(page)
    offered.first.click()
    wait_until(page, lambda pixels: np.abs(pixels - before).max() > 30)
    assert page.locator(".colorlib-mark").count() == 1
    page.get_by_role("button", name="undo").click()
    sync_api.expect(page.locator(".colorlib-mark")).to_have_count(0)
    page.get_by_role("button", name="ask me").click()
    sync_api.expect(page.locator(".colorlib-asked")).to_have_count(1)
    offered.last.click()
    with page.expect_download() as waiting:
        page.get_by_text("save hints").click()
    assert waiting.value.suggested_filename == "hints.json"


def test_a_place_is_picked_with_the_keys(page):
    frame = page.locator(".colorlib-picker")
    frame.focus()
    for _ in range(10):
        frame.press("ArrowRight")
    frame.press("Enter")
    asked = page.locator(".colorlib-asked")
    sync_api.expect(asked).to_have_count(1)
    assert asked.evaluate("mark => [mark.style.left, mark.style.top]") == ["70%", "50%"]


def test_the_folders_of_the_server_are_not_offered(page):
    field = page.get_by_placeholder("folder of this page")
    assert field.count() == 1, "the field is there"
    assert not field.is_visible()


def test_a_visitor_whose_browser_dies_leaves_no_kernel_behind(page):
    other = page.context.browser.new_page()
    other.set_default_timeout(120_000)
    other.goto(page.url)
    other.wait_for_selector("img.widget-image")
    assert len(kernels()) == 2
    other.close(run_before_unload=False)                      # the page has no chance to say goodbye
    end = time.monotonic() + 60
    while len(kernels()) > 1:
        assert time.monotonic() < end, "the kernel still runs"
        time.sleep(0.5)
    before = shown(page)
    page.get_by_label("or choose").select_option("bridge")
    wait_until(page, lambda pixels: pixels.shape != before.shape or np.abs(pixels - before).max() > 30)


def kernels() -> list[psutil.Process]:
    """Kernels that run below this process."""
    return [process for process in psutil.Process().children(recursive=True) if is_kernel(process)]


def is_kernel(process: psutil.Process) -> bool:
    """Whether a process is a kernel; one that ends just now is not."""
    with suppress(psutil.Error):
        return "ipykernel" in " ".join(process.cmdline())
    return False
