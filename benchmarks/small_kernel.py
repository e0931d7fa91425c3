"""Run a command in a control group with little memory, as a hub's kernel has, and say what it took.

    python benchmarks/small_kernel.py --mib 1024 -- python script.py

Needs Linux and the right to make control groups (root has it); else it says so and ends with status 77.
"""

import argparse
import os
import subprocess
import sys
import threading
from contextlib import suppress
from pathlib import Path

MiB = 2**20
CANNOT = 77                         # what automake's tests return to be skipped


class Version1:
    """Control groups as they were: a hierarchy of its own for memory."""

    root = Path("/sys/fs/cgroup/memory")
    limit, anonymous = "memory.limit_in_bytes", "total_rss"
    swap = "memory.memsw.limit_in_bytes"
    kills = "memory.oom_control"

    def no_swap(self, limit: int) -> str:
        """What to write into ``swap``: memory and swap together."""
        return str(limit)


class Version2:
    """Control groups as they are."""

    root = Path("/sys/fs/cgroup")
    limit, anonymous = "memory.max", "anon"
    swap = "memory.swap.max"
    kills = "memory.events"

    def no_swap(self, limit: int) -> str:
        """What to write into ``swap``."""
        return "0"


def make_group(mib: int) -> tuple[Path, Version1 | Version2]:
    """A new control group with this limit.

    Raises:
        OSError: where it cannot be made.
    """
    version = Version1() if (Version1.root / Version1.limit).exists() else Version2()
    folder = version.root / f"small-kernel-{os.getpid()}"
    folder.mkdir()
    try:
        (folder / version.limit).write_text(str(mib * MiB))
        with suppress(OSError):                                 # a machine may have no swap to forbid
            (folder / version.swap).write_text(version.no_swap(mib * MiB))
    except OSError:
        folder.rmdir()
        raise
    return folder, version


def read_field(path: Path, name: str) -> int:
    """A number from a file of "name number" lines."""
    return int(dict(line.split() for line in path.read_text().splitlines())[name])


def main() -> int:
    """Run the command; its exit status is ours."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024, help="the limit (default: 1024)")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    try:
        folder, version = make_group(options.mib)
    except OSError as error:
        print(f"cannot make a control group here: {error}")
        return CANNOT
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
