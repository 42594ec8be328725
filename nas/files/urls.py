"""Tells a URL from a folder, and refuses one that would give a password away."""

import difflib
from typing import Final

import fsspec

from search_spaces.errors import InvalidValueError

_LOCAL: Final = ("file", "local")
_UNSHARED: Final = ("memory",)


def is_url(text: str) -> bool:
    """Return whether a text is meant as a URL, not as the path of a folder."""
    return "://" in text


def protocol_of(url: str) -> str:
    """Return what stands before ``://``."""
    return url.partition("://")[0]


def checked_url(text: str) -> str:
    """Return a URL of fsspec without a slash at its end; nothing is opened yet.

    Raises:
        InvalidValueError: if it holds a password, or is none that fsspec knows.
    """
    protocol, _, rest = text.partition("://")
    url = text.rstrip("/")
    secret = ":" in rest.rpartition("@")[0] or "%3a" in rest.rpartition("@")[0].lower() or "?" in rest
    if secret:
        raise InvalidValueError(
            f"Cannot use --storage-path '{protocol[:20]}://...': it holds what may be a password, which "
            f"would be kept with the study. Expected the place alone; give keys to the file system by its "
            f"own configuration, for example environment variables or ~/.config/fsspec/*.json."
        )
    known = fsspec.available_protocols()
    if protocol not in known:
        near = difflib.get_close_matches(protocol, known, n=1)
        hint = f" Did you mean '{near[0]}://'?" if near else ""
        raise InvalidValueError(
            f"Cannot use --storage-path '{text[:80]}': no file system is called '{protocol[:20]}'.{hint} "
            f"Expected a folder, or a URL of fsspec such as s3://bucket/nas-runs or sftp://host/nas-runs."
        )
    relative = protocol in _LOCAL and not rest.startswith("/")
    if relative or protocol in _UNSHARED or not rest.strip("/") or _odd(rest):
        raise InvalidValueError(
            f"Cannot use --storage-path '{text[:80]}': expected a folder, or the whole URL of one that all "
            f"machines reach, for example s3://bucket/nas-runs, sftp://host/nas-runs or file:///shared/nas-runs."
        )
    return url


def _odd(rest: str) -> bool:
    """Return whether what follows the protocol names no place of its own."""
    return ".." in rest.split("/") or "::" in rest or "#" in rest or not rest.isprintable()
