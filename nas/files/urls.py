"""Checks storage URLs: known to fsspec, reachable by all machines, without a password."""

import difflib
from typing import Final

import fsspec

from search_spaces.errors import InvalidValueError

LOCAL: Final = ("file", "local")
_NOT_SHARED: Final = ("memory",)


def is_url(text: str) -> bool:
    """Return whether a text is a URL and not the path of a folder."""
    return "://" in text


def protocol_of(url: str) -> str:
    """Return the part of a URL before ``://``."""
    return url.partition("://")[0]


def checked_url(text: str) -> str:
    """Return a URL of fsspec without trailing slashes; nothing is opened yet.

    Raises:
        InvalidValueError: if it contains a password, or fsspec does not know it.
    """
    protocol, _, rest = text.partition("://")
    url = text.rstrip("/")
    secret = ":" in rest.rpartition("@")[0] or "%3a" in rest.rpartition("@")[0].lower() or "?" in rest
    if secret:
        raise InvalidValueError(
            f"Cannot use --storage-path '{protocol[:20]}://...': it may contain a password, which would be "
            f"stored with the study. Expected a URL without one; put keys into the file system's "
            f"configuration, for example environment variables or ~/.config/fsspec/*.json."
        )
    known = fsspec.available_protocols()
    if protocol not in known:
        near = difflib.get_close_matches(protocol, known, n=1)
        hint = f" Did you mean '{near[0]}://'?" if near else ""
        raise InvalidValueError(
            f"Cannot use --storage-path '{text[:80]}': there is no file system '{protocol[:20]}'.{hint} "
            f"Expected a folder, or a URL of fsspec such as s3://bucket/nas-runs or sftp://host/nas-runs."
        )
    relative = protocol in LOCAL and not rest.startswith("/")
    if relative or protocol in _NOT_SHARED or not rest.strip("/") or _is_ambiguous(rest):
        raise InvalidValueError(
            f"Cannot use --storage-path '{text[:80]}': expected a folder, or the whole URL of one that all "
            f"machines reach, for example s3://bucket/nas-runs, sftp://host/nas-runs or file:///shared/nas-runs."
        )
    return url


def _is_ambiguous(rest: str) -> bool:
    """Return whether the part after the protocol is no plain path."""
    return ".." in rest.split("/") or "::" in rest or "#" in rest or not rest.isprintable()
