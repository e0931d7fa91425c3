"""Settings of the book on the web: ``make book`` builds it from the notebooks, the documents and the docstrings.

The sources stay where they are, so their links work on GitHub and in the book alike. Nothing is executed or downloaded.
"""

import shutil
from pathlib import Path

from docutils.nodes import SkipNode, document, math, math_block, reference
from latex2mathml.converter import convert
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.writers.html5 import HTML5Translator

REPOSITORY = "https://github.com/colorlib/colorlib"

project = "colorlib"
author = "the colorlib authors"
extensions = ["myst_nb", "sphinx_external_toc", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
root_doc = "README"
external_toc_path = "docs/_toc.yml"
include_patterns = ["*.md", "benchmarks/*.md", "data/README.md", "docs/*.md", "colorlib/models/trained/README.md",
                    "notebooks/0*.ipynb", "notebooks/*.md", "notebooks/solutions/*.ipynb"]

nb_execution_mode = "off"
# Without a kernel no widget works: show a divider's HTML, and the picture of all others.
nb_mime_priority_overrides = [("html", "text/html", 0), ("html", "application/vnd.jupyter.widget-view+json", None)]
myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 4
suppress_warnings = ["myst.header", "mystnb.unknown_mime_type"]

autodoc_member_order = "bysource"

html_math_renderer = "mathml"
html_theme = "sphinx_book_theme"
html_static_path = ["static"]
html_css_files = ["book.css"]
html_favicon = "static/favicon.svg"
html_context = {"default_mode": "auto"}
html_title = "colorlib: a course in image colorization"
html_theme_options = {
    "repository_url": REPOSITORY,
    "use_repository_button": True,
    "launch_buttons": {"binderhub_url": "https://mybinder.org", "colab_url": "https://colab.research.google.com"},
    "show_toc_level": 2,
    "home_page_in_toc": True,
    "navbar_persistent": [],                     # the search field stands in the sidebar
}


def setup(app: Sphinx) -> None:
    """Add what the extensions lack: formulas without a script, links to folders, and a start page named index.html."""
    app.add_html_math_renderer("mathml", (_inline_math, None), (_displayed_math, None))
    app.connect("doctree-read", _link_to_repository)
    app.connect("build-finished", _copy_start_page)


def _inline_math(writer: HTML5Translator, node: math) -> None:
    writer.body.append(convert(node.astext()))
    raise SkipNode


def _displayed_math(writer: HTML5Translator, node: math_block) -> None:
    writer.body.append(convert(node.astext(), display="block"))
    raise SkipNode


def _link_to_repository(app: Sphinx, document: document) -> None:
    """Make links to folders lead to the repository: a folder is no page of the book."""
    folder = Path(app.env.doc2path(app.env.current_document.docname)).parent
    for link in document.findall(pending_xref):
        target = (folder / link["reftarget"].partition("#")[0]).resolve()
        if target.is_dir() and target != folder:
            found = reference("", "", internal=False, refuri=f"{REPOSITORY}/tree/main/{target.relative_to(app.srcdir)}")
            link.replace_self(found + link.children)


def _copy_start_page(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.name == "html":
        shutil.copy(Path(app.outdir, "README.html"), Path(app.outdir, "index.html"))
