"""Downloads: a file from its mirrors, and data sets from Kaggle and Hugging Face.

Nothing incomplete gets its final name, and of two processes the second waits for the first. Each function raises a
DataError if no host delivers, and a WriteError if the disk is full or cannot be written.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import requests
from filelock import FileLock

from colorlib.system.errors import FULL, DataError, WriteError, cannot_write
from colorlib.system.files import atomic_folder, make_folder, write_errors
from colorlib.system.progress import progress_bar

TIMEOUT = 20          # seconds without an answer, after which the next mirror is tried


def fetch_file(filename: str, md5: str, mirrors: tuple[str, ...], folder: Path) -> Path:
    """Download a file into ``folder`` from the first mirror that delivers it, unless it is there."""
    target, failures = folder / filename, []
    make_folder(folder)
    with write_errors(folder), FileLock(folder / f"{filename}.lock"):
        for url in mirrors:
            if target.exists():
                break
            if failure := _try_mirror(url, target, md5):
                failures.append(f"  {url}: {failure}")
    if not target.exists():
        raise DataError("\n".join([f"could not download {filename}:", *failures,
                                   f"Check the network and try again, or put the file into {folder}"]))
    return target


def fetch_from_kaggle(handle: str, name: str, folder: Path) -> Path:
    """Download a public data set of Kaggle as ``folder/name``, without an account; kagglehub resumes it."""
    def fill(partial: Path) -> None:
        import kagglehub

        cached = kagglehub.dataset_download(handle)
        shutil.copytree(cached, partial, dirs_exist_ok=True, copy_function=_link_or_copy)

    return _fetch_folder("Kaggle", folder / name, fill)


def fetch_from_hugging_face(repository: str, name: str, folder: Path) -> Path:
    """Download a data set of Hugging Face, and write its pictures, byte for byte, as ``folder/name/<class>/*``.

    An interrupted download is continued.
    """
    tables = folder / f"{name}.parquet"

    def fill(partial: Path) -> None:
        import huggingface_hub
        from pyarrow import parquet

        huggingface_hub.snapshot_download(repository, repo_type="dataset", allow_patterns="*.parquet", local_dir=tables)
        for number, path in enumerate(sorted(tables.rglob("*.parquet"))):
            with parquet.ParquetFile(path) as table:
                features = json.loads(table.schema_arrow.metadata[b"huggingface"])["info"]["features"]
                rows = (row for batch in table.iter_batches(64) for row in batch.to_pylist())
                for i, row in enumerate(rows):
                    class_folder = partial / features["label"]["names"][row["label"]]
                    class_folder.mkdir(exist_ok=True)
                    (class_folder / f"{number:03}-{i:06}.jpeg").write_bytes(row["image"]["bytes"])

    target = _fetch_folder("Hugging Face", folder / name, fill)
    shutil.rmtree(tables, ignore_errors=True)
    return target


def _try_mirror(url: str, target: Path, md5: str) -> str:
    """Download a file from one address; the reason if that fails, else ""."""
    partial, digest = target.with_name(f"{target.name}.part"), hashlib.md5(usedforsecurity=False)
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT) as reply, partial.open("wb") as file:
            reply.raise_for_status()
            total = int(reply.headers.get("Content-Length", 0)) or None
            with progress_bar(description=target.name, total=total, unit="B", unit_scale=True) as bar:
                for chunk in reply.iter_content(2**16):
                    file.write(chunk)
                    digest.update(chunk)
                    bar.update(len(chunk))
        if digest.hexdigest() != md5:
            return "wrong checksum"
        partial.replace(target)
        return ""
    except requests.HTTPError as error:              # the texts of requests are long, and show object addresses
        return f"HTTP {error.response.status_code}"
    except requests.exceptions.ChunkedEncodingError:
        return "the connection broke"
    except requests.RequestException as error:
        return "no answer in time" if "timed out" in str(error) else "no connection"
    finally:
        partial.unlink(missing_ok=True)


def _fetch_folder(host: str, target: Path, fill: Callable[[Path], None]) -> Path:
    """Fill a folder that gets the name ``target`` when it is complete.

    A full disk is a WriteError, so that no other host is tried and no samples are used; other errors are DataErrors.
    """
    try:
        with atomic_folder(target) as partial:
            if partial:
                fill(partial)
                if not any(partial.iterdir()):
                    raise DataError("it sent no files")
    except WriteError:
        raise
    except Exception as error:                       # the clients raise many kinds
        if number := _disk_error(error):
            raise cannot_write(target.parent, OSError(number, os.strerror(number))) from error
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        advice = ". Its client is missing: pip install kagglehub huggingface_hub pyarrow"
        raise DataError(f"{host} does not deliver {target.name}: {reason}"
                        f"{advice if isinstance(error, ImportError) else ''}") from error
    return target


def _disk_error(error: BaseException | None) -> int | None:
    """Error number of a full disk or a used-up quota, whether a client wraps the error or only quotes it."""
    while error:
        for number in FULL:
            if getattr(error, "errno", None) == number or os.strerror(number) in str(error):
                return number
        error = error.__cause__ or error.__context__
    return None


def _link_or_copy(source: str, target: str) -> None:
    """Hard link, which takes no disk, or copy where the file system has none; over what a kill may have left."""
    Path(target).unlink(missing_ok=True)
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)

