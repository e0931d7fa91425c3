"""Weights of well-known networks, in the folder where ``torch.hub`` keeps its downloads."""

import zipfile
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from colorlib.system import paths
from colorlib.system.errors import DataError


def hub_weights(url: str, what: str) -> tuple[Mapping[str, Tensor], Path]:
    """Load weights, downloaded by the first call, memory-mapped where possible.

    Args:
        url: its name ends with the first digits of the file's SHA-256, as those of PyTorch do.
        what: they are, for messages, such as "the features of vgg16".

    Returns:
        The weights by name, and their file.

    Raises:
        DataError: if they are not there and ``COLORLIB_OFFLINE=1`` forbids downloads, if they cannot be downloaded, or if the file
            is damaged.
    """
    path = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not path.exists():
        if paths.offline():
            raise DataError(f"{what} are not here, and COLORLIB_OFFLINE=1 forbids downloading them: run once without it")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(url, str(path), hash_prefix=path.stem.rpartition("-")[2])
        except (OSError, RuntimeError) as error:
            raise DataError(f"{what} cannot be downloaded to {path} ({error}): try again") from error
    try:
        return torch.load(path, map_location="cpu", mmap=zipfile.is_zipfile(path), weights_only=True), path
    except PermissionError as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    except Exception as error:               # torch raises many kinds for a damaged zip or pickle
        raise DataError(f"{path} is damaged: delete it, and it is downloaded again") from error
