"""The token that a Ray of our own asks for, where the user has no home folder that it could lie in."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path


@contextmanager
def token_in(folder: Path) -> Iterator[None]:
    """Keep the token of our own Ray in `folder` where the user has no home that it could lie in."""
    if any(name in os.environ for name in ("RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH")) or _has_home():
        yield
        return
    path = folder / "auth_token"
    path.touch(mode=0o600)
    path.write_text(_secret(), encoding="ascii")
    os.environ["RAY_AUTH_TOKEN_PATH"] = str(path)
    try:
        yield
    finally:
        os.environ.pop("RAY_AUTH_TOKEN_PATH", None)


@cache
def _secret() -> str:
    """Return the token of every Ray that this process starts: Ray reads it once."""
    return secrets.token_hex(32)


def _has_home() -> bool:
    """Return whether Ray's token is, or can be written, in the home folder."""
    try:
        folder = Path.home() / ".ray"
        if (folder / "auth_token").exists():
            return os.access(folder / "auth_token", os.R_OK)
    except (
        RuntimeError,
        OSError,
    ):  # no name for this uid, and no HOME; or a home that may not be looked into
        return False
    return os.access(folder if folder.exists() else folder.parent, os.W_OK | os.X_OK)
