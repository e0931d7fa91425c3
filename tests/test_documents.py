"""The documents are true: names, signatures, commands, and what an installation can run."""

import ast
import importlib.metadata
import inspect
import re
import shlex
import subprocess
import sys
import venv
from functools import reduce
from pathlib import Path

import nbformat
import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import colorlib as cl
from colorlib import cli

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [path for pattern in ("*.md", "docs/*.md", "data/*.md", "notebooks/*.md", "benchmarks/*.md", "colorlib/**/*.md")
             for path in sorted(ROOT.glob(pattern))]
NOTEBOOKS = sorted(ROOT.glob("notebooks/[0-9]*.ipynb"))
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
INSTALL = re.compile(r"pip install (?:-q )?\"(colorlib.*?)\"")
PUBLIC_FACE = {"load", "Recipe", "TrainConfig", "fit", "Run", "evaluate", "Colorizer", "load_weights", "save_weights",
               "color", "metrics", "plots"}


def code_of(path):
    """The code cells of a notebook, without magics."""
    cells = nbformat.read(path, as_version=4).cells
    source = "\n".join(cell.source for cell in cells if cell.cell_type == "code")
    return re.sub(r"^(\s*)%.*$", r"\1pass", source, flags=re.M)


def code_blocks(text):
    """The Python code in a document."""
    return re.findall(r"```python\n(.*?)```", text, re.S) + re.findall(r"(?:^    import colorlib.*\n(?:(?:    .*)?\n)*)", text, re.M)


def name_of(path):
    return str(path.relative_to(ROOT))


def test_the_readme_lists_the_public_face_with_its_signatures():
    rows = re.findall(r"^\| `cl\.(.+?)` \|", (ROOT / "README.md").read_text(), re.M)
    assert {re.match(r"\w+", row)[0] for row in rows} == PUBLIC_FACE
    for row in rows:
        expression = ast.parse(row, mode="eval").body
        assert hasattr(cl, re.match(r"\w+", row)[0])
        if isinstance(expression, ast.Name):
            assert inspect.ismodule(getattr(cl, expression.id))
            continue
        function = expression.func
        if isinstance(function, ast.Call):                       # Colorizer(weights)(image)
            called = getattr(cl, function.func.id)
            assert_same_signature(expression, list(inspect.signature(called.__call__).parameters.values())[1:])
            expression, function = function, function.func
        assert_same_signature(expression, inspect.signature(getattr(cl, function.id)).parameters.values())


def assert_same_signature(call, parameters):
    written = [(name.id, inspect.Parameter.empty) for name in call.args]
    written += [(keyword.arg, ast.literal_eval(keyword.value)) for keyword in call.keywords]
    actual = [(p.name, p.default) for p in parameters]
    assert [name for name, _ in written] == [name for name, _ in actual]
    for (name, default), (_, expected) in zip(written, actual, strict=True):
        assert default == expected or (repr(expected) == "<factory>" and default == {}), name


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_command_in_a_document_is_one_that_colorlib_accepts(path):
    lines = re.findall(r"^ *(?:    |.*-m )(colorlib (?:train|evaluate|colorize|ablate|data) .+)$",
                       path.read_text().replace("\\\n", " "), re.M)
    lines += re.findall(r"`(?:COLORLIB_\w+=\w+ )?(colorlib (?:train|evaluate|colorize|ablate|data) .+?)`", path.read_text())
    for line in lines:
        arguments = shlex.split(re.split(r"\s+#|[<>](?= )", line)[0])[1:]
        arguments = ["x" if argument == "NAME" else argument for argument in arguments]
        assert cli._parser().parse_args(arguments).run, line


@pytest.mark.parametrize("path", DOCUMENTS, ids=name_of)
def test_every_name_in_the_code_of_a_document_exists(path):
    for code in code_blocks(path.read_text()):
        tree = ast.parse(inspect.cleandoc(code))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                module = importlib.import_module(node.module)
                assert all(hasattr(module, alias.name) for alias in node.names), ast.unparse(node)
            elif isinstance(node, ast.Attribute) and re.fullmatch(r"cl(\.\w+)+", ast.unparse(node)):
                reduce(getattr, ast.unparse(node).split(".")[1:], cl)


@pytest.mark.parametrize("path", [*DOCUMENTS, *NOTEBOOKS], ids=name_of)
def test_links_to_sections_lead_to_headings(path):
    for target, section in re.findall(r"\]\(([^)#]*\.md)?#([^)]+)\)", path.read_text()):
        text = (path.parent / target if target else path).read_text()
        headings = {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", text, re.M)}
        assert section in headings, f"{target}#{section}"


def closure(requirement, root=None):
    """Names of all distributions that installing a requirement brings, by the metadata of what is installed here."""
    waiting, seen, names = [(requirement, root)], set(), set()
    while waiting:
        requirement, needed = waiting.pop()
        name = canonicalize_name(requirement.name)
        key = (name, frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        names.add(name)
        try:
            lines = needed if needed is not None else importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            pytest.skip(f"{name} is not installed here: make test installs it")
        for line in map(Requirement, lines):
            if line.marker is None or any(line.marker.evaluate({"extra": extra}) for extra in requirement.extras or {""}):
                waiting.append((line, None))
    return names


def environment(folder, text):
    """A virtual environment with exactly what ``pip install TEXT`` brings, as links to what is installed here."""
    requirement = Requirement(text)
    extras = PROJECT["optional-dependencies"]
    assert requirement.extras <= set(extras), f"{text} names an extra that does not exist"
    names = closure(requirement, PROJECT["dependencies"] + [line for extra in requirement.extras for line in extras[extra]])
    venv.create(folder, symlinks=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for name in names:
        distribution = importlib.metadata.distribution(name)
        for top in {file.parts[0] for file in distribution.files} - {"..", "__pycache__"}:
            if not (site / top).exists():
                (site / top).symlink_to(Path(distribution.locate_file(top)).resolve())
    (site / "colorlib.pth").write_text(f"{ROOT}\n")
    return folder / "bin" / "python"


def installs():
    """(document, what it installs, the code that it says to run next)"""
    every = [code_of(path) for path in NOTEBOOKS]
    for path in NOTEBOOKS:
        (text,) = INSTALL.findall("\n".join(cell.source for cell in nbformat.read(path, as_version=4).cells))
        yield pytest.param(text, [code_of(path)], id=name_of(path))
    for path in DOCUMENTS:
        for text in INSTALL.findall(path.read_text()):
            after = every if path.name == "TEACHING.md" else code_blocks(path.read_text())
            yield pytest.param(text, after, id=name_of(path))


def imports_of(code):
    """The imports of a piece of code, then the uses of ``cl.NAME``, which import a module when first used."""
    nodes = list(ast.walk(ast.parse(inspect.cleandoc(code))))
    uses = {ast.unparse(node) for node in nodes if isinstance(node, ast.Attribute)}
    return ([ast.unparse(node) for node in nodes if isinstance(node, ast.Import | ast.ImportFrom)]
            + sorted(use for use in uses if re.fullmatch(r"cl(\.\w+)+", use)))


@pytest.mark.parametrize(("requirement", "codes"), installs())
def test_an_installation_has_all_that_the_document_imports_next(requirement, codes, tmp_path):
    python = environment(tmp_path / "venv", requirement)
    lines = [line for code in codes for line in imports_of(code)]
    done = subprocess.run([python, "-c", "\n".join(lines)], capture_output=True, text=True, check=False, cwd=tmp_path)
    assert done.returncode == 0, done.stderr


def test_the_install_for_a_hub_can_grade_a_notebook(tmp_path):
    text = (ROOT / "notebooks" / "TEACHING.md").read_text()
    python = environment(tmp_path / "venv", INSTALL.search(text)[1])
    command = shlex.split(re.search(r"^    .*pytest (.+) hand-in.ipynb$", text, re.M)[1])
    cell = nbformat.v4.new_code_cell("import colorlib as cl, matplotlib.pyplot, pandas\nassert cl.__version__")
    for name, source in {"right": cell.source, "wrong": "1 / 0"}.items():
        nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source)]), tmp_path / f"{name}.ipynb")
        done = subprocess.run([python, "-m", "pytest", *command, f"{name}.ipynb"], capture_output=True, text=True,
                              check=False, cwd=tmp_path)
        assert done.returncode == (name == "wrong"), done.stdout + done.stderr
