"""ASGI middleware: limits the length of requests, checks their Host, and sets headers for browsers."""

from collections.abc import Awaitable, Callable, MutableMapping
from http import HTTPStatus
from typing import Any, Final, TypeAlias

from starlette.exceptions import HTTPException

from nas.service.problems import problem

Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
Application: TypeAlias = Callable[[Message, Receive, Send], Awaitable[None]]

MOST_BYTES: Final = 256 * 1024
"""Longest body of a request that is no upload."""
UPLOADS: Final = "/v1/data/"
_HEADERS: Final = (
    (b"content-security-policy", b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
     b" connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"same-origin"),  # none at all makes browsers send forms with the origin null
    (b"cache-control", b"no-store"),
)  # fmt: skip


class Guard:
    """An application around another one.

    Args:
        application: The application that answers.
        hosts: Names by which this server is asked; None for any. For a loopback address this keeps web pages
            of others from reaching it by a name of their own (DNS rebinding).
    """

    def __init__(self, application: Application, hosts: frozenset[str] | None = None) -> None:
        self._application, self._hosts = application, hosts

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        headers = {name.lower(): value for name, value in scope["headers"]}

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name.lower() for name, _ in message["headers"]}
                added = [pair for pair in _HEADERS if pair[0] not in present]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        if self._hosts is not None and _host(headers.get(b"host", b"")) not in self._hosts:
            detail = f"This server answers only to {', '.join(sorted(self._hosts))}: expected one of these."
            await problem(HTTPStatus.MISDIRECTED_REQUEST, detail)(scope, receive, guarded)
            return
        uploads = scope["method"] == "PUT" and scope["path"].startswith(UPLOADS)  # it counts by itself
        await self._application(scope, receive if uploads else _limited(receive), guarded)


def _limited(receive: Receive) -> Receive:
    length = 0

    async def limited() -> Message:
        nonlocal length
        message = await receive()
        length += len(message.get("body", b""))
        if length > MOST_BYTES:
            detail = f"The body is too long: expected at most {MOST_BYTES // 1024} KiB."
            raise HTTPException(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, detail)  # FastAPI lets no other through
        return message

    return limited


def _host(header: bytes) -> str:
    text = header.decode("latin-1").lower()
    return text.rpartition("]")[0].lstrip("[") if "]" in text else text.partition(":")[0]
