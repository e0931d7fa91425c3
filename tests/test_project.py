"""The project as a whole: what its files promise one another."""

import ast
import re
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOKS = sorted(ROOT.glob("notebooks/[0-9]*.ipynb"))
SOLUTIONS = sorted(ROOT.glob("notebooks/solutions/*.ipynb"))
PYPROJECT = (ROOT / "pyproject.toml").read_text()

# Data flows one way: a file imports only what stands before it.
LAYERS = ["paths", "budget", "errors", "writing", "interrupt", "cgroups", "memory", "processor", "processes",
          "estimate_footprint", "color", "bins", "cache", "parallel", "files", "exif", "decoding", "encoding", "likeness",
          "splits", "survey", "download", "hubs", "images", "classifier", "features", "perception", "sources",
          "photos", "catalog", "preparing", "data", "models", "objectives", "recipe", "checkpoints", "pretrained",
          "fullsize", "colorizer", "coloring", "metrics", "probes", "evaluation", "report", "optimizers", "config",
          "runs", "identity", "trainer", "training", "ablation", "tables", "claims", "report_claims", "verdicts",
          "finetuning", "figures", "bin_figures", "network_figure", "study_figures", "result_figures", "widgets",
          "studio", "course", "cli"]


def requirements(lines):
    return {Requirement(line).name: str(Requirement(line).specifier) for line in lines}


def test_environment_yml_and_pyproject_agree():
    names = ("dependencies", "hub", "heic", "measures", "cluster", "app", "dev")
    lists = [re.search(rf"{name} = \[(.*?)\]", PYPROJECT, re.S)[1] for name in names]
    ours = requirements(re.findall(r'"(.+?)"', "".join(lists)))
    ours["python"] = re.search(r'requires-python = "(.+?)"', PYPROJECT)[1]
    listed = re.findall(r"^  - (\w[\w-]*[>=].*)$", (ROOT / "environment.yml").read_text(), re.M)
    conda = requirements(line.replace("pytorch", "torch", 1) for line in listed)
    assert conda == ours


def test_nothing_is_pinned_to_one_version():
    quoted = re.findall(r'"([\w-]+)((?:[<>=~!]=?[\d.]+,?)+)"', PYPROJECT)
    assert quoted
    assert all(specifier.startswith(">=") and "<" not in specifier for _, specifier in quoted)


def test_a_lower_file_never_imports_a_higher_one():
    files = {path.stem: path for path in (ROOT / "colorlib").glob("[a-z]*.py")}
    assert set(files) == set(LAYERS)
    for name, path in files.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("colorlib"):
                below = [node.module.split(".")[1]] if "." in node.module else [alias.name for alias in node.names]
                for other in below:
                    assert LAYERS.index(other) < LAYERS.index(name), f"{name} imports {other}"


def test_the_readme_says_what_each_file_is_for():
    readme = (ROOT / "README.md").read_text()
    assert all(f"(colorlib/{name}.py)" in readme for name in LAYERS)


def test_files_are_one_idea_long():
    for path in [*ROOT.glob("colorlib/*.py"), *ROOT.glob("benchmarks/*.py"), *ROOT.glob("tests/*.py")]:
        assert len(path.read_text().splitlines()) <= 250, path
        assert path.read_text().startswith('"""'), path


def test_a_function_does_one_thing():
    for path in [*ROOT.glob("colorlib/*.py"), *ROOT.glob("benchmarks/*.py"), *ROOT.glob("tests/*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef):
                assert node.end_lineno - node.lineno < 40, f"{path.name}: {node.name}"


@pytest.mark.parametrize("path", NOTEBOOKS + SOLUTIONS, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_a_notebook_has_short_cells_and_real_outputs(path):
    cells = nbformat.read(path, as_version=4).cells
    for cell in cells:
        assert cell.cell_type != "code" or len(cell.source.splitlines()) <= 15, cell.source
        for output in cell.get("outputs", []):
            assert output.output_type != "error"
            assert output.get("name") != "stderr" or "Warning" not in output.text, output.text
            assert not re.search(r"(?<![\w.:/])/(home|root|tmp|work|Users|mnt)/", str(output)), "a path of one machine"
    counts = [cell.execution_count for cell in cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1)), "run it from top to bottom before you store it"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_lesson_opens_and_ends_as_all_do(path):
    cells = nbformat.read(path, as_version=4).cells
    repository = re.search(r'Repository = "https://github.com/(.+?)"', PYPROJECT)[1]
    first, last = cells[0].source, cells[-1].source
    assert f"colab.research.google.com/github/{repository}/blob/main/notebooks/{path.name}" in first
    assert f"git+https://github.com/{repository}" in cells[2].source + cells[1].source
    assert all(words in first for words in ("You will learn", "**You need**", "**It takes**", "](TEACHING.md)"))
    assert all(words in last for words in ("## What we found", "## Exercises", f"solutions/{path.name}"))
    assert re.findall(r"^\d\. \*(.+?)\.\*", last, re.M) == ["Warm-up", "Core", "Stretch"]
    assert path.name in {solution.name for solution in SOLUTIONS}
    for other in {*NOTEBOOKS} - {path}:
        assert f"]({other.name})" in first.split("You will learn")[0], f"no way from {path.name} to {other.name}"
    assert "](GLOSSARY.md)" in first
    assert f"binder.org/v2/gh/{repository}/main?urlpath=lab%2Ftree%2Fnotebooks%2F{path.name}" in first


def test_a_word_of_the_glossary_is_in_the_notebook_that_explains_it():
    glossary = (ROOT / "notebooks" / "GLOSSARY.md").read_text()
    entries = re.findall(r"^- (.+) \[\d\]\((.+)\)$", glossary, re.MULTILINE)
    assert len(entries) > 25
    for entry, notebook in entries:
        cells = nbformat.read(ROOT / "notebooks" / notebook, as_version=4).cells
        text = _letters(" ".join(cell.source for cell in cells))
        for word in re.findall(r"\*\*(.+?)\*\*", entry):
            assert _letters(word) in text, f"{notebook} says nothing of {word}"


def test_links_between_files_lead_somewhere():
    folders = (ROOT, ROOT / "notebooks", ROOT / "data", ROOT / "colorlib" / "weights")
    texts = [path for folder in folders for path in folder.glob("*.md")]
    for path in [*NOTEBOOKS, *SOLUTIONS, *texts]:
        for target in re.findall(r"\]\(([^)#]+?)\)", path.read_text()):
            if not target.startswith("http"):
                assert (path.parent / target).exists(), f"{path.name} links to {target}"


def test_a_picture_is_told_to_those_who_do_not_see_it():
    for path in [*NOTEBOOKS, *SOLUTIONS, *ROOT.glob("*.md"), *ROOT.glob("[bcdn]*/*.md"), *ROOT.glob("colorlib/*/*.md")]:
        for words, target in re.findall(r"!\[(.*?)\]\(([^)]+)\)", path.read_text()):
            assert len(words.split()) >= 3, f"{path.name} shows {target} without words"


def _letters(text):
    return re.sub(r"\W+", " ", text).lower()
