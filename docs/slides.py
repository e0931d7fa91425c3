"""Slides of the notebooks: ``make slides`` writes a page for each, which runs without a network and without a kernel.

A section of a notebook is a column of slides: its heading, then each text with the code and the outputs that follow. Long code is
left out where it draws a picture. The tag "skip-slide" leaves a cell out, "new-slide" begins another slide with it.
"""

import argparse
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import nbformat
import sphinx_revealjs
from latex2mathml.converter import convert
from nbconvert import SlidesExporter
from nbformat import NotebookNode
from nbformat.v4 import new_markdown_cell
from traitlets.config import Config

FOLDER = Path(__file__).resolve().parent
REVEAL = Path(sphinx_revealjs.__file__).parent / "_static" / "revealjs"
NAVIGATION = re.compile(r"^\[(?:!\[|1 · ).*$", re.M)            # badges, and links to the other notebooks
LONG = 6             # lines of code
FORMULA = re.compile(r"\$\$(.+?)\$\$|\$([^$\n]+)\$", re.S)


def slides_of(notebook: NotebookNode) -> NotebookNode:
    """Notebook whose cells say which slide they are on, from the cells of a notebook, which change."""
    cells = [piece for cell in notebook.cells if "google.colab" not in cell.source for piece in _pieces(cell)]
    for cell in cells:
        cell.metadata["slideshow"] = {"slide_type": _slide_type(cell)}
    return nbformat.v4.new_notebook(cells=cells, metadata=notebook.metadata)


def _pieces(cell: NotebookNode) -> Iterator[NotebookNode]:
    """A text cell, cut before each heading of a section, with formulas as MathML; any other cell as it is."""
    if cell.cell_type != "markdown":
        drawn = any("image" in kind or "html" in kind for output in cell.outputs for kind in output.get("data", {}))
        cell.metadata["transient"] = {"remove_source": drawn and cell.source.count("\n") >= LONG}
        yield cell
        return
    for text in re.split(r"^(?=## )", NAVIGATION.sub("", cell.source), flags=re.M):
        if text.strip():
            yield new_markdown_cell(FORMULA.sub(_mathml, text.strip()), metadata=dict(cell.metadata))


def _mathml(found: re.Match) -> str:
    displayed, inline = found.groups()
    return convert(displayed, display="block") if displayed else convert(inline)


def _slide_type(cell: NotebookNode) -> str:
    tags = cell.metadata.get("tags", [])
    if "skip-slide" in tags:
        return "skip"
    if cell.cell_type == "markdown" and cell.source.startswith("## "):
        return "slide"
    return "subslide" if cell.cell_type == "markdown" or "new-slide" in tags else "-"


def main() -> None:
    """Write the slides of all notebooks, and reveal.js beside them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    out = parser.parse_args().out
    out.mkdir(parents=True, exist_ok=True)
    shutil.copytree(REVEAL, out / "reveal", dirs_exist_ok=True)
    html_first = {"display_data_priority": ["text/html", "image/png", "image/jpeg", "text/markdown", "text/plain"]}
    exporter = SlidesExporter(config=Config({"NbConvertBase": html_first}), reveal_url_prefix="reveal", reveal_theme="white",
                              extra_template_basedirs=[str(FOLDER)], template_name="slides")
    for path in sorted((FOLDER.parent / "notebooks").glob("0*.ipynb")):
        page, _ = exporter.from_notebook_node(slides_of(nbformat.read(path, as_version=4)), {"metadata": {"name": path.stem}})
        (out / f"{path.stem}.html").write_text(page, encoding="utf-8")
        print(out / f"{path.stem}.html")


if __name__ == "__main__":
    main()
