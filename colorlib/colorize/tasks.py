"""Which files to color, and where to write the results."""

import glob
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from colorlib.colorize.films.reading import FILM_EXTENSIONS, is_film
from colorlib.colorize.formats import CONTAINERS, EXTENSIONS, format_of, picture_extensions
from colorlib.colorize.inputs import MAX_FILE_BYTES
from colorlib.data.folders import Folder, file_entry
from colorlib.system.errors import DataError, UsageError
from colorlib.system.paths import expand_user


class Task(NamedTuple):
    """A file to color, and where to write the result."""

    source: Path
    target: Path | None              # None: the file's extension is not that of a picture
    problem: str = ""                # why the file cannot be read, if that is known already


def plan_tasks(inputs: Iterable[str], out: str, file_format: str | None = None) -> list[Task]:
    """List all input files, and where to write their colored copies.

    Args:
        inputs: files, folders (with their subfolders) and globs.
        out: a folder; or, for one input file, the name of the output.
        file_format: of all results that are pictures, a key of EXTENSIONS; None: each has that of its input if it is a key, else PNG.

    Raises:
        DataError: for an input that does not exist.
        UsageError: for an output without a name, with an unknown extension, or that is one file for several inputs.
    """
    if not out:
        raise UsageError("the output has no name: name a file or a folder")
    target = expand_user(out)
    paths = list(dict.fromkeys(path for text in inputs for path in _matching_paths(text, target)))
    if len(paths) > 1:                                          # a glob such as * may match the output folder itself
        paths = [path for path in paths if real_path(path) != real_path(target)]
    if not paths:
        raise DataError("there is no input: name files or folders to color")
    into_folder = target.is_dir() or out.endswith("/")
    if not into_folder and target.suffix and len(paths) == 1 and not paths[0].is_dir():
        if is_film(paths[0]):
            if target.suffix.lower() not in CONTAINERS:
                raise UsageError(f"{target}: a film must end with one of {', '.join(CONTAINERS)}, or go into a folder")
            return [Task(paths[0], target)]
        if format_of(target) is None or file_format not in (None, format_of(target)):
            wanted = EXTENSIONS.get(file_format) or f"one of {', '.join(EXTENSIONS.values())}"
            raise UsageError(f"{target}: an output must end with {wanted}, or be a folder")
        return [Task(paths[0], target, file_entry(paths[0], MAX_FILE_BYTES).cause)]
    if format_of(target) and not into_folder:
        raise UsageError(f"{out} is one picture, but a folder or several files are to be colored: name a folder")
    tasks: dict[Path, Task] = {}
    for path in paths:
        for task in _tasks_below(path, target, len(paths) > 1, file_format):
            tasks.setdefault(real_path(task.source), task)     # a file named twice is colored once
    if not tasks:
        raise DataError(f"there are no files in {', '.join(map(str, paths))}")
    return list(tasks.values())


def _matching_paths(text: str, out: Path) -> list[Path]:
    """The path ``text``, or all paths that match it as a glob, but not results below ``out`` if other files match."""
    path = expand_user(text)
    if path.exists():
        return [path]
    if matches := [Path(match) for match in sorted(glob.glob(str(path), recursive=True))]:  # noqa: PTH207
        return [match for match in matches if real_path(out) not in real_path(match).parents] or matches
    raise DataError(f"there is no {text}")


def _tasks_below(path: Path, out: Path, several: bool, file_format: str | None) -> Iterator[Task]:
    """A task for a file, or for each file below a folder that is not in ``out``.

    With several inputs, the results of a folder are written to a folder of the same name.
    """
    if not path.is_dir():
        yield Task(path, _output_path(out / path.name, file_format), _problem(path, file_entry(path, MAX_FILE_BYTES).cause))
        return
    results, folder = real_path(out), real_path(path)
    top = out / folder.name if several else out
    for name, _, problem, _ in Folder(path, MAX_FILE_BYTES).entries():
        is_result = folder in results.parents and results in (folder / name).parents
        if not is_result and (problem or not name.endswith("/")):
            is_known = Path(name).suffix.lower() in picture_extensions() | FILM_EXTENSIONS
            yield Task(path / name, _output_path(top / name, file_format) if is_known else None, _problem(path / name, problem))


def _problem(path: Path, found: str) -> str:
    """What makes a file unreadable: films may be of any size."""
    return "" if is_film(path) and path.is_file() else found


def _output_path(path: Path, file_format: str | None) -> Path:
    """``path``, with the extension of the output format appended if it has another one.

    cat.gif becomes cat.gif.png, so that cat.gif and cat.png never have the same output.
    """
    if is_film(path):
        return path if path.suffix.lower() in CONTAINERS else path.with_name(f"{path.name}.mp4")
    file_format = file_format or format_of(path) or ("jpeg" if path.suffix.lower() == ".mpo" else "png")
    return path if format_of(path) == file_format else path.with_name(path.name + EXTENSIONS[file_format])


def real_path(path: Path) -> Path:
    """The path with all links followed."""
    return Path(os.path.realpath(path))          # Path.resolve raises for a link to itself
