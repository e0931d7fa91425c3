"""Run a command in a control group with little memory, like a hub's kernel, and print its peak memory.

    python benchmarks/small_kernel.py --mib 1024 -- python script.py

Needs Linux and the right to make control groups (root has it); otherwise the exit status is 77.
"""

import argparse
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

MiB = 2**20
SKIPPED = 77                         # automake's status of a skipped test


class Version1:
    """Control groups, version 1: memory has its own hierarchy."""

    root = Path("/sys/fs/cgroup/memory")
    limit, anonymous = "memory.limit_in_bytes", "total_rss"
    swap = "memory.memsw.limit_in_bytes"
    kills = "memory.oom_control"

    def no_swap(self, limit: int) -> str:
        """Content of the file ``swap``: memory and swap together."""
        return str(limit)


class Version2:
    """Control groups, version 2."""

    root = Path("/sys/fs/cgroup")
    limit, anonymous = "memory.max", "anon"
    swap = "memory.swap.max"
    kills = "memory.events"

    def no_swap(self, limit: int) -> str:
        """Content of the file ``swap``."""
        return "0"


def make_group(mib: int) -> tuple[Path, Version1 | Version2]:
    """Make a control group with this limit.

    Raises:
        OSError: if the group cannot be made.
    """
    version = Version1() if (Version1.root / Version1.limit).exists() else Version2()
    folder = version.root / f"small-kernel-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / version.limit).write_text(str(mib * MiB))
        with suppress(OSError):                                 # a machine without swap has no such file
            (folder / version.swap).write_text(version.no_swap(mib * MiB))
    except OSError:
        folder.rmdir()
        raise
    return folder, version


def read_field(path: Path, name: str) -> int:
    """Read one number from a file with lines "name number"."""
    return int(dict(line.split() for line in path.read_text().splitlines())[name])


def main() -> int:
    """Run the command and return its exit status."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024, help="the limit (default: 1024)")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    try:
        folder, version = make_group(options.mib)
    except OSError as error:
        print(f"cannot make a control group here: {error}")
        return SKIPPED
    peak, ended = 0, threading.Event()

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.02):
            peak = max(peak, read_field(folder / "memory.stat", version.anonymous))

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        process = subprocess.run(
            options.command, preexec_fn=lambda: (folder / "cgroup.procs").write_text(str(os.getpid())), check=False)
    finally:
        ended.set()
        watching.join()
        kills = read_field(folder / version.kills, "oom_kill")
        folder.rmdir()
    print(f"{options.mib} MiB kernel: exit status {process.returncode}, at most {peak / MiB:.0f} MiB in use besides "
          f"files, {kills} killed for memory")
    return process.returncode


if __name__ == "__main__":
    sys.exit(main())
