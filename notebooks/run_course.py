"""Run the numbered notebooks in order and keep what they produced: ``python notebooks/run_course.py``."""

import os
import sys
import time
from pathlib import Path

import nbformat
from jupyter_client.kernelspec import NoSuchKernel
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert import HTMLExporter

from colorlib.system import paths


def run(notebook: Path, out: Path) -> str | None:
    """Run one notebook in its own folder and its own kernel; write it to ``out`` as .ipynb and .html.

    Returns:
        None, or in a line what went wrong; the copies then end at the cell that failed.

    Raises:
        KeyboardInterrupt: on Ctrl-C.
    """
    content = nbformat.read(notebook, as_version=4)
    here = {"metadata": {"path": notebook.parent}}
    client = NotebookClient(content, timeout=None, kernel_name="python3", resources=here)
    client.extra_arguments = ["--log-level=ERROR"]       # a kernel's remarks on its transport are not for the reader
    failure = None
    try:
        _execute(client)
    except CellExecutionError as error:
        failure = f"{error.ename}: {error.evalue}"
    except DeadKernelError:
        failure = "its kernel died, most likely for lack of memory"
    except NoSuchKernel:
        failure = "its kernel cannot be started: pip install ipykernel"
    out.mkdir(parents=True, exist_ok=True)
    nbformat.write(content, out / notebook.name)
    html, _ = HTMLExporter().from_notebook_node(content)
    (out / notebook.with_suffix(".html").name).write_text(html, encoding="utf-8")
    return failure


def _execute(client: NotebookClient) -> None:
    client.shutdown_kernel = "immediate"
    try:
        client.execute()
    except Exception:
        # Ctrl-C does not interrupt nbclient: it ends the kernel, keeps this task, and fails at what comes next.
        if hasattr(client, "_async_cleanup_kernel_future"):
            raise KeyboardInterrupt from None
        raise


def main(folder: Path = Path(__file__).parent) -> int:
    """Run the course with the data at hand: no downloads, the "course" budget unless another is set."""
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
    print(f"\nThe notebooks as they ran, to open in a browser or in Jupyter: {out}")
    for file in sorted(out.glob("*.html")):
        print(f"  {file}")
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
