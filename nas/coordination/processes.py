"""Which process of which machine this is, so that another one on the machine can see whether it lives."""

import os
from pathlib import Path

_PROC = Path("/proc")


def machine() -> str:
    """Return what all processes that see each other's numbers share and no others do; empty if unknown.

    A host name would not do: containers of one host may share it and number their processes apart.
    """
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return ""


def birth(process: int) -> int | None:
    """Return when a process of this machine began, in ticks since it booted; None if it does not live."""
    try:
        told = (_PROC / str(process) / "stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = told.rpartition(")")[2].split()  # the name before may hold anything
    return None if fields[0] in {"Z", "X"} else int(fields[19])


def this_process() -> tuple[int, str]:
    """Return this process's number, and its machine and birth as one text."""
    number = os.getpid()
    return number, f"{machine()} {birth(number) or 0}" if machine() else ""


def is_gone(process: int, whence: str) -> bool:
    """Return whether it is certain that a process has ended.

    Args:
        process: Its number.
        whence: What `this_process` said in it.
    """
    where, _, born = whence.rpartition(" ")
    return bool(where) and where == machine() and birth(process) != int(born)
