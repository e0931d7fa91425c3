"""Agreement between the files of the project: requirements, notebooks, links."""

import re
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(ROOT.glob("notebooks/[0-9]*.ipynb"))
SOLUTIONS = sorted(ROOT.glob("notebooks/solutions/*.ipynb"))
TEXTS = [path for pattern in ("*.md", "[bcdn]*/*.md", "colorlib/*/*/*.md") for path in sorted(ROOT.glob(pattern))]
WIDGET = "application/vnd.jupyter.widget-view+json"
PYPROJECT = (ROOT / "pyproject.toml").read_text()


def requirements(lines):
    return {canonicalize_name(Requirement(line).name): str(Requirement(line).specifier) for line in lines}


def test_environment_yml_and_pyproject_agree():
    names = ("dependencies", "hub", "heic", "scans", "video", "measures", "cluster", "app", "grade", "test", "dev")
    lists = [re.search(rf"{name} = \[(.*?)\]", PYPROJECT, re.S)[1] for name in names]
    expected = requirements(re.findall(r'"(.+?)"', "".join(lists)))
    expected["python"] = re.search(r'requires-python = "(.+?)"', PYPROJECT)[1]
    listed = re.findall(r"^  - (\w[\w-]*[>=].*)$", (ROOT / "environment.yml").read_text(), re.M)
    conda = requirements(line.replace("pytorch", "torch", 1).replace("opencv", "opencv-python-headless") for line in listed)
    assert conda == expected


def test_nothing_is_pinned_to_one_version():
    quoted = re.findall(r'"([\w-]+)((?:[<>=~!]=?[\d.]+,?)+)"', PYPROJECT)
    assert quoted
    assert all(specifier.startswith(">=") and "<" not in specifier for _, specifier in quoted)


@pytest.mark.parametrize("path", NOTEBOOKS + SOLUTIONS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_notebook_is_executed_from_top_to_bottom_without_errors(path):
    cells = nbformat.read(path, as_version=4).cells
    for cell in cells:
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            assert output.get("name") != "stderr" or "Warning" not in output.text, output.text
            assert not re.search(r"(?<![\w.:/])/(home|root|tmp|work|Users|mnt)/", str(output)), "a path of one machine"
    counts = [cell.execution_count for cell in cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "run all cells from top to bottom before you save the notebook"


@pytest.mark.parametrize("path", NOTEBOOKS + SOLUTIONS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_notebook_runs_on_any_device(path):
    """A trained network may be on a GPU: cells use ``run.output`` and ``run.colorize``, which take pictures on the CPU."""
    code = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
    assert not re.search(r"(?<!self)\.(last|best|model|network)\(|\.cuda\(|\.to\(.*device", code)


@pytest.mark.parametrize("path", NOTEBOOKS + SOLUTIONS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_notebook_imports_the_public_face_and_two_names_at_most_from_one_level_deeper(path):
    code = "\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code")
    assert code.count("import colorlib as cl") == 1
    assert "torch" not in code[:code.index("import colorlib as cl")], "colorlib sets how torch's threads wait, before torch is imported"
    deeper = re.findall(r"^from colorlib\.\w+ import (.+)$", code, re.M)
    assert len(re.findall(r"^\s*(?:from|import) colorlib", code, re.M)) == 1 + len(deeper), "one level deeper, no more"
    assert len([name for names in deeper for name in names.split(",")]) <= 2


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_every_stored_picture_has_a_caption_and_an_alternative_text(path):
    for number, cell in enumerate(nbformat.read(path, as_version=4).cells):
        kinds = [set(output.get("data", {})) for output in cell.get("outputs", [])]
        if any(kind & {"image/png", "image/jpeg"} and not kind & {"text/html", WIDGET} for kind in kinds):
            texts = cell.metadata.get("mystnb", {})
            assert texts.get("figure", {}).get("caption"), f"cell {number}: {cell.source[:60]}"
            assert texts.get("image", {}).get("alt"), f"cell {number}: {cell.source[:60]}"


def test_every_notebook_has_a_solution():
    assert {path.name for path in NOTEBOOKS} <= {path.name for path in SOLUTIONS}


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_colab_and_binder_open_the_notebook_itself(path):
    repository = re.search(r'Repository = "https://github.com/(.+?)"', PYPROJECT)[1]
    first_cell = nbformat.read(path, as_version=4).cells[0].source
    assert f"colab.research.google.com/github/{repository}/blob/main/notebooks/{path.name}" in first_cell
    assert f"binder.org/v2/gh/{repository}/main?urlpath=lab%2Ftree%2Fnotebooks%2F{path.name}" in first_cell


def test_links_between_files_lead_to_files():
    for path in [*NOTEBOOKS, *SOLUTIONS, *TEXTS]:
        for target in re.findall(r"\]\(([^)#]+?)\)", path.read_text()):
            if not target.startswith("http"):
                assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_every_picture_has_a_description():
    for path in [*NOTEBOOKS, *SOLUTIONS, *TEXTS]:
        for description, target in re.findall(r"!\[(.*?)\]\(([^)]+)\)", path.read_text()):
            assert len(description.split()) >= 3, f"{path.name} shows {target} without a description"
