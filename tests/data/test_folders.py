"""Listing and reading the files of folders and zips, hostile ones among them."""

import os
import shutil
import zipfile

import pytest

from colorlib.data import folders as files
from colorlib.data.folders import FileEntry, fingerprint, open_files
from colorlib.system import paths
from colorlib.system.errors import DataError, PictureError

NAMES = ("cat/1.png", "dog/日本語 фото ñ.jpg", "dog/deep/er/2.png", "top.txt")


@pytest.fixture
def folder(tmp_path):
    """A few files with their names as content, and some that hide."""
    root = tmp_path / "tree"
    for name in (*NAMES, ".DS_Store", "cat/.hidden.png", "dog/.git/config"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name)
    return root


@pytest.fixture
def zipped(folder):
    """The same as a zip, with what macOS adds."""
    path = shutil.make_archive(str(folder), "zip", folder)
    with zipfile.ZipFile(path, "a") as file:
        file.writestr("__MACOSX/cat/._1.png", b"")
    return folder.with_suffix(".zip")


def test_folder_and_zip_list_and_hold_the_same(folder, zipped):
    for path in (folder, zipped):
        with open_files(path) as tree:
            listed = [entry.name for entry in tree.entries() if not entry.name.endswith("/")]
            assert listed == sorted(NAMES)
            assert [tree.read(name).decode() for name in listed] == listed


def test_folders_are_listed_also_when_empty(folder):
    (folder / "empty").mkdir()
    for path in (folder, shutil.make_archive(str(folder), "zip", folder)):
        with open_files(type(folder)(path)) as tree:
            assert {"empty/", "cat/", "dog/deep/er/"} <= {entry.name for entry in tree.entries()}


def test_links_are_followed_but_not_in_circles(folder, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "3.png").write_text("three")
    (folder / "linked").symlink_to(elsewhere)
    (folder / "cat" / "up").symlink_to(folder)
    (folder / "cat" / "itself.png").symlink_to("itself.png")
    (folder / "cat" / "nowhere.png").symlink_to("nothing.png")
    with open_files(folder) as tree:
        listed = tree.entries()
        assert tree.read("linked/3.png") == b"three"
    assert "linked/3.png" in {entry.name for entry in listed}
    unreadable = {entry.name: entry.cause for entry in listed if entry.status == "unreadable"}
    assert set(unreadable) == {"cat/up/", "cat/itself.png", "cat/nowhere.png"}
    assert unreadable["cat/up/"] == "a link that leads back to a folder above it"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
def test_a_pipe_is_not_waited_for(folder):
    os.mkfifo(folder / "cat" / "pipe.png")
    with open_files(folder) as tree:
        assert FileEntry("cat/pipe.png", "unreadable", "it is no file, but a pipe, a socket or a device") in tree.entries()


@pytest.mark.parametrize("name", ["../outside.png", "/etc/passwd", "cat/../../outside.png"])
def test_a_name_that_leads_out_of_a_zip_is_refused(name, zipped):
    with zipfile.ZipFile(zipped, "a") as file:
        file.writestr(name, b"evil")
    with open_files(zipped) as tree:
        assert FileEntry(name, "refused", "its name leads out of the zip") in tree.entries()


def test_a_damaged_file_in_a_zip_is_named(zipped):
    with zipfile.ZipFile(zipped, "a") as file:
        file.writestr("cat/9.png", b"x" * 1000)
        offset = file.getinfo("cat/9.png").header_offset
    content = bytearray(zipped.read_bytes())
    content[offset + 100] ^= 255
    zipped.write_bytes(content)
    with open_files(zipped) as tree, pytest.raises(PictureError, match=r"tree.zip: cat/9.png cannot be used: Bad CRC"):
        tree.read("cat/9.png")


def test_a_truncated_zip_is_named(zipped):
    zipped.write_bytes(zipped.read_bytes()[:200])
    with pytest.raises(DataError, match=r"tree.zip is damaged .* Get it again"), open_files(zipped):
        pass


def test_a_zip_with_a_damaged_entry_is_named(zipped):
    content = bytearray(zipped.read_bytes())
    with zipfile.ZipFile(zipped) as file:
        info = next(info for info in file.infolist() if "фото" in info.filename)
    content[info.header_offset + 30] = 0xFF                       # the name in front of the data: no UTF-8 any more
    zipped.write_bytes(content)
    with open_files(zipped) as tree, pytest.raises(PictureError, match="cannot be used"):
        tree.read(info.filename)


def test_what_is_neither_a_folder_nor_a_zip_is_not_called_damaged(folder):
    with pytest.raises(DataError, match=r"top.txt is neither a folder nor a zip"), open_files(folder / "top.txt"):
        pass


def test_the_cache_and_runs_of_colorlib_are_left_out(folder, monkeypatch):
    monkeypatch.setenv("COLORLIB_HOME", str(folder))
    before = fingerprint(folder)
    for kept in (paths.cache_dir(), paths.runs_dir()):
        kept.mkdir(parents=True)
        (kept / "rgb.png").write_text("prepared")
    with open_files(folder) as tree:
        assert not [entry.name for entry in tree.entries() if "rgb.png" in entry.name]
    assert before != fingerprint(folder), "a folder data/ is new, its cache is not looked into"
    again = fingerprint(folder)
    (paths.cache_dir() / "more").mkdir()
    assert fingerprint(folder) == again


def test_an_encrypted_or_huge_file_is_not_read(zipped, folder, monkeypatch):
    monkeypatch.setattr(files, "MAX_FILE_BYTES", 100)
    (folder / "cat" / "huge.png").write_bytes(b"x" * 101)
    with zipfile.ZipFile(zipped, "a") as file:
        file.writestr("cat/huge.png", b"x" * 101)
        file.getinfo("cat/1.png").flag_bits |= 1                     # as an encrypted file is marked
    for path, more in ((folder, {}), (zipped, {"cat/1.png": "unreadable"})):
        with open_files(path) as tree:
            statuses = {entry.name: entry.status for entry in tree.entries() if entry.status}
        assert statuses == {"cat/huge.png": "too large"} | more


def test_a_file_name_that_is_no_utf8_is_listed_and_read(folder):
    name = os.fsdecode(b"cat/caf\xe9.png")
    (folder / name).write_bytes(b"coffee")
    with open_files(folder) as tree:
        assert name in {entry.name for entry in tree.entries()}
        assert tree.read(name) == b"coffee"
    assert fingerprint(folder) == fingerprint(folder)


def test_the_fingerprint_changes_with_any_file(folder):
    seen = {fingerprint(folder)}
    (folder / "cat" / "1.png").write_text("other")
    seen.add(fingerprint(folder))
    (folder / "cat" / "new.png").write_text("new")
    seen.add(fingerprint(folder))
    (folder / "top.txt").unlink()
    seen.add(fingerprint(folder))
    (folder / "cat" / ".DS_Store").write_text("what a file manager leaves")
    (folder / ".ipynb_checkpoints").mkdir()
    seen.add(fingerprint(folder))
    (folder / "linked.png").symlink_to(folder.parent / "elsewhere.png")
    seen.add(fingerprint(folder))
    (folder.parent / "elsewhere.png").write_text("what the link leads to")
    seen.add(fingerprint(folder))
    assert len(seen) == 6
