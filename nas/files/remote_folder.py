"""A folder behind a URL of fsspec: uploads files atomically, downloads, lists and deletes them."""

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

_ATOMIC: Final = frozenset({"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "oss", "oci", "r2"})
"""Object stores: an upload is atomic, and folders need not be created."""
_PERMANENT: Final = (PermissionError, NotADirectoryError, IsADirectoryError, NotImplementedError)
_SSH: Final = ("sftp", "ssh")


class RemoteFolder:
    """A folder that all machines reach by the same URL.

    Uploads are atomic: other machines see the whole file or none of it. Every method raises `FilesError`, in
    one line, for any error of the file system.

    Args:
        url: URL checked by `nas.files.urls.checked_url`.
    """

    def __init__(self, url: str) -> None:
        self.url: Final = url
        self._opened: tuple[Any, str] | None = None

    def put(self, source: Path, name: str) -> None:
        """Upload a file atomically, replacing one of the same name: to a temporary name, then renamed."""
        with self._file_errors("write", name):
            system, path = self._at(name)
            if protocol_of(self.url) in _ATOMIC:
                system.put_file(str(source), path)
                return
            parent, _, last = path.rpartition("/")
            draft = f"{parent}/.{last}-{uuid.uuid4().hex[:8]}"
            system.makedirs(parent, exist_ok=True)
            try:
                system.put_file(str(source), draft)
                system.mv(draft, path)
            except BaseException:
                self._delete_draft(system, draft)
                raise

    def fetch(self, name: str, to: Path) -> None:
        """Download a file.

        Raises:
            FileNotFoundError: if there is none.
        """
        with self._file_errors("read", name, may_be_missing=True):
            system, path = self._at(name)
            try:
                system.get_file(path, str(to))
            except BaseException:
                to.unlink(missing_ok=True)
                raise

    def opened(self, name: str) -> BinaryIO:
        """Return a temporary copy of a file, open for reading and deleted when closed.

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
            with self._file_errors("look at", name, may_be_missing=True):
                system, path = self._at(name)
                system.info(path)  # its exists() returns False when the network is down
        except FileNotFoundError:
            return False
        return True

    def sizes(self, below: str = "") -> dict[str, int]:
        """Return the sizes in bytes of the files below a folder by name, {} if it does not exist."""
        try:
            with self._file_errors("list", below, may_be_missing=True):
                system, path = self._at(below)
                system.info(path)  # its find() returns nothing when the network is down
                found = system.find(path, detail=True)
        except FileNotFoundError:
            return {}
        url = system.unstrip_protocol  # some file systems find paths, others URLs
        start = len(url(self._at("")[1])) + 1
        return {url(name)[start:]: int(info["size"]) for name, info in found.items()}

    def remove(self, name: str) -> None:
        """Delete a file, or a folder with its content, if it exists."""
        if not self.exists(name):
            return
        with self._file_errors("remove", name):
            system, path = self._at(name)
            system.rm(path, recursive=True)

    def probe(self) -> None:
        """Check that a file can be uploaded, replaced, downloaded and deleted; a folder made for it goes."""
        try:
            was_there = protocol_of(self.url) in _ATOMIC or self.exists("")
            self._probe()
            if not was_there:
                with self._file_errors("remove", ""):
                    system, path = self._at("")
                    system.rmdir(path)
        except FilesError as error:
            if isinstance(error.__cause__, ImportError):
                raise
            raise FilesError(
                f"{error} Expected a URL at which this machine can read and write: check the URL, and keys "
                f"and hosts in the file system's configuration."
            ) from error

    def _probe(self) -> None:
        name = f".probe-{uuid.uuid4().hex}"
        with tempfile.TemporaryDirectory(prefix="nas-") as scratch:
            token, back = Path(scratch) / "token", Path(scratch) / "back"
            if self.exists(name):
                raise FilesError(f"Cannot use '{self.url}': it reports a file that was never written.")
            for text in ("first", name):
                token.write_text(text, encoding="utf-8")
                self.put(token, name)
            self.fetch(name, back)
            self.remove(name)
            if back.read_text(encoding="utf-8", errors="replace") != name:
                raise FilesError(
                    f"Cannot use '{self.url}': a file read back differs from the file written. Expected "
                    f"storage that returns the last version of a file."
                )

    def _at(self, name: str) -> tuple[Any, str]:
        """Return the file system and the path of a file in it; connects on first use."""
        if self._opened is None:
            options: dict[str, Any] = {
                "skip_instance_cache": True,
                **_host_key_options(protocol_of(self.url)),
            }
            self._opened = fsspec.core.url_to_fs(self.url, **options)
        system, root = self._opened
        system.invalidate_cache()  # other machines write to it too
        return system, f"{root.rstrip('/')}/{name}" if name else root.rstrip("/")

    @contextmanager
    def _file_errors(self, action: str, name: str, *, may_be_missing: bool = False) -> Iterator[None]:
        """Turn errors of the file system into `FilesError`."""
        file = f"{self.url}/{name}" if name else self.url
        try:
            yield
        except FilesError:
            raise
        except ImportError as error:
            raise FilesError(_missing_package(self.url, error)) from error
        except FileNotFoundError as error:
            if may_be_missing:
                raise
            raise FilesError(f"Cannot {action} '{file}': {_reason(error)}.") from error
        except Exception as error:  # every file system has errors of its own
            self._opened = None  # the connection may be broken; the next call makes another
            passing = not isinstance(error, _PERMANENT)
            raise FilesError(f"Cannot {action} '{file}': {_reason(error)}.", passing=passing) from error

    @staticmethod
    def _delete_draft(system: Any, draft: str) -> None:
        try:
            system.rm_file(draft)
        except Exception as error:  # every file system has errors of its own; the first error is reported
            _log.warning("Cannot remove %s: %s", draft, _reason(error))


def _host_key_options(protocol: str) -> dict[str, Any]:
    """Return options that restrict ssh to known hosts, unless the user's configuration sets a policy."""
    if protocol not in _SSH or "host_key_policy" in fsspec.config.conf.get(protocol, {}):
        return {}
    return {"host_key_policy": known_hosts_policy()}


def _missing_package(url: str, error: ImportError) -> str:
    cause = error if error.name or not isinstance(error.__cause__, ImportError) else error.__cause__
    package = (cause.name or "").partition(".")[0] or f"what fsspec needs for {protocol_of(url)}"
    return (
        f"Cannot use '{url}': {package} is not installed. Expected it on every machine of the search: "
        f"pip install {package}"
    )


def _reason(error: BaseException) -> str:
    message = " ".join(str(error).split())[:200].rstrip(". ")
    return f"{type(error).__name__}: {message}" if message else type(error).__name__
