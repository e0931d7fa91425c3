"""Control groups: where Linux writes how much of the machine a container, or a hub's kernel, may use."""

from collections.abc import Iterator
from pathlib import Path


def folders(controller: str, proc: Path = Path("/proc/self/cgroup"),
            root: Path = Path("/sys/fs/cgroup")) -> Iterator[Path]:
    """The control groups that this process is in, from its own up to the outermost: a limit may stand on any of them.

    Args:
        controller: "memory" or "cpu".
        proc, root: where the kernel lists this process's groups, and where their files are.

    Yields:
        Existing folders, of version 1 and of version 2. A container may see a path that is only valid outside it:
        what does not exist is passed over, and the container's own group is the outermost folder.
    """
    if not proc.exists():
        return                                                  # not Linux
    for line in proc.read_text().splitlines():
        _, controllers, path = line.split(":", 2)               # "4:cpu,cpuacct:/some/group", "0::/" in version 2
        if controller in controllers.split(","):
            mounts = [root / controller]
        elif not controllers:
            mounts = [root, root / "unified"]
        else:
            continue
        for mount in mounts:
            own = mount / path.lstrip("/")
            inside = [folder for folder in (own, *own.parents) if folder == mount or mount in folder.parents]
            yield from (folder for folder in inside if folder.exists())


def read_number(path: Path) -> int | None:
    """The number that a file of a control group holds; None if there is no such file, or no limit ("max", "-1")."""
    try:
        number = int(path.read_text().split()[0])
    except (OSError, ValueError, IndexError):
        return None
    return number if number >= 0 else None
