"""Identifies processes by machine, pid and start time, and checks whether one still runs."""

import os
from pathlib import Path

_PROC = Path("/proc")


def machine_id() -> str:
    """Return an id of the pid namespace of this boot; empty if unknown.

    A host name is not enough: containers on one host may share it but have separate pids.
    """
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def start_time(process: int) -> int | None:
    """Return the start time of a process on this machine in clock ticks since boot; None if it has ended."""
    try:
        stat = (_PROC / str(process) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = stat.rpartition(")")[2].split()  # the name before it may contain anything
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def this_process() -> tuple[int, str]:
    """Return this process's pid, and its machine and start time as one text."""
    number = os.getpid()
    return number, f"{machine_id()} {start_time(number) or 0}" if machine_id() else ""


def has_ended(process: int, identity: str) -> bool:
    """Return whether a process has certainly ended: its pid is free or has another start time.

    Args:
        process: Process id (pid).
        identity: Text that `this_process` returned in that process.
    """
    where, _, born = identity.rpartition(" ")
    if not where or where != machine_id():
        return False
    return start_time(process) != int(born) and not _is_hidden(process)


def _is_hidden(process: int) -> bool:
    """Return whether another user has a process of this pid that ``/proc`` does not show (hidepid)."""
    if (_PROC / str(process)).exists():
        return False
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except (OSError, OverflowError):
        return False
    return False
