"""``colorlib colorize`` in a test, and what it wrote."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from colorlib.cli import main


def colorize(weights: str, *arguments: object) -> int:
    """In this process: the exit status."""
    return main(["colorize", "--weights", weights, *map(str, arguments)])


def run(weights: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """In a process of its own, with options of ``subprocess.run``."""
    command = [sys.executable, "-m", "colorlib", "colorize", "--weights", weights, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, **options)


def contents(folder: Path) -> dict[str, bytes]:
    """The files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
