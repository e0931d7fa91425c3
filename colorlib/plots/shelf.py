"""Which photos of the machine the page may open: in a notebook all of them, for visitors of a web page those of one folder."""

import os
from pathlib import Path

from colorlib.colorize.formats import picture_extensions
from colorlib.system import paths
from colorlib.system.errors import DataError

MiB = 2**20
NOTEBOOK_UPLOAD, PAGE_UPLOAD = 10 * MiB, 400 * MiB      # largest message to a kernel: Jupyter's own, and that of ``make app``


class Shelf:
    """The folders that a page may open.

    Args:
        root: of a web page, the folder whose photos visitors may open; None: the page is in a notebook, which is its owner's.
        is_public: whether anybody who visits may use the page.
    """

    def __init__(self, root: Path | None = None, is_public: bool = False):
        self.root = root.resolve() if root else None
        self.is_public = is_public

    @classmethod
    def of_this_kernel(cls) -> "Shelf":
        """That of voila's page, with the folder that ``COLORLIB_PHOTOS`` names, or that of a notebook."""
        is_public = os.environ.get("SERVER_SOFTWARE", "").startswith("voila/")
        named = os.environ.get("COLORLIB_PHOTOS")
        return cls(paths.expand_user(named) if is_public and named else None, is_public)

    @property
    def is_open(self) -> bool:
        """Whether there is a folder to open."""
        return self.root is not None or not self.is_public

    @property
    def largest_upload(self) -> int:
        """Bytes of the largest photo that can be uploaded; a larger one would close the connection without a word."""
        return PAGE_UPLOAD if self.is_public else NOTEBOOK_UPLOAD

    def photos(self, folder: str) -> list[Path]:
        """The pictures in a folder.

        Raises:
            DataError: for a folder without photos, or outside of the root.
            OSError: for a folder that is not there, or may not be read.
        """
        place = paths.expand_user(folder) if self.root is None else self.root / folder
        if not self._may_open(place):
            raise DataError(f"{folder} is not among the photos of this page")
        found = [file for file in sorted(place.iterdir()) if file.suffix.lower() in picture_extensions() and self._may_open(file)]
        if not found:
            raise DataError(f"there are no photos in {folder or place}")
        return found

    def _may_open(self, path: Path) -> bool:
        """Whether a path lies below the root, with all links followed."""
        return (self.root is None and not self.is_public) or (self.root is not None and path.resolve().is_relative_to(self.root))
