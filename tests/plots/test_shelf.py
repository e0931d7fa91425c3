"""Which photos of the machine a page opens for whom."""

import json
from pathlib import Path

import pytest

from colorlib.plots.shelf import NOTEBOOK_UPLOAD, PAGE_UPLOAD, Shelf
from colorlib.plots.studio import Studio
from colorlib.system import paths
from colorlib.system.errors import DataError


@pytest.fixture
def shared(tmp_path):
    """A folder that a page shows, with a folder in it, links out of it, and a photo outside."""
    root = tmp_path / "shared"
    (root / "inner").mkdir(parents=True)
    photo = (paths.samples_dir() / "coffee.jpg").read_bytes()
    for place in (root / "a.jpg", root / "inner" / "b.jpg", tmp_path / "private.jpg"):
        place.write_bytes(photo)
    (root / "link.jpg").symlink_to(tmp_path / "private.jpg")
    (root / "out").symlink_to(tmp_path)
    return root


def test_a_page_opens_its_folder_and_nothing_else(shared, tmp_path):
    shelf = Shelf(shared, is_public=True)
    assert [file.name for file in shelf.photos("")] == ["a.jpg"], "not the link to a photo outside"
    assert [file.name for file in shelf.photos("inner")] == ["b.jpg"]
    for place in ("..", "out", "inner/../..", str(tmp_path), "/", "~"):
        with pytest.raises((DataError, FileNotFoundError)):
            shelf.photos(place)


def test_a_page_without_a_folder_opens_none(shared):
    shelf = Shelf(None, is_public=True)
    assert not shelf.is_open
    with pytest.raises(DataError, match="not among the photos of this page"):
        shelf.photos(str(shared))
    assert Studio(shelf=shelf).folder.layout.display == "none"


def test_a_notebook_opens_everything(shared, tmp_path):
    shelf = Shelf()
    assert [file.name for file in shelf.photos(str(shared))] == ["a.jpg", "link.jpg"]
    assert [file.name for file in shelf.photos(str(tmp_path))] == ["private.jpg"]
    assert "10 MB" in Studio(shelf=shelf).limit.value
    assert shelf.largest_upload == NOTEBOOK_UPLOAD


@pytest.mark.parametrize(("server", "named", "is_public", "root"), [
    ("", "", False, None), ("", "/photos", False, None), ("voila/0.5.8", "", True, None), ("voila/0.5.8", "/photos", True, "/photos"),
])
def test_the_kernel_of_a_page_knows_it(server, named, is_public, root, monkeypatch):
    monkeypatch.setenv("SERVER_SOFTWARE", server)
    monkeypatch.setenv("COLORLIB_PHOTOS", named)
    shelf = Shelf.of_this_kernel()
    assert (shelf.is_public, shelf.root and str(shelf.root)) == (is_public, root)


def test_the_page_takes_the_largest_upload_that_it_offers():
    """A message holds the photo and some words about it."""
    settings = json.loads((Path(__file__).resolve().parents[2] / "notebooks" / "voila.json").read_text())
    assert settings["Voila"]["tornado_settings"]["websocket_max_message_size"] > PAGE_UPLOAD
