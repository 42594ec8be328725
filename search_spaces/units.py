"""Formats counts, bytes, accuracies and durations for people, for example ``301M`` or ``1.5 MiB``."""

from typing import Final

COUNT_SCALES: Final = {"k": 10**3, "M": 10**6, "G": 10**9}
BYTE_SCALES: Final = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def format_count(count: float) -> str:
    """Return a count with k, M or G and three significant digits, for example ``301M``."""
    for suffix, scale in (("G", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= scale * 0.9995:
            return f"{count / scale:.3g}{suffix}" if count < 999.5 * scale else f"{count / scale:.0f}{suffix}"
    return f"{count:.0f}"


def counted(number: int, what: str) -> str:
    """Return a number with its noun: "1 image", "1,200 images"."""
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def format_accuracy(accuracy: float, standard_error: float | None) -> str:
    """Return an accuracy in [0, 1] with its error where that is known, in per cent: ``98.10% ± 0.73``."""
    error = "" if standard_error is None else f" ± {100 * standard_error:.2f}"
    return f"{accuracy:.2%}{error}"


def format_bytes(count: float) -> str:
    """Return a number of bytes with KiB, MiB or GiB and three significant digits."""
    for suffix, scale in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= scale:
            return (
                f"{count / scale:.3g} {suffix}" if count < 999.5 * scale else f"{count / scale:.0f} {suffix}"
            )
    return f"{count:.0f} B"


def format_seconds(seconds: float) -> str:
    """Return a duration in its largest two units, for example ``4 min 05 s``."""
    whole = round(max(0.0, seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
