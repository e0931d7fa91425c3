"""Make assignments for nbgrader from the exercises, with hidden tests: ``python notebooks/make_assignments.py``.

Exercises, checks, answers and hidden tests are cells with tags: ``exercise-1`` and ``check-1`` in a notebook, ``answer-1`` and
``hidden-1`` in its solutions. Each notebook becomes an assignment whose students' version has neither answers nor hidden tests.
"""

import copy
import os
import sys
from pathlib import Path

import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell

from colorlib.system import paths

CHECK_POINTS = 2          # given by nbgrader if the check and the hidden tests pass
SENTENCE_POINTS = 4       # given by hand: two for the guess, two for the sentence
SENTENCE = "*Your sentence: what did you guess, what did you find, why is it so, and what does it not show?*"
CONFIG = f"""\
c = get_config()
c.CourseDirectory.course_id = "colorlib"
c.ClearSolutions.code_stub = {{"python": ""}}        # the exercise has a place for the answer
c.ClearSolutions.text_stub = "{SENTENCE}"
c.ExecutePreprocessor.timeout = 3600        # seconds for a cell: those that train take minutes
"""


def tagged(notebook: NotebookNode, kind: str) -> dict[str, NotebookNode]:
    """The cells of a notebook with tags such as "answer-1": the number of the exercise -> a copy of the cell."""
    return {tag.rpartition("-")[2]: copy.deepcopy(cell) for cell in notebook.cells
            for tag in cell.metadata.get("tags", []) if tag.startswith(f"{kind}-")}


def source_notebook(notebook: NotebookNode, solutions: NotebookNode) -> NotebookNode:
    """The teacher's version of a notebook, as nbgrader reads it: each exercise with its answer and its hidden tests.

    An exercise without hidden tests, because it needs photos of the student's own, gets no points from nbgrader.
    """
    answers, hidden = tagged(solutions, "answer"), tagged(solutions, "hidden")
    source = copy.deepcopy(notebook)
    cells, source.cells = source.cells, []
    for cell in cells:
        kind, _, number = next((tag for tag in cell.metadata.get("tags", []) if tag.startswith(("exercise-", "check-"))), "").partition("-")
        if kind == "exercise":
            answer = answers[number].source if number in answers else ""
            cell.source += f"\n\n### BEGIN SOLUTION\n{answer}\n### END SOLUTION"
            _mark(cell, f"exercise-{number}", solution=True)
        if kind == "check":
            if number in hidden:
                cell.source += f"\n\n### BEGIN HIDDEN TESTS\n{hidden[number].source}\n### END HIDDEN TESTS"
            _mark(cell, f"check-{number}", CHECK_POINTS if number in hidden else 0, locked=True)
        source.cells.append(cell)
        if kind == "check":
            sentence = new_markdown_cell(SENTENCE, id=f"sentence-{number}")
            source.cells.append(_mark(sentence, f"sentence-{number}", SENTENCE_POINTS, solution=True))
    return source


def _mark(cell: NotebookNode, grade_id: str, points: int | None = None, solution: bool = False, locked: bool = False) -> NotebookNode:
    cell.metadata["nbgrader"] = {"grade_id": grade_id, "grade": points is not None, "solution": solution, "locked": locked, "task": False,
                                 "schema_version": 3} | ({} if points is None else {"points": points})
    return cell


def main(course: Path | None = None) -> int:
    """Write the sources of all assignments, and let nbgrader make the students' versions.

    Args:
        course: the folder of the nbgrader course, by default ``runs/assignments``.
    """
    from nbgrader.apps import NbGraderAPI  # imported here, since the extra "grade" is needed for nothing else
    from traitlets.config.loader import PyFileConfigLoader

    course = course or paths.runs_dir() / "assignments"
    course.mkdir(parents=True, exist_ok=True)
    (course / "nbgrader_config.py").write_text(CONFIG)
    config = PyFileConfigLoader("nbgrader_config.py", str(course)).load_config()
    config.CourseDirectory.root = str(course)
    # nbgrader starts the program alembic, which lies beside this Python, whether or not its environment is activated.
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    api = NbGraderAPI(config=config)
    failed = 0
    for path in sorted(Path(__file__).parent.glob("[0-9]*.ipynb")):
        notebook, solutions = (nbformat.read(file, as_version=4) for file in (path, path.parent / "solutions" / path.name))
        file = course / "source" / path.stem / path.name
        file.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(source_notebook(notebook, solutions), file)
        result = api.generate_assignment(path.stem, force=True, create=True)
        failed += not result["success"]
        print(f"{path.stem}: {'done' if result['success'] else result['log']}")
    print(f"\nFor students: {course / 'release'}\nWith answers and hidden tests: {course / 'source'}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
