"""Linux control groups, which limit the memory and processor time of containers and hub kernels."""

from collections.abc import Iterator
from pathlib import Path

GROUPS = Path("/proc/self/cgroup")         # lists the groups of this process, on Linux
MOUNT = Path("/sys/fs/cgroup")


def folders(controller: str) -> Iterator[Path]:
    """Folders of the control groups of this process for "memory" or "cpu", innermost first: any of them can set a limit.

    Works for versions 1 and 2. Inside a container the listed path may not exist: only existing folders are yielded,
    of which the outermost is the container's own group.
    """
    for line in GROUPS.read_text().splitlines() if GROUPS.exists() else ():
        _, controllers, path = line.split(":", 2)               # "4:cpu,cpuacct:/some/group", "0::/" in version 2
        if controller in controllers.split(","):
            mounts = [MOUNT / controller]
        else:
            mounts = [] if controllers else [MOUNT, MOUNT / "unified"]
        for mount in mounts:
            own = mount / path.lstrip("/")
            yield from (group for group in (own, *own.parents) if group.is_relative_to(mount) and group.exists())


def read_number(path: Path) -> int | None:
    """First number in a control group's file; None if there is no such file or it sets no limit ("max", "-1")."""
    try:
        number = int(path.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return number if number >= 0 else None
