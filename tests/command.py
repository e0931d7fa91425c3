"""Run ``colorlib colorize`` in a test, and read the files that it wrote."""

import subprocess
import sys
from pathlib import Path
from typing import Any

from colorlib.cli import main


def colorize(weights: str, *arguments: object) -> int:
    """Run in this process; returns the exit status."""
    return main(["colorize", "--weights", weights, *map(str, arguments)])


def run(weights: str, *arguments: object, **options: Any) -> subprocess.CompletedProcess[bytes]:
    """Run in another process, with options of ``subprocess.run``."""
    command = [sys.executable, "-m", "colorlib", "colorize", "--weights", weights, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, check=False, **options)


def contents(folder: Path) -> dict[str, bytes]:
    """Path and bytes of all files below a folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}
