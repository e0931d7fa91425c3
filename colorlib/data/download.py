"""One file from several hosts: resumed where it stopped, checked before it is used."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests
from filelock import FileLock
from tqdm.auto import tqdm

from colorlib.data.folders import size_of
from colorlib.system.errors import DataError
from colorlib.system.files import make_folder, write_errors

PATIENCE = 20          # seconds over which a host's speed is judged


@dataclass(frozen=True)
class Download:
    """A file with a known checksum, and the hosts that serve it, the fastest first."""

    filename: str
    md5: str
    urls: tuple[str, ...]


class SlowHostError(OSError):
    """A host that sends, but too slowly to wait for while there is another."""


def fetch(download: Download, folder: Path, timeout: float = 20, min_speed: float = 200_000) -> Path:
    """Download into ``folder`` unless it is there, and return the file's path.

    Bytes go to ``<filename>.part``, which a later call, or the next host, continues; the file gets its name only after
    its checksum is right. A host that is silent for ``timeout`` seconds is left for the next one, and so is
    one slower than ``min_speed`` bytes a second (the last is given all the time it needs).

    Raises:
        DataError: when no host could deliver it, with the reason for each, and what to do.
        WriteError: when the disk is full.
    """
    target, part = folder / download.filename, folder / f"{download.filename}.part"
    failures = []
    make_folder(folder)
    with write_errors(folder), FileLock(folder / f"{download.filename}.lock"):     # two notebooks, one download
        if target.exists():
            return target
        for url in download.urls:
            failure = _try(url, part, download.md5, timeout, 0 if url == download.urls[-1] else min_speed)
            if failure is None:
                return part.replace(target)
            failures.append(f"{url}: {failure}")
    tried = "\n  ".join(failures)
    raise DataError(f"could not download {download.filename}:\n  {tried}\n"
                    f"Check the network and run it again (it goes on where it stopped), or put the file into {folder}")


def _try(url: str, part: Path, md5: str, timeout: float, min_speed: float) -> str | None:
    """Complete ``part`` from one host: None when its checksum is right, else what went wrong."""
    for resumed in (size_of(part) > 0, False):
        try:
            _continue(url, part, timeout, min_speed)
        except SlowHostError as error:
            return str(error)
        except requests.RequestException as error:
            return _reason(error)
        if _md5(part) == md5:
            return None
        part.unlink()                                         # wrong bytes cannot be continued
        if not resumed:
            break                                             # they were all this host's
    return "wrong checksum, what it sent was deleted"


def _continue(url: str, part: Path, timeout: float, min_speed: float) -> None:
    """Bring ``part`` to its full length from one host, reconnecting twice if that got it further."""
    for last in (False, False, True):
        before = size_of(part)
        try:
            _receive(url, part, timeout, min_speed)
            return
        except requests.RequestException:
            if last or size_of(part) <= before:
                raise


def _receive(url: str, part: Path, timeout: float, min_speed: float) -> None:
    """One connection: append what the host still has to send, or start over if it cannot continue."""
    have = size_of(part)
    # Without "identity" a host may compress on the fly, and a range then counts other bytes than ours.
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={have}-"} if have else {})
    with requests.get(url, headers=headers, stream=True, timeout=timeout) as reply:
        if reply.status_code == 416:                          # nothing beyond what we have: let the checksum judge
            return
        reply.raise_for_status()
        have = have if reply.status_code == 206 else 0
        total = have + int(reply.headers.get("Content-Length", 0))
        bar = tqdm(desc=part.stem, initial=have, total=total or None, unit="B", unit_scale=True)
        with bar, part.open("ab" if have else "wb") as file:
            for chunk in _fast_enough(reply.iter_content(1 << 12), min_speed):
                file.write(chunk)
                bar.update(len(chunk))
    if size_of(part) < total:
        raise requests.ConnectionError(f"the connection ended after {size_of(part):,} of {total:,} bytes")


def _fast_enough(chunks: Iterator[bytes], min_speed: float) -> Iterator[bytes]:
    """Pass the chunks on; give up once ``PATIENCE`` seconds have brought fewer than ``min_speed`` bytes a second."""
    start, received = time.monotonic(), 0
    for chunk in chunks:
        yield chunk
        received += len(chunk)
        elapsed = time.monotonic() - start
        if elapsed > PATIENCE:
            if received < min_speed * elapsed:
                raise SlowHostError(f"only {received / elapsed / 1000:.0f} kB/s")
            start, received = time.monotonic(), 0


def _md5(path: Path) -> str:
    digest = hashlib.md5(usedforsecurity=False)
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _reason(error: requests.RequestException) -> str:
    """requests' messages hold object addresses and wrapped causes; a reader wants the last few words."""
    if isinstance(error, requests.HTTPError):
        return f"HTTP {error.response.status_code}"
    if isinstance(error, requests.Timeout) or "timed out" in str(error):
        return "no answer in time"
    if "Incomplete" in str(error) or "ended after" in str(error) or "reset" in str(error):
        return "the connection broke"
    return "no connection"
