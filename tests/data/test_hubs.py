"""Kaggle's and Hugging Face's own clients, against servers on this machine that answer as those hosts do."""

import errno
import io
import json
import shutil
import threading
import zipfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from collection import ENGLISH, ITALIAN, photo

from colorlib import data
from colorlib.data import hubs
from colorlib.system.errors import DataError, WriteError

pytest.importorskip("kagglehub", reason="needs colorlib[hub]")
constants = pytest.importorskip("huggingface_hub.constants")
pyarrow = pytest.importorskip("pyarrow", reason="needs colorlib[hub]")
parquet = pytest.importorskip("pyarrow.parquet")


def serve(answer, port=0):
    """A server whose replies are ``answer(path)``: bytes, and headers; or None for "not found"."""
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            content, headers = answer(self.path) or (b"", {})
            self.send_response(200 if content else 404)
            for name, value in ({"Content-Length": str(len(content))} | headers).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_POST = do_HEAD = do_GET  # noqa: N815

        def log_message(self, *arguments):
            """Be quiet."""

    server = ThreadingHTTPServer(("localhost", port), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@pytest.fixture
def kaggle(monkeypatch):
    """Kaggle with one data set, of four photos of each animal; the port is the one its client knows for tests."""
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as file:
        for number, name in enumerate(ITALIAN):
            for i in range(4):
                file.writestr(f"raw-img/{name}/{i}.jpeg", photo(100 * number + i))

    def answer(path):
        if path.endswith("/GetDataset"):
            return json.dumps({"ref": "some/animals", "currentVersionNumber": 2}).encode(), {}
        return (archive.getvalue(), {}) if path.endswith("/DownloadDataset") else None

    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")
    server = serve(answer, 7777)
    yield
    server.shutdown()
    server.server_close()


@pytest.fixture
def hugging_face(monkeypatch):
    """Hugging Face with one data set: photos and labels as Parquet, the names of the classes in its metadata."""
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
            return json.dumps({"id": "some/animals", "sha": commit, "siblings": [{"rfilename": name}]}).encode(), {}
        if "/api/datasets/some/animals/tree/" in path:
            entry = {"type": "file", "oid": "1" * 40, "size": file.tell(), "path": name}
            return json.dumps([entry]).encode(), {"Content-Type": "application/json"}
        if path.endswith(name):
            return file.getvalue(), {"ETag": '"1"', "X-Repo-Commit": commit}
        return None

    server = serve(answer)
    here = f"http://localhost:{server.server_port}"                  # it reads HF_ENDPOINT only once, when imported
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE",
                        constants.HUGGINGFACE_CO_URL_TEMPLATE.replace(constants.ENDPOINT, here))
    monkeypatch.setattr(constants, "ENDPOINT", here)
    yield
    server.shutdown()
    server.server_close()


def test_kaggles_archive_arrives_and_is_loaded(kaggle, home):
    hubs.kaggle("some/animals", "animals10", home / "data")
    images = data.load("animals10", "train", 16)
    assert images.classes == tuple(sorted(ENGLISH))
    assert len(images) == 20


def test_hugging_faces_tables_become_class_folders(hugging_face, home):
    hubs.hugging_face("some/animals", "animals10", home / "data")
    images = data.load("animals10", "train", 16)
    assert images.classes == tuple(sorted(ENGLISH))
    assert len(images) == 20
    files = sorted((home / "data" / "animals10" / "Butterfly").iterdir())
    assert [file.read_bytes() for file in files] == [photo(i) for i in range(4)]
    assert {path.name for path in (home / "data" / "animals10").iterdir()} == {name.title() for name in ENGLISH}


@pytest.mark.parametrize(("fetch", "host"), [(hubs.kaggle, "Kaggle"), (hubs.hugging_face, "Hugging Face")])
def test_what_a_host_does_not_have_is_said_in_a_line(fetch, host, kaggle, hugging_face, home):
    with pytest.raises(DataError, match=f"{host} does not deliver animals10: .+") as caught:
        fetch("none/" + "such" * 20 if fetch is hubs.hugging_face else "none", "animals10", home / "data")
    assert "\n" not in str(caught.value)
    assert data.find("animals10") is None


def test_when_one_host_fails_the_other_delivers(hugging_face, home, monkeypatch):
    monkeypatch.delenv("COLORLIB_OFFLINE")
    monkeypatch.setenv("KAGGLE_API_ENVIRONMENT", "TEST")              # and nobody listens there
    dataset = data.DATASETS["animals10"]
    here = [lambda folder: hubs.kaggle("some/animals", "animals10", folder),
            lambda folder: hubs.hugging_face("some/animals", "animals10", folder)]
    monkeypatch.setitem(data.DATASETS, "animals10", type(dataset)(**vars(dataset) | {"downloads": tuple(here)}))
    assert len(data.load("animals10", "train", 16)) == 20
    assert not [*(home / "data").glob("*.part")], "what the first host began stays on the disk"


class Failing:
    """A client that fails in one of its ways."""

    def __init__(self, error):
        self.error = error

    def dataset_download(self, handle, output_dir, force_download):
        raise self.error


FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.mark.parametrize("error", [FULL, shutil.Error([("a", "b", str(FULL))]), RuntimeError(f"in the writer: {FULL}")])
def test_a_full_disk_is_no_reason_to_train_on_samples(error, home, monkeypatch):
    monkeypatch.delenv("COLORLIB_OFFLINE")
    monkeypatch.setattr(hubs, "import_module", lambda name: Failing(error))
    with pytest.raises(WriteError, match="the disk is full"):
        data.load("animals3", "train", 16)


def test_what_else_a_client_may_not_do_is_for_the_next_host(home, monkeypatch):
    monkeypatch.setattr(hubs, "import_module", lambda name: Failing(PermissionError(errno.EACCES, "kaggle.json")))
    with pytest.raises(DataError, match="Kaggle does not deliver animals3: .*kaggle.json"):
        hubs.kaggle("some/animals", "animals3", home / "data")


class Elsewhere:
    """A client that, as in Colab, leaves the data where they are."""

    def __init__(self, place):
        self.place = place

    def dataset_download(self, handle, output_dir, force_download):
        return str(self.place)


def test_where_the_data_lie_elsewhere_already_they_are_copied(home, tmp_path, monkeypatch):
    (tmp_path / "input" / "raw-img" / "cane").mkdir(parents=True)
    (tmp_path / "input" / "raw-img" / "cane" / "1.jpeg").write_bytes(photo(1))
    monkeypatch.setattr(hubs, "import_module", lambda name: Elsewhere(tmp_path / "input"))
    assert (hubs.kaggle("some/animals", "animals10", home / "data") / "raw-img" / "cane" / "1.jpeg").exists()
    shutil.rmtree(home / "data" / "animals10")
    (tmp_path / "nothing").mkdir()
    monkeypatch.setattr(hubs, "import_module", lambda name: Elsewhere(tmp_path / "nothing"))
    with pytest.raises(DataError, match="nothing came"):
        hubs.kaggle("some/animals", "animals10", home / "data")
    assert not (home / "data" / "animals10").exists()


def test_without_the_clients_it_says_what_to_install(home, monkeypatch):
    monkeypatch.setattr(hubs, "import_module", lambda name: (_ for _ in ()).throw(ImportError(name)))
    with pytest.raises(DataError, match=r"its client kagglehub is missing: pip install kagglehub"):
        hubs.kaggle("some/animals", "animals10", home / "data")
