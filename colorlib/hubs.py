"""Data sets from Kaggle and Hugging Face, fetched by their own clients: ``pip install 'colorlib[hub]'``."""

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from types import ModuleType

from filelock import FileLock

from colorlib.errors import DataError


def kaggle(handle: str, name: str, folder: Path) -> Path:
    """Download a public data set of Kaggle's, for which no account is needed, as ``folder/name``.

    Raises:
        DataError: if it cannot be had.
    """
    with _arriving("Kaggle", folder / name) as partial:
        client = _client("kagglehub")
        client.dataset_download(handle, output_dir=str(partial), force_download=True)
    return folder / name


def hugging_face(repository: str, name: str, folder: Path) -> Path:
    """Download a data set of Hugging Face's, and write its pictures, byte for byte, as ``folder/name/<class>/*``.

    Raises:
        DataError: if it cannot be had.
    """
    with _arriving("Hugging Face", folder / name) as partial:
        parquet = _client("pyarrow.parquet")
        tables = partial / "tables"
        _client("huggingface_hub").snapshot_download(
            repository, repo_type="dataset", allow_patterns="*.parquet", local_dir=tables)
        for number, path in enumerate(sorted(tables.rglob("*.parquet"))):
            with parquet.ParquetFile(path) as table:
                _unpack(table, partial, number)
        shutil.rmtree(tables)
    return folder / name


def _unpack(table: object, folder: Path, number: int) -> None:
    """Write the pictures of one Parquet file, whose metadata name the classes, into class folders."""
    features = json.loads(table.schema_arrow.metadata[b"huggingface"])["info"]["features"]
    classes = features["label"]["names"]
    rows = (row for batch in table.iter_batches(64) for row in batch.to_pylist())
    for i, row in enumerate(rows):
        into = folder / classes[row["label"]]
        into.mkdir(exist_ok=True)
        (into / f"{number:03}-{i:06}.jpeg").write_bytes(row["image"]["bytes"])


@contextmanager
def _arriving(host: str, target: Path) -> Iterator[Path]:
    """A folder beside ``target`` that becomes it when all is there; what went wrong becomes a DataError."""
    partial = target.with_name(f"{target.name}.part")
    try:
        partial.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{partial}.lock"):
            yield partial
            partial.rename(target)
    except Exception as error:                       # the clients raise many kinds
        reason = f"{error}".strip().splitlines()[0] if f"{error}".strip() else type(error).__name__
        raise DataError(f"{host} does not deliver {target.name}: {reason}") from error


def _client(module: str) -> ModuleType:
    try:
        return import_module(module)
    except ImportError as error:
        raise DataError(f"its client {module.split('.')[0]} is missing: pip install 'colorlib[hub]'") from error
