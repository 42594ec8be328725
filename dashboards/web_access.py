"""WSGI middleware: token authentication, host check, read-only access."""

import hmac
from collections.abc import Callable, Iterable
from typing import Any, Final, TypeAlias
from urllib.parse import parse_qs

Application: TypeAlias = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_READING: Final = ("GET", "HEAD")
_COOKIE: Final = "nas_token"


def read_only(application: Application) -> Application:
    """Return a web application that refuses every request but GET and HEAD."""

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in _READING:
            start_response("403 Forbidden", [("Content-Type", "application/json")])
            return [b'{"reason": "This dashboard is read-only."}']
        environ.setdefault("HTTP_ACCEPT_ENCODING", "")  # the dashboard fails without it
        return application(environ, start_response)

    return guarded


def for_hosts(application: Application, hosts: frozenset[str]) -> Application:
    """Return a web application that answers only requests whose Host header is one of `hosts`.

    This prevents DNS rebinding: a web page of another site that lets its own name point to this server.
    """

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        host = environ.get("HTTP_HOST", "").rpartition("]")[0].lstrip("[")  # [::1]:8080
        host = host or environ.get("HTTP_HOST", "").partition(":")[0]
        if host.lower() not in hosts:
            start_response("403 Forbidden", [("Content-Type", "text/plain; charset=utf-8")])
            return [f"This server answers only to the names {', '.join(sorted(hosts))}.\n".encode()]
        return application(environ, start_response)

    return guarded


def with_token(application: Application, token: str) -> Application:
    """Return a web application that asks for a token once and remembers the browser by a cookie.

    The token is given as ``?token=…`` or as ``Authorization: Bearer …``. Browsers send the cookies of a host
    to all of its ports, so the name of the cookie has the port that the browser asked for: two dashboards
    behind tunnels to one host keep their own.
    """

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        given = parse_qs(environ.get("QUERY_STRING", "")).get("token", [""])[0]
        if _same(given, token):
            cookie = f"{_cookie_name(environ)}={token}; Path=/; HttpOnly; SameSite=Strict"
            target = environ.get("PATH_INFO") or "/"
            target = "/" + target.lstrip("/\\")  # //elsewhere would redirect to another site
            start_response("302 Found", [("Location", target), ("Set-Cookie", cookie)])
            return [b""]
        bearer = environ.get("HTTP_AUTHORIZATION", "").removeprefix("Bearer ")
        if _same(bearer, token) or any(_same(cookie, token) for cookie in _cookies(environ)):
            return application(environ, start_response)
        start_response("401 Unauthorized", [("Content-Type", "text/plain; charset=utf-8")])
        return ["This dashboard needs its token: open it as …/?token=TOKEN.\n".encode()]

    return guarded


def _cookie_name(environ: dict[str, Any]) -> str:
    """Return the name of this dashboard's cookie, with the port that the browser asked for."""
    port = environ.get("HTTP_HOST", "").rpartition("]")[2].rpartition(":")[2]
    return f"{_COOKIE}_{port if port.isascii() and port.isdigit() else environ.get('SERVER_PORT', '')}"


def _cookies(environ: dict[str, Any]) -> list[str]:
    """Return the values of our cookie; cookies of other programs on the host may be written in any way."""
    pairs = (pair.partition("=") for pair in environ.get("HTTP_COOKIE", "").split(";"))
    name = _cookie_name(environ)
    return [value.strip().strip('"') for key, _, value in pairs if key.strip() == name]


def _same(given: str, expected: str) -> bool:
    """Return whether two texts are equal, in a time that does not depend on where they differ."""
    return hmac.compare_digest(given.encode(), expected.encode())
