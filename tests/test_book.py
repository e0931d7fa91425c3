"""The book on the web and the slides: every page, opened in headless Chromium from the built site."""

import re
import subprocess
import sys
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import unquote, urlparse

import nbformat
import pytest
from chromium import CHROMIUM, FLAGS, MARKS, colored, shown, wait_until

sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra 'browser'")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs the extra 'browser'")
pytest.importorskip("sphinx", reason="needs the extra 'book'")
ROOT = Path(__file__).resolve().parent.parent

pytestmark = MARKS


class Quiet(SimpleHTTPRequestHandler):
    """A server of files that logs nothing."""

    def log_message(self, *args):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """Address of the built book, and its folder."""
    folder = tmp_path_factory.mktemp("book")
    command = [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "-c", "docs", ".", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/", folder
        server.shutdown()


@pytest.fixture(scope="module")
def browser():
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def page(browser, site):
    """A page where other hosts do not exist: the badges of the notebooks stay empty."""
    page = browser.new_page(viewport={"width": 400, "height": 800})
    page.route(lambda address: not address.startswith(site[0]), lambda route: route.fulfill(status=204))
    yield page
    page.close()


def pages(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*.html") if "_static" not in path.parts)


def test_every_page_opens_without_an_error_and_fits_a_phone(page, site):
    address, folder = site
    errors = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("response", lambda response: errors.append(f"{response.status} {response.url}") if response.status >= 400 else None)
    names = pages(folder)
    assert {"index.html", "notebooks/07_your_photos.html", "notebooks/solutions/02_cifar_training.html", "docs/api.html"} <= set(names)
    found = {}
    for name in names:
        page.goto(address + name, wait_until="load")
        width = page.evaluate("document.documentElement.scrollWidth")
        found[name] = [*errors, *([f"is {width} pixels wide"] if width > 400 else [])]
        errors.clear()
    assert {name: problems for name, problems in found.items() if problems} == {}


def test_no_link_is_dead(page, site):
    address, folder = site
    targets, anchors = set(), {}
    for name in pages(folder):
        page.goto(address + name, wait_until="domcontentloaded")
        anchors[name] = set(page.evaluate("[...document.querySelectorAll('[id]')].map((node) => node.id)"))
        targets |= {(name, link) for link in page.evaluate("[...document.links].map((link) => link.href)") if link.startswith(address)}
    dead = set()
    for name, link in targets:
        target = unquote(urlparse(link).path).lstrip("/") or "index.html"
        fragment = unquote(urlparse(link).fragment)
        if not (folder / target).is_file() or (fragment and target in anchors and fragment not in anchors[target]):
            dead.add((name, link.removeprefix(address)))
    assert dead == set()


def test_a_divider_moves_without_a_kernel(page, site):
    page.goto(f"{site[0]}notebooks/02_cifar_training.html")
    stage = page.locator(".colorlib-swipe-stage").first
    stage.scroll_into_view_if_needed()
    slider = page.locator(".colorlib-swipe input").first
    slider.press("Home")
    wait_until(page, lambda pixels: colored(pixels) < 2, stage)
    slider.press("End")
    wait_until(page, lambda pixels: colored(pixels) > 10, stage)
    assert colored(shown(page, stage)) > 10


def test_search_finds_a_word_of_a_notebook(page, site):
    page.goto(f"{site[0]}search.html?q=rebalancing")
    page.get_by_role("link", name="6 · Vivid colors").first.wait_for()


@pytest.mark.parametrize("name", ["index.html", "notebooks/02_cifar_training.html", "notebooks/07_your_photos.html", "notebooks/GLOSSARY.html",
                                  "docs/api.html"])
def test_axe_finds_no_serious_fault(page, site, name):
    page.goto(site[0] + name, wait_until="load")
    violations = axe.Axe().run(page).response["violations"]
    serious = [(found["id"], [node["html"][:150] for node in found["nodes"][:3]]) for found in violations
               if found["impact"] in ("serious", "critical")]
    assert serious == []


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    """The folder of the slides."""
    folder = tmp_path_factory.mktemp("slides")
    subprocess.run([sys.executable, ROOT / "docs" / "slides.py", folder], check=True, capture_output=True)
    return folder


def test_slides_open_without_a_network_and_follow_the_sections(browser, slides):
    page = browser.new_page(viewport={"width": 1280, "height": 800})
    errors = []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("requestfailed", lambda request: errors.append(request.url))
    files = sorted(slides.glob("*.html"))
    assert len(files) == len(list(ROOT.glob("notebooks/0*.ipynb")))
    for file in files:
        page.goto(file.as_uri())
        page.wait_for_function("Reveal.isReady()")
        sections = [cell.source for cell in nbformat.read(ROOT / "notebooks" / f"{file.stem}.ipynb", as_version=4).cells if cell.cell_type == "markdown"]
        headings = re.findall(r"^## (.+)$", "\n".join(sections), re.M)
        assert page.evaluate("Reveal.getHorizontalSlides().length") >= len(headings) + 1
        page.keyboard.press("ArrowRight")
        page.wait_for_function("Reveal.getIndices().h === 1")
        assert page.locator("section.present h2:visible").inner_text().startswith(re.sub(r"[*`].*", "", headings[0]).strip())
    assert errors == []
    page.close()
