"""`Connection`: requests to a service and their answers; needs no web package."""

import json
import os
import shlex
import shutil
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException, HTTPResponse, IncompleteRead
from pathlib import Path
from typing import Any, BinaryIO, Final

from typing_extensions import override

from search_spaces.errors import UserError

SERVER: Final = "http://127.0.0.1:8090"
TIMEOUT_S: Final = 120.0
FILE_TIMEOUT_S: Final = 1200.0


class ServiceError(UserError):
    """An answer of a service that is a problem, with its line.

    Attributes:
        status: HTTP status of the answer; 0 if none came.
    """

    def __init__(self, message: str, *, status: int = 0, exit_status: int = 2) -> None:
        super().__init__(message)
        self.status = status
        self.exit_status = exit_status


class StayHere(urllib.request.HTTPRedirectHandler):
    """Follows no answer to another address, which would get the token too."""

    @override
    def redirect_request(self, *_: Any, **__: Any) -> None:
        return None


_OPENER: Final = urllib.request.build_opener(StayHere)


class Connection:
    """An address and a token by which one user asks a service.

    Args:
        url: Address of the server; by default ``$NAS_SERVER``, else port 8090 of this machine.
        token: Token from ``nas tokens create``; by default ``$NAS_TOKEN``.

    Raises:
        ServiceError: if address or token cannot be one, and by every method, if the service does not answer
            or refuses; a user can fix it.
    """

    def __init__(self, url: str | None = None, token: str | None = None) -> None:
        self._named = bool(url)
        self.url: Final = (url or os.environ.get("NAS_SERVER") or SERVER).rstrip("/")
        if not self.url.startswith(("http://", "https://")):
            raise ServiceError(
                f"Cannot read the server '{self.url}': expected an address such as {SERVER}. Give one with "
                f"--server or $NAS_SERVER."
            )
        given = token or os.environ.get("NAS_TOKEN") or ""
        self._token = given.strip()  # files of secrets end in a newline
        if not (self._token.isascii() and self._token.isprintable()):
            raise ServiceError(
                "Cannot read the token: expected one line of ASCII, as nas tokens create prints it. Give it "
                "in $NAS_TOKEN."
            )

    @property
    def jobs(self) -> str:
        """Words of the command that lists the jobs of this server, with the address if that was given."""
        return f"nas --server {shlex.quote(self.url)} jobs" if self._named else "nas jobs"

    def json(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        timeout_s: float = TIMEOUT_S,
        **query: Any,
    ) -> dict[str, Any]:
        """Return the answer to a request as data.

        Args:
            method: Method of HTTP.
            path: Path below ``/v1``.
            body: What is sent, as JSON; None for nothing.
            timeout_s: Seconds to wait for an answer.
            query: Values of the query; those that are None are left out.
        """
        with self.open(method, path, body=body, timeout_s=timeout_s, **query) as answer:
            try:
                record: dict[str, Any] = json.load(answer)
            except ValueError:
                raise ServiceError(
                    f"The server {self.url} answered no JSON: expected a service of nas. Check the address."
                ) from None
            return record

    def file(self, path: str, to: Path, **query: Any) -> Path:
        """Write what a path answers to a file, which is there whole or not at all, and return it."""
        with self.open("GET", path, timeout_s=FILE_TIMEOUT_S, **query) as answer:
            draft = to.with_name(f".{to.name}.part")
            try:
                with draft.open("wb") as written:
                    shutil.copyfileobj(answer, written)
                if answer.length:  # bytes that are left: reading in pieces does not say so
                    raise IncompleteRead(b"", answer.length)
                draft.replace(to)
            except (ConnectionError, TimeoutError):
                raise
            except OSError as error:
                raise ServiceError(
                    f"Cannot write '{to}': {error.strerror or error}. Expected a file that you may write."
                ) from error
            finally:
                draft.unlink(missing_ok=True)
        return to

    @contextmanager
    def open(
        self,
        method: str,
        path: str,
        *,
        body: Mapping[str, Any] | None = None,
        content: BinaryIO | None = None,
        timeout_s: float = TIMEOUT_S,
        **query: Any,
    ) -> Iterator[HTTPResponse]:
        """Yield the answer to a request; `content` is an open file that is sent as it is."""
        given = {name: value for name, value in query.items() if value is not None}
        text = f"?{urllib.parse.urlencode(given, doseq=True)}" if given else ""
        request = urllib.request.Request(
            f"{self.url}/v1{path}{text}",
            method=method,
            data=content if body is None else json.dumps(body).encode(),
            headers={"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        if content is not None:
            request.add_header("Content-Type", "application/octet-stream")
            request.add_header("Content-Length", str(os.fstat(content.fileno()).st_size))
        try:
            answer: HTTPResponse = _OPENER.open(request, timeout=timeout_s)
        except urllib.error.HTTPError as error:
            raise _problem(error) from None
        except (urllib.error.URLError, HTTPException, OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise ServiceError(
                f"The server {self.url} does not answer: {reason}. Check the address, and that nas serve "
                f"runs."
            ) from error
        try:
            with answer:
                yield answer
        except (HTTPException, ConnectionError, TimeoutError) as error:
            raise ServiceError(
                f"The answer of {self.url} broke off: {error!r}. Check that nas serve runs; its jobs go on, "
                f"see them with: {self.jobs}"
            ) from error


def _problem(error: urllib.error.HTTPError) -> ServiceError:
    """Return the error of an answer that is a problem, of ours or of a proxy before us."""
    with error:
        try:
            record = json.load(error)
            return ServiceError(record["detail"], status=error.code, exit_status=record["exit_status"])
        except (ValueError, KeyError, TypeError):
            return ServiceError(
                f"The server answered {error.code} {error.reason}: expected a service of nas. Check the "
                f"address.",
                status=error.code,
            )
