"""Assignments: answers pass the checks and the hidden tests, exercises without an answer do not, and nbgrader gives the points."""

import copy
import shutil
import subprocess
import sys
from pathlib import Path

import make_assignments
import nbformat
import pytest
from nbclient import NotebookClient
from nbformat.v4 import new_code_cell

NOTEBOOKS = Path(make_assignments.__file__).parent
NAMES = sorted(path.stem for path in NOTEBOOKS.glob("[0-9]*.ipynb"))


def read(name):
    return tuple(nbformat.read(folder / f"{name}.ipynb", as_version=4) for folder in (NOTEBOOKS, NOTEBOOKS / "solutions"))


@pytest.mark.parametrize("name", NAMES)
def test_hidden_tests_refuse_what_is_not_solved_and_accept_the_answers(name):
    """In the notebook itself: each hidden test runs before the answer, and again after it."""
    notebook, solutions = read(name)
    exercises, answers, hidden = (make_assignments.tagged(*pair) for pair in
                                  ((notebook, "exercise"), (solutions, "answer"), (solutions, "hidden")))
    assert set(hidden) <= set(answers) <= set(exercises) == {"1", "2", "3"}
    assert len(hidden) >= 2
    cells, unsolved = [], []
    for cell in notebook.cells:
        tags = cell.metadata.get("tags", [])
        number = next((tag[-1] for tag in tags if tag.startswith("check-")), None)
        if number in hidden:
            unsolved.append(new_code_cell(hidden[number].source, metadata={"tags": ["raises-exception"]}))
            cells += [copy.deepcopy(cell), unsolved[-1], answers[number]]
        cells.append(cell)
        if number in hidden:
            cells.append(hidden[number])
    notebook.cells = cells
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": NOTEBOOKS}}).execute()
    assert len(unsolved) == len(hidden)
    for cell in unsolved:
        assert any(output.output_type == "error" for output in cell.outputs), f"passes without an answer: {cell.source}"


def test_nbgrader_gives_the_points_to_answers_alone(tmp_path):
    from nbgrader.api import Gradebook  # imported here, since it is slow

    assert make_assignments.main(tmp_path) == 0
    name = NAMES[0]
    release, source = (tmp_path / kind / name / f"{name}.ipynb" for kind in ("release", "source"))
    assert "Hidden tests" in source.read_text() and "Hidden tests" not in release.read_text()
    assert "blue_fraction(ab, labels, label)" in release.read_text() and "-10).float()" not in release.read_text()
    for student, handed_in in {"lazy": release, "diligent": source}.items():
        folder = tmp_path / "submitted" / student / name
        folder.mkdir(parents=True)
        shutil.copy(handed_in, folder)
    done = subprocess.run([sys.executable, "-m", "nbgrader", "autograde", name], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    with Gradebook(f"sqlite:///{tmp_path / 'gradebook.db'}") as gradebook:
        scores = {student: gradebook.find_submission(name, student).score for student in ("lazy", "diligent")}
    assert scores == {"lazy": 0, "diligent": 6}
