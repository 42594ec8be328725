"""Hides the passwords of database URLs, in URLs that cannot be read and in messages of drivers too."""

import re
from typing import Final
from urllib.parse import unquote, unquote_plus

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

HIDDEN: Final = "***"
_SHOWN: Final = frozenset(
    [
        "application_name",
        "cache",
        "channel_binding",
        "connect_timeout",
        "dbname",
        "host",
        "mode",
        "port",
        "sslmode",
        "target_session_attrs",
        "timeout",
        "uri",
        "user",
        "vfs",
        "immutable",
    ]
)
_LEAST: Final = 3  # shorter pieces would hide half of a message


def without_password(url: str) -> str:
    """Return a URL without its password and without the values of options that may hold one."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        return unreadable(url)
    if url.partition("://")[2].count("@") > 1:  # a password with an @ in it, whose end nobody knows
        return unreadable(url)
    hidden = {k: v if k.lower() in _SHOWN else HIDDEN for k, v in parsed.query.items()}
    return parsed.set(query=hidden).render_as_string(hide_password=True).replace("%2A%2A%2A", HIDDEN)


def unreadable(url: str) -> str:
    """Return what may be shown of a text that is no URL: its protocol if it may hold a password."""
    protocol, separator, rest = url.partition("://")
    harmless = not re.search(r"[@?:]|pass|pwd|secret|token", rest if separator else url, re.IGNORECASE)
    if harmless:
        return url[:80]
    return f"{protocol[:20]}://{HIDDEN}" if separator and protocol.replace("+", "").isalnum() else HIDDEN


def scrubbed(message: str, url: str) -> str:
    """Return a message of a driver with everything hidden that may be a secret of the URL.

    Args:
        message: Text that may quote a part of the URL.
        url: The URL that the driver was given.
    """
    for piece in sorted(_pieces(url), key=len, reverse=True):
        message = message.replace(piece, HIDDEN)
    return message


def _pieces(url: str) -> set[str]:
    """Return what may be secret in a URL, as written and decoded, whole and between separators."""
    rest = url.partition("://")[2]
    credentials = rest.rpartition("@")[0]
    found = {credentials.partition(":")[2]}
    query = re.split(r"[&;]", rest.partition("?")[2]) if "?" in rest else []
    found |= {v for k, _, v in (option.partition("=") for option in query) if k.lower() not in _SHOWN}
    try:
        found.add(str(make_url(url).password or ""))
    except (ArgumentError, ValueError):
        found.add(rest.partition(":")[2])
    found |= {decode(piece) for piece in found for decode in (unquote, unquote_plus)}
    found |= {part for piece in found for part in re.split(r"[@:/?#&=%\s]+", piece)}
    return {piece for piece in found if len(piece) >= _LEAST}
