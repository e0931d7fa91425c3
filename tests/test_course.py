"""`make course`, with notebooks of one cell."""

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import psutil
import pytest
import run_course as course


@pytest.fixture
def notebook(tmp_path):
    """Function that makes a notebook of one cell from its source."""
    def make(source):
        content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        nbformat.write(content, tmp_path / "01_test.ipynb")
        return tmp_path / "01_test.ipynb"
    return make


def test_a_notebook_runs_in_its_folder_and_is_saved_as_notebook_and_page(notebook, tmp_path):
    path = notebook("import os; print(os.getcwd(), 6 * 7)")
    before = path.read_bytes()
    assert course.run(path, tmp_path / "out") is None
    assert path.read_bytes() == before, "the course must not change the notebooks"
    (cell,) = nbformat.read(tmp_path / "out" / path.name, as_version=4).cells
    assert cell.outputs[0].text == f"{tmp_path} 42\n"
    assert f"{tmp_path} 42" in (tmp_path / "out" / "01_test.html").read_text()


def test_dividers_move_on_the_page(notebook, tmp_path):
    source = "import torch, colorlib as cl; cl.plots.compare_slider(torch.zeros(1, 1, 8, 8), torch.ones(1, 3, 8, 8), torch.ones(1, 3, 8, 8))"
    assert course.run(notebook(source), tmp_path) is None
    assert '<div id="swipe-' in (tmp_path / "01_test.html").read_text()


def test_a_failing_cell_is_reported_and_saved(notebook, tmp_path):
    assert course.run(notebook("1 / 0"), tmp_path) == "ZeroDivisionError: division by zero"
    assert "ZeroDivisionError" in (tmp_path / "01_test.html").read_text()


def test_the_notebooks_run_in_order_and_a_failure_stops_none(tmp_path, monkeypatch, capsys, home):
    (tmp_path / "notebooks").mkdir()
    for name, source in {"02_b": "1 / 0", "01_a": "x = 1", "03_c": "x = 2", "draft": "1 / 0"}.items():
        content = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)])
        nbformat.write(content, tmp_path / "notebooks" / f"{name}.ipynb")
    assert course.main(tmp_path / "notebooks") == 1
    out = capsys.readouterr().out
    assert re.search(r"1/3 01_a ... done, .*\n2/3 02_b ... ZeroDivisionError.*\n3/3 03_c ... done", out)
    assert {path.name for path in (home / "runs" / "course").glob("*.html")} == {"01_a.html", "02_b.html", "03_c.html"}
    (tmp_path / "notebooks" / "02_b.ipynb").unlink()
    assert course.main(tmp_path / "notebooks") == 0


def test_a_folder_without_notebooks_is_an_error(tmp_path, monkeypatch, capsys):
    assert course.main(tmp_path / "notebooks") == 1
    assert "there are no notebooks in" in capsys.readouterr().err


def test_a_killed_kernel_is_reported(notebook, tmp_path):
    assert "memory" in course.run(notebook("import os, signal; os.kill(os.getpid(), signal.SIGKILL)"), tmp_path)


def test_ctrl_c_ends_the_course_with_one_line(notebook, tmp_path):
    notebook("from pathlib import Path; import os, time; Path('pid').write_text(str(os.getpid())); time.sleep(100)")
    script = ("import sys; from pathlib import Path; import run_course as course; "
              f"sys.exit(course.main(Path({str(tmp_path / 'notebooks')!r})))")
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "01_test.ipynb").rename(tmp_path / "notebooks" / "01_test.ipynb")
    environment = os.environ | {"COLORLIB_HOME": str(tmp_path / "home"), "PYTHONPATH": str(Path(course.__file__).parent)}
    running = subprocess.Popen([sys.executable, "-c", script], env=environment, stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE, text=True)
    pid = tmp_path / "notebooks" / "pid"
    for _ in range(300):
        if pid.exists() and pid.read_text():
            break
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    out, errors = running.communicate(timeout=60)
    assert (running.returncode, out) == (1, "1/1 01_test ... interrupted\n"), errors
    assert "Traceback" not in errors
    assert not psutil.pid_exists(int(pid.read_text())), "the kernel still runs"
