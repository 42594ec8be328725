"""Serves the Optuna dashboard of a storage, for reading only.

The stock dashboard has no authentication and lets whoever reaches it delete a study; here every
request that could change something is refused.
"""

import errno
import socket
from collections.abc import Callable, Iterable
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from optuna.storages import BaseStorage, get_storage
from typing_extensions import override

from search_spaces.errors import UserError

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

HOST: Final = "127.0.0.1"
_READING: Final = ("GET", "HEAD")
_SEARCHED_PORTS: Final = 100


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the dashboard asks for new data every few seconds."""


def dashboard_server(storage: BaseStorage, *, port: int, host: str = HOST) -> WSGIServer:
    """Return a server of the dashboard, listening but not yet serving.

    Args:
        storage: Whose studies are shown.
        port: Where it listens; 0 for any free one.
        host: Address of this machine; loopback unless asked otherwise.

    Raises:
        UserError: if the port cannot be used; offers the next free one.
    """
    from optuna_dashboard import wsgi  # noqa: PLC0415 -- imports torch, two seconds

    application = read_only(wsgi(get_storage(storage)))
    try:
        return make_server(host, port, application, server_class=_Server, handler_class=_Silent)
    except (OSError, OverflowError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise UserError(
                f"Port {port} is in use: expected a free one. Try --port {_next_free(host, port)}."
            ) from error
        raise UserError(
            f"Cannot listen on {host}:{port}: {error}. Expected a port of this machine, for example "
            f"--port 8080."
        ) from error


def read_only(application: Application) -> Application:
    """Return a web application that refuses every request that could change something."""

    def guarded(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        if environ["REQUEST_METHOD"] not in _READING:
            start_response("403 Forbidden", [("Content-Type", "application/json")])
            return [b'{"reason": "This dashboard is for reading only."}']
        environ.setdefault("HTTP_ACCEPT_ENCODING", "")  # the dashboard fails without it
        return application(environ, start_response)

    return guarded


def _next_free(host: str, port: int) -> int:
    """Return the next port above one in use on which nobody listens."""
    for candidate in range(port + 1, min(port + _SEARCHED_PORTS, 65_535)):
        with socket.socket() as probe:
            if probe.connect_ex((host, candidate)):
                return candidate
    return 0
