"""Notebooks in JupyterLab, run and used in headless Chromium."""

import shutil
import sys
from pathlib import Path

import pytest
from chromium import MARKS, colored, page_of, serving, shown, wait_until

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra 'browser'")
pytest.importorskip("jupyterlab", reason="needs pip install jupyter")
NOTEBOOKS = Path(__file__).resolve().parent.parent / "notebooks"
# Keep cells that are out of sight on the page; look for no news and updates.
SETTINGS = {"notebook-extension/tracker.jupyterlab-settings": '{"windowingMode": "none"}',
            "apputils-extension/notification.jupyterlab-settings": '{"fetchNews": "false", "checkForUpdates": false}'}

pytestmark = MARKS


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """Address of a JupyterLab that serves a copy of the notebooks."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(NOTEBOOKS, folder / "notebooks")
    settings = folder / "settings" / "@jupyterlab"
    for name, text in SETTINGS.items():
        (settings / name).parent.mkdir(parents=True, exist_ok=True)
        (settings / name).write_text(text)
    command = [sys.executable, "-m", "jupyter", "lab", "--no-browser", "--allow-root", "--IdentityProvider.token=",
               f"--ServerApp.root_dir={folder / 'notebooks'}", f"--LabApp.user_settings_dir={settings.parent}"]
    with serving(command, folder / "log") as address:
        yield address


@pytest.mark.parametrize("name", ["02_cifar_training", "05_results_figures"])
def test_the_divider_goes_from_gray_to_color_and_back_with_the_keys(name, lab):
    with (sync_api.sync_playwright() as playwright,
          page_of(playwright, f"{lab}lab/workspaces/auto-{name}/tree/{name}.ipynb?reset") as page):
        page.get_by_text("(ipykernel) | Idle").wait_for()           # before that, a run is lost
        page.get_by_text("Run", exact=True).click()
        page.get_by_text("Run All Cells", exact=True).click()
        page.wait_for_selector(".colorlib-swipe, [data-mime-type$=error]", state="attached", timeout=300_000)
        # The kernel is idle between two cells, too: wait until no cell waits.
        sync_api.expect(page.locator(".jp-InputPrompt", has_text="[*]")).to_have_count(0, timeout=300_000)
        assert page.locator("[data-mime-type$=error]").all_inner_texts() == []
        stage = page.locator(".colorlib-swipe-stage").first
        stage.scroll_into_view_if_needed()
        slider = page.locator(".colorlib-swipe input").first
        slider.press("Home")
        assert colored(shown(page, stage)) < 2
        slider.press("End")
        wait_until(page, lambda pixels: colored(pixels) > 10, stage)
        slider.press("Home")
        wait_until(page, lambda pixels: colored(pixels) < 2, stage)
