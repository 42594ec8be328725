"""A folder behind a URL of fsspec: whole files go there and come from there."""

import logging
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final

import fsspec

from nas.files.known_hosts import known_hosts_policy
from nas.files.urls import protocol_of
from search_spaces.errors import FilesError

_log = logging.getLogger(__name__)

_WHOLE: Final = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci", "r2"})
"""Object stores: an object appears whole or not at all, and there are no folders to make."""
_LASTING: Final = (PermissionError, NotADirectoryError, IsADirectoryError, NotImplementedError)
_SSH: Final = ("sftp", "ssh")


class RemoteFolder:
    """A folder that every machine reaches by the same URL.

    A file that is put there is seen whole or not at all. Every method raises `FilesError`, in one line, for
    whatever the file system complains about.

    Args:
        url: As `nas.files.urls.checked_url` returns it.
    """

    def __init__(self, url: str) -> None:
        self.url: Final = url
        self._opened: tuple[Any, str] | None = None

    def put(self, source: Path, name: str) -> None:
        """Put a file of this machine there, in place of one of that name."""
        with self._told("write", name):
            system, path = self._at(name)
            if protocol_of(self.url) in _WHOLE:
                system.put_file(str(source), path)
                return
            parent, _, last = path.rpartition("/")
            draft = f"{parent}/.{last}-{uuid.uuid4().hex[:8]}"
            system.makedirs(parent, exist_ok=True)
            try:
                system.put_file(str(source), draft)
                system.mv(draft, path)
            except BaseException:
                self._discard(system, draft)
                raise

    def fetch(self, name: str, to: Path) -> None:
        """Copy a file to this machine.

        Raises:
            FileNotFoundError: if there is none.
        """
        with self._told("read", name, may_lack=True):
            system, path = self._at(name)
            try:
                system.get_file(path, str(to))
            except BaseException:
                to.unlink(missing_ok=True)
                raise

    def opened(self, name: str) -> BinaryIO:
        """Return a copy of a file, open for reading, that is gone when it is closed.

        Raises:
            FileNotFoundError: if there is none.
        """
        with tempfile.TemporaryDirectory(prefix="nas-") as scratch:
            copy = Path(scratch) / "copy"
            self.fetch(name, copy)
            return copy.open("rb")

    def exists(self, name: str) -> bool:
        """Return whether there is a file of that name."""
        try:
            with self._told("look at", name, may_lack=True):
                system, path = self._at(name)
                system.info(path)  # its exists() says no while the network is away
        except FileNotFoundError:
            return False
        return True

    def sizes(self, below: str = "") -> dict[str, int]:
        """Return the files below a folder with their bytes, by name; none if there is no such folder."""
        try:
            with self._told("list", below, may_lack=True):
                system, path = self._at(below)
                system.info(path)  # its find() finds nothing while the network is away
                found = system.find(path, detail=True)
        except FileNotFoundError:
            return {}
        start = len(self._at("")[1]) + 1
        return {system._strip_protocol(name)[start:]: int(told["size"]) for name, told in found.items()}  # noqa: SLF001 -- fsspec's own way to compare paths

    def remove(self, name: str) -> None:
        """Remove a file, or a folder with all that is in it, if it is there."""
        if not self.exists(name):
            return
        with self._told("remove", name):
            system, path = self._at(name)
            system.rm(path, recursive=True)

    def probe(self) -> None:
        """Check that files can be put there, replaced, read, missed and removed."""
        try:
            self._try()
        except FilesError as error:
            if isinstance(error.__cause__, ImportError):
                raise
            raise FilesError(
                f"{error} Expected a place that this machine may write and read: check the URL, and what the "
                f"file system's configuration says of keys and hosts."
            ) from error

    def _try(self) -> None:
        name = f".probe-{uuid.uuid4().hex}"
        with tempfile.TemporaryDirectory(prefix="nas-") as scratch:
            token, back = Path(scratch) / "token", Path(scratch) / "back"
            if self.exists(name):
                raise FilesError(f"Cannot use '{self.url}': it says that it holds what nobody put there.")
            for text in ("first", name):
                token.write_text(text, encoding="utf-8")
                self.put(token, name)
            self.fetch(name, back)
            self.remove(name)
            if back.read_text(encoding="utf-8", errors="replace") != name:
                raise FilesError(
                    f"Cannot use '{self.url}': what was written there is not what is read. Expected a place "
                    f"that gives a file back as it was put there last."
                )

    def _at(self, name: str) -> tuple[Any, str]:
        """Return the file system and the path of a file in it."""
        if self._opened is None:
            options: dict[str, Any] = {"skip_instance_cache": True, **_security(protocol_of(self.url))}
            self._opened = fsspec.core.url_to_fs(self.url, **options)
        system, root = self._opened
        system.invalidate_cache()  # other machines write there too
        return system, f"{root.rstrip('/')}/{name}" if name else root.rstrip("/")

    @contextmanager
    def _told(self, doing: str, name: str, *, may_lack: bool = False) -> Iterator[None]:
        where = f"{self.url}/{name}" if name else self.url
        try:
            yield
        except FilesError:
            raise
        except ImportError as error:
            raise FilesError(_needs(self.url, error)) from error
        except FileNotFoundError as error:
            if may_lack:
                raise
            raise FilesError(f"Cannot {doing} '{where}': {_reason(error)}.") from error
        except Exception as error:  # every file system has errors of its own
            self._opened = None  # the connection may be broken; the next call makes another
            passing = not isinstance(error, _LASTING)
            raise FilesError(f"Cannot {doing} '{where}': {_reason(error)}.", passing=passing) from error

    @staticmethod
    def _discard(system: Any, draft: str) -> None:
        try:
            system.rm_file(draft)
        except Exception as error:  # every file system has errors of its own, and the first one is told
            _log.warning("Cannot remove %s: %s", draft, _reason(error))


def _security(protocol: str) -> dict[str, Any]:
    """Return what keeps a connection from a stranger, unless the user's configuration says so itself."""
    if protocol not in _SSH or "host_key_policy" in fsspec.config.conf.get(protocol, {}):
        return {}
    return {"host_key_policy": known_hosts_policy()}


def _needs(url: str, error: ImportError) -> str:
    cause = error if error.name or not isinstance(error.__cause__, ImportError) else error.__cause__
    package = (cause.name or "").partition(".")[0] or f"what fsspec needs for {protocol_of(url)}"
    return (
        f"Cannot use '{url}': {package} is not installed. Expected it on every machine of the search: "
        f"pip install {package}"
    )


def _reason(error: BaseException) -> str:
    said = " ".join(str(error).split())[:200].rstrip(". ")
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
