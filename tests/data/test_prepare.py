"""Preparing a collection, killed and started again, by two at once, and in little memory."""

import shutil
import subprocess
import sys
import warnings

import pytest
from collection import fill, listed, photo

from colorlib import data
from colorlib.data import prepare as preparing
from colorlib.system import paths

KILL = """
import os, signal
from colorlib import data
from colorlib.data import decode as decoding
from colorlib.data import readers
from colorlib.data import survey
count = iter(range(10**6))
def decode(*arguments):
    next(count) == {when} and os.kill(os.getpid(), signal.SIGKILL)
    return decoding.decode(*arguments)
readers.decode = survey.decode = decode
data.load("animals10", "train", 16, root={root!r})
"""


@pytest.mark.parametrize("when", [70, 140])
def test_a_killed_preparation_goes_on_where_it_was(when, animals, home, capsys):
    """Killed while looking at the files, and while the array is written: nothing is done twice."""
    script = KILL.format(when=when, root=str(animals))
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, check=False)
    assert killed.returncode == -9, killed.stderr
    logged = [line for file in paths.cache_dir().rglob("inspected.jsonl") for line in file.read_text().splitlines()]
    rows = [file.stat().st_size // 8 for file in paths.cache_dir().rglob("groups.bin")]
    left = 100 - sum('"format": "JPEG"' in line for line in logged) + 80 if when == 70 else 80 - rows[0]
    again = KILL.format(when=10**6, root=str(animals)) + "print(next(count))"
    second = subprocess.run([sys.executable, "-c", again], capture_output=True, text=True, check=True)
    assert int(second.stdout.split()[-1]) in (left, left + 1), "the row that broke off is made again"
    assert left < (180 if when == 70 else 80)
    interrupted = data.load("animals10", "train", 16, root=animals).digest
    shutil.rmtree(paths.cache_dir())
    assert data.load("animals10", "train", 16, root=animals).digest == interrupted
    assert not list(paths.cache_dir().glob("*.partial"))


def test_a_stopped_preparation_leaves_warnings_as_they_were(animals, home, monkeypatch):
    """Though the traceback, as a notebook keeps it, still holds all that was open."""
    def stopped(*arguments):
        raise KeyboardInterrupt

    before = list(warnings.filters)
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt) as kept:
        patch.setattr(preparing.np, "int64", stopped)
        data.load("animals10", "train", 16, root=animals)
    assert warnings.filters == before
    assert kept.tb


def test_half_written_rows_and_lines_are_written_again(animals, home):
    """The array and the table as a kill may leave them: half a row, half a line."""
    digest = data.load("animals10", "train", 16, root=animals).digest
    (array,), (table,) = (list(paths.cache_dir().glob(f"animals10-{kind}-*/")) for kind in ("train", "files"))
    before = listed()
    (array / "meta.json").unlink()
    (table / "prepared.csv").unlink()
    for file, half in [(array / "rgb.bin", b"half a row"), (table / "inspected.jsonl", b'[{"file": "ca')]:
        with file.open("ab") as opened:
            opened.write(half)
    for folder in (array, table):
        folder.rename(folder.with_name(f"{folder.name}.partial"))
    assert data.load("animals10", "train", 16, root=animals).digest == digest
    assert listed() == before


def test_two_processes_at_once_prepare_one_copy(animals, home):
    script = f"from colorlib import data; print(data.load('animals10', 'train', 16, root={str(animals)!r}).digest)"
    both = [subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    first, second = (process.communicate()[0].split()[-1] for process in both)
    assert first == second
    assert len(list(paths.cache_dir().glob("*/prepared.csv"))) == 1


def test_preparing_many_and_large_photos_takes_little_memory(tmp_path, home):
    """Also with photos of 48 megapixels among them: 300 MiB above what the imports take."""
    fill(tmp_path / "many" / "cat", 300)
    for i in range(2):
        (tmp_path / "many" / "cat" / f"large {i}.jpeg").write_bytes(photo(1000 + i, (8000, 6000)))
        (tmp_path / "many" / "cat" / f"large {i}.png").write_bytes(photo(2000 + i, (6000, 5000), "PNG"))
    (tmp_path / "many" / "cat" / "large.webp").write_bytes(photo(3000, (4000, 3000), "WEBP"))
    script = ("import resource\nfrom colorlib import data, color\nfrom colorlib.data import survey\nimport torch\n"
              "color.rgb_to_lab(torch.rand(3, 8, 8))\n"
              "used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\nbefore = used()\n"
              f"print(len(data.load('folder', 'train', 64, root={str(tmp_path / 'many')!r})))\n"
              "print((used() - before) / 1024)\n")
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    count, more = done.stdout.split()[-2:]
    assert int(count) == 305 - 2 * 30
    assert float(more) < 300
