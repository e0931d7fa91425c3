"""All notebooks on a GPU, in the budget "course": ``pytest -s tests/test_course_on_gpu.py`` shows the seconds of each.

With the data in ``COLORLIB_DATA``, or else with the embedded samples.
"""

import re
import time
from pathlib import Path

import nbformat
import psutil
import pytest
import run_course as course
import torch

NOTEBOOKS = sorted(Path(course.__file__).parent.glob("0*.ipynb"))
TRAINS = re.compile(r"cl\.fit\(|cl\.study\.repeat\(")
WHERE = re.compile(r"to validate; \w+, ([^,]+), \d+ process")              # in the line that fit prints

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU that torch can use")


@pytest.fixture(scope="module")
def course_home(tmp_path_factory):
    """A home for all notebooks: they share prepared data, as a reader's do."""
    return tmp_path_factory.mktemp("course")


@pytest.fixture
def out(course_home, monkeypatch):
    """Folder for the executed notebooks, in an environment whose kernels run the budget "course"."""
    monkeypatch.setenv("COLORLIB_HOME", str(course_home))
    monkeypatch.setenv("COLORLIB_BUDGET", "course")
    monkeypatch.setenv("COLORLIB_OFFLINE", "1")
    # conftest.py removes COLORLIB_DATA from os.environ; psutil reads the environment that this process was started with.
    if folder := psutil.Process().environ().get("COLORLIB_DATA"):
        monkeypatch.setenv("COLORLIB_DATA", str(Path(folder).resolve()))
    return course_home / "executed"


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_a_notebook_runs_and_trains_on_the_gpu(notebook, out):
    start = time.monotonic()
    failure = course.run(notebook, out)
    print(f"\n{notebook.stem}: {time.monotonic() - start:.0f} s in the budget \"course\", on {torch.cuda.get_device_name()}")
    assert failure is None
    cells = nbformat.read(out / notebook.name, as_version=4).cells
    sources = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    printed = "".join(output.get("text", "") for cell in cells for output in cell.get("outputs", []))
    devices = WHERE.findall(printed)
    assert bool(devices) == bool(TRAINS.search(sources)), "which notebooks train, and the line of fit, are known here"
    assert all(device.startswith("cuda") for device in devices), devices
