"""One place sets the repository's address: ``make address``."""

import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

ROOT = Path(__file__).resolve().parent.parent
OLD = re.search(r'Repository = "https://github.com/(.+?)"', (ROOT / "pyproject.toml").read_text())[1]


@pytest.fixture
def copy(tmp_path):
    """A repository with the files of this one that name its address."""
    command = ["git", "grep", "-lIF", "-e", OLD, "-e", quote(OLD, safe="")]
    names = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout.split()
    for name in ["docs/address.py", *names]:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    subprocess.run(["git", "add", "-A"], cwd=tmp_path, check=True)
    return tmp_path


def address(copy, url):
    return subprocess.run([sys.executable, copy / "docs" / "address.py", url], capture_output=True, text=True)


def test_every_link_follows_and_back_again_nothing_has_changed(copy):
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file() and ".git" not in path.parts}
    assert address(copy, "https://github.com/someone-else/paint-box.git").returncode == 0
    after = "".join(path.read_text() for path in before)
    for link in ("https://github.com/someone-else/paint-box", "colab.research.google.com/github/someone-else/paint-box/blob/main/notebooks/01", "mybinder.org/v2/gh/someone-else/paint-box/",
                 "repo=https%3A%2F%2Fgithub.com%2Fsomeone-else%2Fpaint-box&", "urlpath=lab%2Ftree%2Fpaint-box%2Fnotebooks", "git+https://github.com/someone-else/paint-box"):
        assert link in after
    assert not re.search(f"(github\\.com|mybinder\\.org/v2/gh|github)(/{OLD}|%2F{quote(OLD, safe='')})", after)
    assert address(copy, f"https://github.com/{OLD}").returncode == 0
    assert {path: path.read_bytes() for path in before} == before


@pytest.mark.parametrize("url", ["", "paint", "https://gitlab.com/someone-else/paint-box", "https://github.com/someone", "https://github.com/a/b/c"])
def test_another_address_is_refused_and_changes_nothing(copy, url):
    before = (copy / "README.md").read_bytes()
    result = address(copy, url)
    assert result.returncode == 1
    assert "https://github.com/OWNER/NAME" in result.stderr
    assert (copy / "README.md").read_bytes() == before
