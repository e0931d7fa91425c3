"""Change the address of the repository in every file that names it: ``make address URL=https://github.com/OWNER/NAME``.

The address that holds now stands in pyproject.toml.
"""

import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parent.parent
ADDRESS = re.compile(r"https://github\.com/([\w.-]+/[\w.-]+?)(?:\.git)?/?")


def change(text: str, old: str, new: str) -> str:
    """Replace a repository "owner/name" in links to GitHub, Colab and Binder, and in links of nbgitpuller."""
    for site in ("github.com/", "colab.research.google.com/github/", "mybinder.org/v2/gh/"):
        text = re.sub(rf"{re.escape(site + old)}(?![\w-])", site + new, text)
    encoded = quote(f"github.com/{old}", safe="")
    name = {repository: quote(f"tree/{repository.partition('/')[2]}/", safe="") for repository in (old, new)}
    return text.replace(encoded, quote(f"github.com/{new}", safe="")).replace(f"urlpath=lab%2F{name[old]}", f"urlpath=lab%2F{name[new]}")


def main(url: str) -> None:
    """Change all files that git tracks; print how many."""
    found = ADDRESS.fullmatch(url)
    if not found:
        sys.exit(f"URL must be https://github.com/OWNER/NAME, got {url!r}")
    old = re.search(rf'Repository = "{ADDRESS.pattern}"', (ROOT / "pyproject.toml").read_text())[1]
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True).stdout.decode()
    changed = 0
    for path in (ROOT / name for name in listed.split("\0") if name):
        try:
            text = path.read_bytes().decode()
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):      # pictures, weights, deleted files
            continue
        other = change(text, old, found[1])
        if other != text:
            path.write_bytes(other.encode())
            changed += 1
    print(f"{changed} files: {old} is now {found[1]}")


if __name__ == "__main__":
    main(sys.argv[1])
