"""The cores that this process may use: its affinity, cut to the CPU quota of its container.

A container that is given one CPU of sixteen (``docker run --cpus 1``, a limit of Kubernetes, a slice of
systemd) sees all sixteen, and is stopped for most of each tenth of a second if it runs on more than one.
Threads that wait for one another then take many times longer. Linux keeps the quota with the control group
(cgroup v1 and v2) or with a group above it.

Standard library only: it also runs on machines that are reached by ssh.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PROCESS: Final = Path("/proc/self")


def usable_cores(process: Path = PROCESS) -> list[int]:
    """Return the numbers of the cores that this process may use, at least one.

    A fraction of a CPU is left out, as Ray does.

    Args:
        process: Folder of the process in the proc file system.
    """
    if hasattr(os, "sched_getaffinity"):
        cores = sorted(os.sched_getaffinity(0))
    else:
        cores = list(range(os.cpu_count() or 1))  # macOS pins nothing
    quota = cpu_quota(process)
    return cores if quota is None else cores[: max(1, int(quota))]


def cpu_quota(process: Path = PROCESS) -> float | None:
    """Return the CPUs that the control groups of this process allow, None for no limit."""
    try:
        quotas = [quota for folder in _groups(process) if (quota := _quota(folder)) is not None]
    except (OSError, ValueError, IndexError):  # no Linux, or a system that hides it
        return None
    return min(quotas, default=None)


def _groups(process: Path) -> Iterator[Path]:
    """Yield the folders of the groups that the process is in, and of those around them that can be seen."""
    mounts = list(_mounts(process))
    for line in (process / "cgroup").read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        for kind, options, root, point in mounts:
            if kind != ("cgroup" if controllers else "cgroup2") or (controllers and "cpu" not in options):
                continue
            # A container sees its own group as the root, and may still read the path from the host.
            inner = path[len(root.rstrip("/")) :] if f"{path}/".startswith(f"{root.rstrip('/')}/") else ""
            folder = Path(point) / inner.strip("/")
            while not folder.exists() and folder != Path(point):
                folder = folder.parent
            yield from (folder, *(p for p in folder.parents if p.is_relative_to(point)))


def _mounts(process: Path) -> Iterator[tuple[str, list[str], str, str]]:
    """Yield type, options, root and mount point of each mount, as proc(5) describes them."""
    for line in (process / "mountinfo").read_text(encoding="utf-8").splitlines():
        before, _, after = line.partition(" - ")
        fields, rest = before.split(" "), after.split(" ")
        yield rest[0], rest[-1].split(","), _plain(fields[3]), _plain(fields[4])


def _plain(path: str) -> str:
    """Return a path without the octal codes that stand for spaces."""
    return path.replace("\\040", " ").replace("\\134", "\\")


def _quota(folder: Path) -> float | None:
    """Return the CPUs that one group allows, None for no limit."""
    if (folder / "cpu.max").exists():
        quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
    elif (folder / "cpu.cfs_quota_us").exists():
        names = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        quota, period = ((folder / name).read_text(encoding="ascii").strip() for name in names)
    else:
        return None
    return None if quota in {"max", "-1"} else int(quota) / int(period)
