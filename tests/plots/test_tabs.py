"""Pictures to choose from by name, on a page in headless Chromium that runs no scripts."""

import io

import pytest
from chromium import CHROMIUM, FLAGS, MARKS
from PIL import Image

from colorlib.plots.tabs import Tabs

COLORS = {"ab MAE": "red", "PSNR <dB>": "green", "time": "blue"}


def png(color):
    buffer = io.BytesIO()
    Image.new("RGB", (40, 30), color).save(buffer, "PNG")
    return buffer.getvalue()


TABS = Tabs({name: png(color) for name, color in COLORS.items()})


class TestOnAPage:
    pytestmark = MARKS

    @pytest.fixture
    def page(self, tmp_path):
        sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra 'browser'")
        (tmp_path / "page.html").write_text(f"<!doctype html>{TABS._repr_mimebundle_()['text/html']}<br>{TABS._repr_mimebundle_()['text/html']}")
        with sync_api.sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
            page = browser.new_page(java_script_enabled=False)
            page.goto((tmp_path / "page.html").as_uri())
            yield page
            browser.close()

    def shown(self, page, number):
        """Names of the pictures that are seen in one of the two groups of tabs."""
        images = page.locator(".colorlib-tabs").nth(number).locator("img")
        return [images.nth(i).get_attribute("alt") for i in range(images.count()) if images.nth(i).is_visible()]

    def test_a_click_and_the_arrow_keys_show_one_picture_at_a_time(self, page):
        assert self.shown(page, 0) == ["ab MAE"]
        group = page.locator(".colorlib-tabs").first
        group.get_by_text("time").click()
        assert self.shown(page, 0) == ["time"]
        page.keyboard.press("ArrowLeft")
        assert self.shown(page, 0) == ["PSNR <dB>"]
        picture = Image.open(io.BytesIO(group.locator("img:visible").screenshot()))
        assert picture.getpixel((20, 15))[:3] == (0, 128, 0)
        assert self.shown(page, 1) == ["ab MAE"], "the other tabs stay"
