"""Downloads from small servers on this machine that drop, stall, cheat and refuse, or answer as Kaggle and Hugging Face."""

import errno
import hashlib
import io
import json
import shutil
import subprocess
import sys
import threading
import time
import zipfile
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
from collection import ENGLISH, ITALIAN, photo

from colorlib import data
from colorlib.data import download
from colorlib.data.download import fetch_file, fetch_from_hugging_face, fetch_from_kaggle
from colorlib.system.errors import DataError, WriteError

CONTENT = np.random.default_rng(0).bytes(300_000)
MD5 = hashlib.md5(CONTENT).hexdigest()


@contextmanager
def serving(answer, port=0):
    """A server whose replies are ``answer(path)``: bytes, headers and how many bytes to send; None for "not found"."""
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content, headers, sent = answer(self.path) or (b"", {}, 0)
            self.send_response(200 if content else 404)
            for name, value in ({"Content-Length": str(len(content))} | headers).items():
                self.send_header(name, value)
            self.send_header("Connection", "close")            # else a client may send its next request into the closing one
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content[:sent])
            self.close_connection = True

        do_POST = do_HEAD = do_GET  # noqa: N815

        def log_message(self, *arguments):
            """Be quiet."""

    with ThreadingHTTPServer(("localhost", port), Handler) as server:
        server.daemon_threads, server.block_on_close = True, False
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


@pytest.fixture
def requested():
    """The mirrors that were asked, in order."""
    return []


@pytest.fixture
def mirrors(requested):
    """Habits -> addresses of mirrors that have these habits."""
    def answer(path):
        requested.append(habit := path[1:])
        if habit == "stalls":
            time.sleep(2)
        replies = {"good": (CONTENT, {}, None), "slow": (CONTENT, {}, None), "drops": (CONTENT, {}, 150_000),
                   "lies": (bytes(len(CONTENT)), {}, None), "stalls": (CONTENT, {}, 0)}
        if habit == "slow":
            time.sleep(0.5)
        return replies.get(habit)

    with serving(answer) as server:
        yield lambda *habits: tuple(f"http://localhost:{server.server_port}/{habit}" for habit in habits)


def test_a_good_mirror_delivers_once(mirrors, requested, tmp_path):
    for _ in range(2):
        assert fetch_file("file.bin", MD5, mirrors("good"), tmp_path).read_bytes() == CONTENT
    assert requested == ["good"]
    assert {path.name for path in tmp_path.iterdir()} <= {"file.bin", "file.bin.lock"}


@pytest.mark.parametrize("habit", ["drops", "stalls", "lies", "refuses"])
def test_after_a_mirror_that_fails_the_next_is_tried(habit, mirrors, requested, tmp_path, monkeypatch):
    monkeypatch.setattr(download, "TIMEOUT", 0.3)
    assert fetch_file("file.bin", MD5, mirrors(habit, "good"), tmp_path).read_bytes() == CONTENT
    assert requested == [habit, "good"]


def test_when_all_mirrors_fail_each_reason_is_in_the_error(mirrors, tmp_path):
    with pytest.raises(DataError) as error:
        fetch_file("file.bin", MD5, (*mirrors("refuses", "lies", "drops"), "http://127.0.0.1:9/closed"), tmp_path)
    for reason in ("/refuses: HTTP 404", "/lies: wrong checksum", "/drops: the connection broke", "closed: no connection",
                   f"put the file into {tmp_path}"):
        assert reason in str(error.value)
    assert [path.name for path in tmp_path.iterdir() if path.suffix != ".lock"] == []


def test_a_download_that_was_killed_is_no_file_and_starts_again(mirrors, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:1000])
    assert fetch_file("file.bin", MD5, mirrors("good"), tmp_path).read_bytes() == CONTENT
    assert not (tmp_path / "file.bin.part").exists()


def test_two_processes_download_once(mirrors, requested, tmp_path):
    script = ("import pathlib\nfrom colorlib.data.download import fetch_file\n"
              f"print(fetch_file('file.bin', '{MD5}', {mirrors('slow')}, pathlib.Path({str(tmp_path)!r})))")
    both = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert requested == ["slow"]


def test_a_folder_that_cannot_be_made_is_named(mirrors, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WriteError, match="cannot write in .*file"):
        fetch_file("file.bin", MD5, mirrors("good"), tmp_path / "file")


def test_on_a_full_disk_no_other_mirror_is_tried(mirrors, requested, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", small]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        with pytest.raises(WriteError, match="the disk is full"):
            fetch_file("file.bin", MD5, mirrors("good", "good"), small)
        assert requested == ["good"]
        assert [path.name for path in small.iterdir() if path.suffix != ".lock"] == []
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.fixture
def kaggle(monkeypatch, tmp_path):
    """Kaggle with one data set, of four photos of each animal; the port is the one its client knows for tests."""
    pytest.importorskip("kagglehub", reason="needs colorlib[hub]")
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for number, name in enumerate(ITALIAN):
            for i in range(4):
                file.writestr(f"raw-img/{name}/{i}.jpeg", photo(100 * number + i))

    def answer(path):
        if path.endswith("/GetDataset"):
            return json.dumps({"ref": "some/animals", "currentVersionNumber": 2}).encode(), {}, None
        return (archive.getvalue(), {}, None) if path.endswith("/DownloadDataset") else None

    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")
    monkeypatch.setenv("KAGGLEHUB_CACHE", str(tmp_path / "kagglehub"))
    with serving(answer, 7777):
        yield


@pytest.fixture
def hugging_face(monkeypatch):
    """Hugging Face with one data set: photos and labels as Parquet, the names of the classes in its metadata."""
    constants = pytest.importorskip("huggingface_hub.constants", reason="needs colorlib[hub]")
    pyarrow = pytest.importorskip("pyarrow", reason="needs colorlib[hub]")
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs colorlib[hub]")
    images = [{"bytes": photo(100 * label + i), "path": None} for label in range(10) for i in range(4)]
    names = sorted(name.title() for name in ENGLISH)
    features = {"image": {"_type": "Image"}, "label": {"names": names, "_type": "ClassLabel"}}
    table = pyarrow.table({"image": images, "label": [label for label in range(10) for _ in range(4)]})
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    file = io.BytesIO()
    parquet.write_table(table, file)
    commit, name = "0" * 40, "data/train-00000-of-00001.parquet"

    def answer(path):
        if "/api/datasets/some/animals/revision/" in path:
            info = {"id": "some/animals", "sha": commit, "siblings": [{"rfilename": name}]}
            return json.dumps(info).encode(), {}, None
        if "/api/datasets/some/animals/tree/" in path:
            entry = {"type": "file", "oid": "1" * 40, "size": file.tell(), "path": name}
            return json.dumps([entry]).encode(), {"Content-Type": "application/json"}, None
        if path.endswith(name):
            return file.getvalue(), {"ETag": '"1"', "X-Repo-Commit": commit}, None
        return None

    with serving(answer) as server:
        here = f"http://localhost:{server.server_port}"              # it reads HF_ENDPOINT only once, when imported
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE",
                            constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, here))
        monkeypatch.setattr(constants, "ENDPOINT", here)
        yield


def test_the_archive_of_kaggle_is_unpacked_and_can_be_loaded(kaggle, home):
    fetch_from_kaggle("some/animals", "animals10", home / "data")
    images = data.load("animals10", "train", 16)
    assert images.classes == tuple(sorted(ENGLISH))
    assert len(images) == 20


def test_the_tables_of_hugging_face_become_class_folders(hugging_face, home):
    fetch_from_hugging_face("some/animals", "animals10", home / "data")
    images = data.load("animals10", "train", 16)
    assert images.classes == tuple(sorted(ENGLISH))
    assert len(images) == 20
    files = sorted((home / "data" / "animals10" / "Butterfly").iterdir())
    assert [file.read_bytes() for file in files] == [photo(i) for i in range(4)]
    assert {path.name for path in (home / "data" / "animals10").iterdir()} == {name.title() for name in ENGLISH}
    assert not list((home / "data").glob("*.parquet")), "the tables take as much disk again"


@pytest.mark.parametrize(("fetch", "host", "handle"), [
    (fetch_from_kaggle, "Kaggle", "none"), (fetch_from_hugging_face, "Hugging Face", "none/" + "such" * 20)])
def test_a_data_set_that_a_host_does_not_have_is_an_error_of_one_line(fetch, host, handle, kaggle, hugging_face, home):
    with pytest.raises(DataError, match=f"{host} does not deliver animals10: .+") as caught:
        fetch(handle, "animals10", home / "data")
    assert "\n" not in str(caught.value)
    assert data.find("animals10") is None


def test_when_one_host_fails_the_other_delivers(hugging_face, home, monkeypatch):
    pytest.importorskip("kagglehub", reason="needs colorlib[hub]")
    monkeypatch.delenv("COLORLIB_OFFLINE")
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")              # where nothing answers
    dataset = data.DATASETS["animals10"]
    hosts = (lambda folder: fetch_from_kaggle("some/animals", "animals10", folder),
             lambda folder: fetch_from_hugging_face("some/animals", "animals10", folder))
    monkeypatch.setitem(data.DATASETS, "animals10", type(dataset)(**vars(dataset) | {"downloads": hosts}))
    assert len(data.load("animals10", "train", 16)) == 20
    assert not list((home / "data").glob("*.partial")), "the first host left something on the disk"


class FakeClient:
    """In place of kagglehub: it raises an error, or returns a folder."""

    def __init__(self, result):
        self.result = result

    def dataset_download(self, handle):
        if isinstance(self.result, Exception):
            raise self.result
        return str(self.result)


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("error", [FULL, shutil.Error([("a", "b", str(FULL))]), RuntimeError(f"in the writer: {FULL}")])
def test_a_full_disk_is_no_reason_to_use_samples(error, home, monkeypatch):
    monkeypatch.delenv("COLORLIB_OFFLINE")
    monkeypatch.setitem(sys.modules, "kagglehub", FakeClient(error))
    with pytest.raises(WriteError, match="the disk is full"):
        data.load("animals3", "train", 16, missing="samples")


def test_another_error_of_a_client_is_a_data_error(home, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", FakeClient(PermissionError(errno.EACCES, "kaggle.json")))
    with pytest.raises(DataError, match="Kaggle does not deliver animals3: .*kaggle.json"):
        fetch_from_kaggle("some/animals", "animals3", home / "data")


def test_the_clients_folder_stays_as_it_is(home, tmp_path, monkeypatch):
    """In Colab and on Kaggle it is shared and read-only."""
    original = tmp_path / "input" / "raw-img" / "cane" / "1.jpeg"
    original.parent.mkdir(parents=True)
    original.write_bytes(photo(1))
    monkeypatch.setitem(sys.modules, "kagglehub", FakeClient(tmp_path / "input"))
    copy = fetch_from_kaggle("some/animals", "animals10", home / "data") / "raw-img" / "cane" / "1.jpeg"
    assert copy.read_bytes() == photo(1)
    shutil.rmtree(home / "data" / "animals10")
    assert original.read_bytes() == photo(1)
    (tmp_path / "empty").mkdir()
    monkeypatch.setitem(sys.modules, "kagglehub", FakeClient(tmp_path / "empty"))
    with pytest.raises(DataError, match="it sent no files"):
        fetch_from_kaggle("some/animals", "animals10", home / "data")
    assert not (home / "data" / "animals10").exists()


def test_a_copy_that_a_kill_interrupted_is_completed(home, tmp_path, monkeypatch):
    cached = tmp_path / "cached"
    cached.mkdir()
    for number in range(3):
        (cached / f"{number}.jpeg").write_bytes(photo(number))
    partial = home / "data" / "animals10.partial"
    partial.mkdir(parents=True)
    (partial / "0.jpeg").hardlink_to(cached / "0.jpeg")
    (partial / "1.jpeg").write_bytes(photo(1)[:100])
    monkeypatch.setitem(sys.modules, "kagglehub", FakeClient(cached))
    folder = fetch_from_kaggle("some/animals", "animals10", home / "data")
    assert [path.read_bytes() for path in sorted(folder.iterdir())] == [photo(number) for number in range(3)]


def test_without_the_clients_the_error_says_what_to_install(home, monkeypatch):
    monkeypatch.setitem(sys.modules, "kagglehub", None)
    with pytest.raises(DataError, match=r"Kaggle does not deliver animals10: .*kagglehub.*pip install kagglehub"):
        fetch_from_kaggle("some/animals", "animals10", home / "data")
