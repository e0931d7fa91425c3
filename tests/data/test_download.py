"""Downloads from a small server on this machine that drops, stalls, cheats and refuses."""

import hashlib
import subprocess
import threading
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from colorlib.data.download import Download, fetch
from colorlib.system.errors import DataError, WriteError

CONTENT = np.random.default_rng(0).bytes(300_000)


class Host(BaseHTTPRequestHandler):
    """Each path is a host with another habit; ``asked`` records the first byte that every request asked for."""

    asked: list[tuple[str, int]]
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        start = int(self.headers.get("Range", "bytes=0-")[6:-1])
        habit = self.path[1:]
        first_time = habit not in [path for path, _ in self.asked]
        self.asked.append((habit, start))
        body = CONTENT if habit == "no-ranges" else CONTENT[start:]
        if habit == "refuses":
            return self.send_error(503)
        if start >= len(CONTENT):
            return self.send_error(416)
        if habit == "lies":
            body = bytes(len(body))
        self.send_response(206 if start and habit != "no-ranges" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if habit == "drops" or (habit in ("drops-once", "no-ranges") and first_time):
            self.wfile.write(body[:len(body) // 2])
            self.close_connection = True
        elif habit == "stalls":
            self.wfile.write(body[:len(body) // 2])
            self.wfile.flush()
            time.sleep(3)
            self.close_connection = True
        elif habit == "trickles":
            for i in range(0, len(body), 1000):
                self.wfile.write(body[i:i + 1000])
                time.sleep(0.01)
        else:
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass

    def handle(self):
        with suppress(ConnectionError):                       # the client may leave a host that is too slow
            super().handle()


@pytest.fixture
def server():
    handler = type("Handler", (Host,), {"asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        running.daemon_threads, running.block_on_close = True, False
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture
def download_from(server):
    """Habits -> a download that tries hosts with these habits in turn."""
    def make(*habits):
        urls = tuple(f"http://127.0.0.1:{server.server_port}/{habit}" for habit in habits)
        return Download("file.bin", hashlib.md5(CONTENT).hexdigest(), urls)
    return make


def test_a_good_host_delivers_and_is_asked_once(download_from, server, tmp_path):
    for _ in range(2):
        assert fetch(download_from("good"), tmp_path).read_bytes() == CONTENT
    assert server.RequestHandlerClass.asked == [("good", 0)]
    assert not list(tmp_path.glob("*.part"))


def test_a_dropped_connection_is_resumed_where_it_broke(download_from, server, tmp_path):
    assert fetch(download_from("drops-once"), tmp_path).read_bytes() == CONTENT
    (_, first), (_, second) = server.RequestHandlerClass.asked
    assert first == 0
    assert len(CONTENT) // 4 < second <= len(CONTENT) // 2              # half was sent; a last chunk may be lost


def test_another_host_continues_what_a_dropping_one_began(download_from, server, tmp_path):
    assert fetch(download_from("drops", "good"), tmp_path).read_bytes() == CONTENT
    name, start = server.RequestHandlerClass.asked[-1]
    assert name == "good"
    assert start > len(CONTENT) // 2


def test_a_stalled_host_is_left_for_the_next(download_from, server, tmp_path):
    assert fetch(download_from("stalls", "good"), tmp_path, timeout=0.3).read_bytes() == CONTENT
    assert server.RequestHandlerClass.asked[-1][0] == "good"


def test_a_slow_host_is_left_for_the_next_but_the_last_has_all_the_time(download_from, server, tmp_path, monkeypatch):
    monkeypatch.setattr("colorlib.data.download.PATIENCE", 0.2)
    assert fetch(download_from("trickles", "good"), tmp_path).read_bytes() == CONTENT
    assert [name for name, _ in server.RequestHandlerClass.asked] == ["trickles", "good"]
    (tmp_path / "file.bin").unlink()
    assert fetch(download_from("trickles"), tmp_path).read_bytes() == CONTENT


def test_wrong_bytes_are_deleted_and_the_next_host_starts_afresh(download_from, server, tmp_path):
    assert fetch(download_from("lies", "good"), tmp_path).read_bytes() == CONTENT
    assert server.RequestHandlerClass.asked == [("lies", 0), ("good", 0)]


def test_a_host_that_cannot_continue_starts_over(download_from, tmp_path):
    assert fetch(download_from("no-ranges"), tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("have", [1000, len(CONTENT)])
def test_a_part_from_an_earlier_session_is_continued(have, download_from, server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(CONTENT[:have])
    assert fetch(download_from("good"), tmp_path).read_bytes() == CONTENT
    assert server.RequestHandlerClass.asked == [("good", have)]


def test_a_part_of_wrong_bytes_does_not_spoil_a_good_host(download_from, server, tmp_path):
    (tmp_path / "file.bin.part").write_bytes(bytes(1000))
    assert fetch(download_from("good"), tmp_path).read_bytes() == CONTENT
    assert server.RequestHandlerClass.asked == [("good", 1000), ("good", 0)]


def test_a_folder_that_cannot_be_made_is_told(download_from, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(WriteError, match="cannot write in .*file"):
        fetch(download_from("good"), tmp_path / "file")


def test_when_all_fail_each_reason_is_told_and_the_part_is_kept(download_from, tmp_path):
    with pytest.raises(DataError) as error:
        fetch(download_from("refuses", "lies", "drops"), tmp_path)
    text = str(error.value)
    assert all(word in text for word in ("/refuses: HTTP 503", "/lies: wrong checksum", "/drops: the connection broke"))
    assert f"put the file into {tmp_path}" in text
    assert 0 < (tmp_path / "file.bin.part").stat().st_size < len(CONTENT)
    assert not (tmp_path / "file.bin").exists()


def test_no_network_is_told(tmp_path):
    with pytest.raises(DataError, match="no connection"):
        fetch(Download("file.bin", "0" * 32, ("http://127.0.0.1:9/nobody-listens",)), tmp_path)


def test_a_full_disk_is_told(download_from, tmp_path):
    small = tmp_path / "small"
    small.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", small]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("only root can mount a small disk")
    try:
        with pytest.raises(WriteError, match="the disk is full"):
            fetch(download_from("good"), small)
        assert not (small / "file.bin").exists()
    finally:
        subprocess.run(["umount", small], check=True)
