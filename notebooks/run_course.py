"""Run the numbered notebooks in order and save the results: ``python notebooks/run_course.py``."""

import gc
import os
import sys
import time
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert import HTMLExporter
from traitlets.config import Config

from colorlib.system import paths
from colorlib.system.heap import trim_heap

# The saved pages have no kernel: prefer the HTML of an output to its widget.
KINDS = HTMLExporter().default_config["NbConvertBase"]["display_data_priority"]
HTML_FIRST = Config({"NbConvertBase": {"display_data_priority": ["text/html", *(kind for kind in KINDS if kind != "text/html")]}})


def run(notebook: Path, out: Path) -> str | None:
    """Run one notebook in its own folder and kernel, and write the executed copy to ``out`` as .ipynb and .html.

    Returns:
        None, or one line about the failure; the copies then end at the cell that failed.

    Raises:
        KeyboardInterrupt: on Ctrl-C.
    """
    content = nbformat.read(notebook, as_version=4)
    folder = {"metadata": {"path": notebook.parent}}
    client = NotebookClient(content, timeout=None, kernel_name="python3", resources=folder)
    client.extra_arguments = ["--log-level=ERROR"]       # no messages about the kernel's transport
    failure = None
    try:
        _execute(client)
    except CellExecutionError as error:
        failure = f"{error.ename}: {error.evalue}"
    except DeadKernelError:
        failure = "the kernel died, most likely because memory ran out"
    except NoSuchKernel:
        failure = "the kernel cannot be started: pip install ipykernel"
    out.mkdir(parents=True, exist_ok=True)
    nbformat.write(content, out / notebook.name)
    html, _ = HTMLExporter(config=HTML_FIRST).from_notebook_node(content)
    (out / notebook.with_suffix(".html").name).write_text(html, encoding="utf-8")
    return failure


def _execute(client: NotebookClient) -> None:
    client.shutdown_kernel = "immediate"
    try:
        client.execute()
    except Exception:
        # After Ctrl-C nbclient ends the kernel and continues, so that the next call to the kernel fails.
        if hasattr(client, "_async_cleanup_kernel_future"):
            raise KeyboardInterrupt from None
        raise


def main(folder: Path = Path(__file__).parent) -> int:
    """Run the course with the data that is there: no downloads, by default in the "course" budget."""
    os.environ.setdefault("COLORLIB_BUDGET", "course")
    os.environ["COLORLIB_OFFLINE"] = "1"
    out = paths.runs_dir() / "course"
    notebooks = sorted(folder.glob("[0-9]*.ipynb"))
    if not notebooks:
        print(f"there are no notebooks in {folder}: run this in a checkout of the project", file=sys.stderr)
        return 1
    failed = 0
    for i, notebook in enumerate(notebooks, 1):
        start = time.monotonic()
        print(f"{i}/{len(notebooks)} {notebook.stem} ... ", end="", flush=True)
        try:
            failure = run(notebook, out)
        except KeyboardInterrupt:
            print("interrupted", flush=True)
            return 1
        print(f"{failure or 'done'}, {time.monotonic() - start:.0f} s", flush=True)
        failed += failure is not None
        gc.collect()                # the pages of a notebook, whose memory the next kernel may need: both share 1 GiB
        trim_heap()
    print(f"\nThe executed notebooks, to open in a browser or in Jupyter: {out}")
    for file in sorted(out.glob("*.html")):
        print(f"  {file}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
