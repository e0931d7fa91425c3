"""Data sets from Kaggle and Hugging Face, fetched by their own clients: the extra ``hub``."""

import json
import os
import shutil
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from types import ModuleType

from filelock import FileLock

from colorlib.system.errors import FULL, DataError, cannot_write
from colorlib.system.files import make_folder

HOSTS = ("Kaggle", "Hugging Face")


def kaggle(handle: str, name: str, folder: Path) -> Path:
    """Download a public data set of Kaggle's, for which no account is needed, as ``folder/name``.

    Raises:
        DataError: if it cannot be had.
        WriteError: if it cannot be written.
    """
    def fill(partial: Path) -> None:
        found = Path(_client("kagglehub").dataset_download(handle, output_dir=str(partial), force_download=True))
        if found.resolve() != partial.resolve():                 # in Colab, and at Kaggle, it lies elsewhere already
            shutil.copytree(found, partial, dirs_exist_ok=True)

    return _arrive("Kaggle", folder / name, fill)


def hugging_face(repository: str, name: str, folder: Path) -> Path:
    """Download a data set of Hugging Face's, and write its pictures, byte for byte, as ``folder/name/<class>/*``.

    Raises:
        DataError: if it cannot be had.
        WriteError: if it cannot be written.
    """
    def fill(partial: Path) -> None:
        parquet, tables = _client("pyarrow.parquet"), partial / "tables"
        _client("huggingface_hub").snapshot_download(
            repository, repo_type="dataset", allow_patterns="*.parquet", local_dir=tables)
        for number, path in enumerate(sorted(tables.rglob("*.parquet"))):
            with parquet.ParquetFile(path) as table:
                _unpack(table, partial, number)
        shutil.rmtree(tables)

    return _arrive("Hugging Face", folder / name, fill)


def _unpack(table: object, folder: Path, number: int) -> None:
    """Write the pictures of one Parquet file, whose metadata name the classes, into class folders."""
    features = json.loads(table.schema_arrow.metadata[b"huggingface"])["info"]["features"]
    classes = features["label"]["names"]
    rows = (row for batch in table.iter_batches(64) for row in batch.to_pylist())
    for i, row in enumerate(rows):
        into = folder / classes[row["label"]]
        into.mkdir(exist_ok=True)
        (into / f"{number:03}-{i:06}.jpeg").write_bytes(row["image"]["bytes"])


def _arrive(host: str, target: Path, fill: Callable[[Path], None]) -> Path:
    """Fill a folder beside ``target``, which gets its name when all is there; what went wrong becomes a DataError.

    Not so a full disk: no other host, and no sample in place of the data, would help there.
    """
    partial = _partial(target, host)
    make_folder(target.parent)
    try:
        with FileLock(target.with_name(f"{target.name}.lock")):
            if target.exists():                      # another process has just fetched it
                return target
            partial.mkdir(exist_ok=True)
            fill(partial)
            if not any(partial.iterdir()):
                raise DataError("nothing came")
            partial.rename(target)
            for other in HOSTS:                      # one that failed may have begun
                shutil.rmtree(_partial(target, other), ignore_errors=True)
            return target
    except Exception as error:                       # the clients raise many kinds
        if number := _full(error):
            raise cannot_write(target.parent, OSError(number, os.strerror(number))) from error
        reason = f"{error}".strip().splitlines()[0] if f"{error}".strip() else type(error).__name__
        raise DataError(f"{host} does not deliver {target.name}: {reason}") from error


def _partial(target: Path, host: str) -> Path:
    return target.with_name(f"{target.name}.{host.replace(' ', '-').lower()}.part")


def _full(error: BaseException | None) -> int | None:
    """The number of the system's error if a disk is full, or a quota used up, however a client tells it."""
    while error:
        for number in FULL:
            if getattr(error, "errno", None) == number or os.strerror(number) in str(error):
                return number
        error = error.__cause__ or error.__context__
    return None


def _client(module: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        package = module.split(".")[0].replace("_", "-")
        raise DataError(f"its client {package} is missing: pip install {package}") from error
