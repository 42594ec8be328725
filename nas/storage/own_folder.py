"""Keeps paths relative to the folder of an SQLite file, so that a whole project can be moved and copied."""

from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from sqlalchemy import make_url

_HERE: Final = "./"
_LOCAL_URLS: Final = ("file://", "local://")


def database_file(url: str | None) -> Path | None:
    """Return the file of an SQLite database, links followed; None for a server and a database in memory."""
    if url is None or make_url(url).get_backend_name() != "sqlite":
        return None
    name = make_url(url).database
    if not name or name == ":memory:":
        return None
    return Path(unquote(urlsplit(name).path) if name.startswith("file:") else name).resolve()


def own_folder(url: str | None) -> Path | None:
    """Return the folder of an SQLite file; None for a database without one."""
    file = database_file(url)
    return None if file is None else file.parent


def portable(place: str, url: str | None) -> str:
    """Return a path or ``file://`` URL as it is stored: ``./...`` below the storage's own folder.

    Args:
        place: Absolute path or URL; any other text is returned unchanged.
        url: URL of the storage.
    """
    home = own_folder(url)
    protocol = next((p for p in _LOCAL_URLS if place.startswith(p)), "")
    path = Path(place.removeprefix(protocol))
    if home is None or not path.is_absolute() or path == home or not path.is_relative_to(home):
        return place
    return f"{protocol}{_HERE}{path.relative_to(home).as_posix()}"


def placed(stored: str, url: str | None) -> str:
    """Return the absolute path or URL of what `portable` returned, where the storage is now."""
    home = own_folder(url)
    protocol = next((p for p in _LOCAL_URLS if stored.startswith(p + _HERE)), "")
    if home is None or not (protocol or stored.startswith(_HERE)):
        return stored
    return f"{protocol}{home / stored.removeprefix(protocol).removeprefix(_HERE)}"


def found_again(path: str, url: str | None) -> str:
    """Return where a study's folder is that was stored as an absolute path, by an earlier version.

    Beside the SQLite file, if the project was moved or copied there with both; else where it was.

    Args:
        path: Absolute path of the folder, with the folder of all studies above it.
        url: URL of the storage.
    """
    home, old = own_folder(url), Path(path)
    if home is None or not old.is_absolute():
        return path
    here = home / old.parent.name / old.name
    return str(here) if here.is_dir() else path
