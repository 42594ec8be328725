"""Web server of the Optuna dashboard, read-only, with notes, figures and pictures of the networks added.

The Optuna dashboard itself has no authentication and lets everybody who reaches it delete a study. Here every
request that could change something is refused, and other machines need a token.
"""

import errno
import json
import re
import socket
from collections.abc import Callable, Iterable, Sequence
from socketserver import ThreadingMixIn
from typing import Any, Final
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from optuna.storages import BaseStorage
from typing_extensions import override

from dashboards.artifacts import ArtifactPlace, Artifacts
from dashboards.dashboard_api import DashboardExtension
from dashboards.dashboard_style import STYLE
from dashboards.findings import Findings
from dashboards.renewal import RenewedApplication
from dashboards.result import TrialResult
from dashboards.web_access import Application, for_hosts, read_only, with_token
from search_spaces.errors import InvalidValueError, UserError, reason_of

HOST: Final = "127.0.0.1"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
_TOKEN: Final = re.compile(r"[A-Za-z0-9_.~-]{16,}")
_SEARCHED_PORTS: Final = 100
_STUDY: Final = re.compile(r"/api/studies/(\d+)/?")
_PICTURE: Final = re.compile(r"/nas/studies/(\d+)/trials/(\d+)\.svg")
_HEAD: Final = f"<style>{STYLE}</style></head>".encode()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _ServerV6(_Server):
    address_family = socket.AF_INET6


class _Silent(WSGIRequestHandler):
    @override
    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: the dashboard asks for new data every few seconds."""


def dashboard_server(
    storage: BaseStorage,
    *,
    port: int,
    host: str = HOST,
    token: str | None = None,
    gather: Callable[[int], Findings | None] = lambda _: None,
    fetch: Callable[[int, int], TrialResult | None] = lambda *_: None,
    places: Callable[[], Sequence[ArtifactPlace]] = list,
    generation: Callable[[], int] = int,
) -> WSGIServer:
    """Return a server of the dashboard, listening but not yet serving.

    Args:
        storage: Storage of the studies that are shown.
        port: TCP port, 0 for any free one.
        host: Address to listen on; by default loopback only.
        token: Secret that readers have to give; required unless `host` is a loopback address.
        gather: Function from a study's id to its findings, None for studies of other programs.
        fetch: Function from a study's id and a trial's number to the network as it is now.
        places: Function that returns the artifact stores of all studies.
        generation: Function that returns another number once a study was deleted or replaced.

    Raises:
        InvalidValueError: if other machines could reach it without a token, or the token is too weak.
        UserError: if the port cannot be used; names the next free one.
    """
    _check_token(host, token)
    application = dashboard_application(
        storage, gather=gather, fetch=fetch, artifacts=Artifacts(places), generation=generation
    )
    application = with_token(application, token) if token else for_hosts(application, _LOOPBACK)
    kind = _ServerV6 if ":" in host else _Server
    try:
        return make_server(host, port, application, server_class=kind, handler_class=_Silent)
    except (OSError, OverflowError) as error:
        if getattr(error, "errno", None) == errno.EADDRINUSE:
            raise UserError(
                f"Port {port} is in use: expected a free one. Try --port {_next_free(host, port)}."
            ) from error
        raise UserError(
            f"Cannot listen on {host}:{port}: {reason_of(error)}. Expected an address and port of this "
            f"machine, for example --port 8080."
        ) from error


def dashboard_application(
    storage: BaseStorage,
    *,
    gather: Callable[[int], Findings | None],
    fetch: Callable[[int, int], TrialResult | None],
    artifacts: Artifacts | None = None,
    generation: Callable[[], int] = int,
) -> Application:
    """Return the dashboard as a WSGI application that refuses every request but GET and HEAD.

    Args:
        storage: Storage of the studies that are shown.
        gather: Function from a study's id to its findings, None for studies of other programs.
        fetch: Function from a study's id and a trial's number to the network as it is now.
        artifacts: Files of trials that readers can have; None for none.
        generation: Function that returns another number once a study was deleted or replaced.
    """
    from optuna_dashboard import wsgi  # noqa: PLC0415 -- imports torch, two seconds

    held = (lambda _: False) if artifacts is None else artifacts.holds

    def make() -> Application:
        dashboard = wsgi(storage, artifact_store=artifacts)
        return _extended(dashboard, DashboardExtension(gather, fetch, held))

    return read_only(RenewedApplication(make, generation))


def _check_token(host: str, token: str | None) -> None:
    if token is None and host not in _LOOPBACK:
        raise InvalidValueError(
            f"Cannot serve on '{host}' without a token: others could read your searches. Give one with "
            f"--token, or leave --host out and use an ssh tunnel."
        )
    if token is not None and not _TOKEN.fullmatch(token):
        raise InvalidValueError(
            "Cannot use this --token: expected at least 16 letters, digits and any of _ . ~ -, for example "
            "from: openssl rand -hex 16"
        )


def _extended(dashboard: Application, extension: DashboardExtension) -> Application:
    """Return the Optuna dashboard with notes, figures, pictures and the best network that fits."""
    best: dict[int, dict[int, dict[str, Any]]] = {}  # former best trials by study and number

    def study_answer(number: int, body: bytes, environ: dict[str, Any]) -> bytes:
        answer = json.loads(body)

        def ask(query: dict[str, Any]) -> bytes:
            return _answer(dashboard, {**environ, **query})[2]

        _put_best_first(answer, extension.best(number), best.setdefault(number, {}), ask)
        return json.dumps(extension.study(number, answer)).encode()

    def extended(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        svg, study = _PICTURE.fullmatch(path), _STUDY.fullmatch(path)
        if svg is not None:
            return _picture(extension, int(svg[1]), int(svg[2]), start_response)
        if study is None and not path.startswith("/dashboard"):
            return dashboard(environ, start_response)
        status, headers, body = _answer(dashboard, dict(environ))
        if status.startswith("200") and study is None:
            body = body.replace(b"</head>", _HEAD, 1)
        elif status.startswith("200") and study is not None:
            body = study_answer(int(study[1]), body, environ)
        headers = [(name, value) for name, value in headers if name.lower() != "content-length"]
        start_response(status, [*headers, ("Content-Length", str(len(body)))])
        return [body]

    return extended


def _answer(application: Application, environ: dict[str, Any]) -> tuple[str, list[tuple[str, str]], bytes]:
    """Return status, headers and body of an application's answer to a request."""
    start: list[Any] = []
    body = application(environ, lambda status, headers, _=None: start.extend((status, headers)))
    try:
        return start[0], start[1], b"".join(body)
    finally:
        if hasattr(body, "close"):
            body.close()


def _put_best_first(
    answer: dict[str, Any],
    best: list[int] | None,
    known: dict[int, dict[str, Any]],
    ask: Callable[[dict[str, Any]], bytes],
) -> None:
    """Replace the best trial by the best one that fits: the Optuna dashboard ignores constraints.

    Args:
        answer: Answer on a study; changed in place.
        best: Number of the best trial that fits, empty if none does; None for a study of another program.
        known: Trials of the study that were the best before, by number; asking for another one is slow.
        ask: Function from a query to the Optuna dashboard's answer.
    """
    if best is None or [trial["number"] for trial in answer["best_trials"]] == best:
        return
    for number in best:
        if number not in known:
            here = [trial for trial in answer["trials"] if trial["number"] == number]
            found = here or json.loads(ask({"QUERY_STRING": f"after={number}"}))["trials"]
            known[number] = dict(found[0])
    answer["best_trials"] = [dict(known[number]) for number in best]


def _picture(
    extension: DashboardExtension, study: int, trial: int, start_response: Callable[..., Any]
) -> Iterable[bytes]:
    """Answer with the SVG of a network, or 404."""
    svg = extension.picture(study, trial)
    if svg is None:
        start_response("404 Not Found", [("Content-Type", "text/plain")])
        return [b"no such network\n"]
    body = svg.encode()
    start_response(
        "200 OK",
        [
            ("Content-Type", "image/svg+xml; charset=utf-8"),
            ("Content-Length", str(len(body))),
            ("Cache-Control", "max-age=3600"),  # notes add the fingerprint to the address
        ],
    )
    return [body]


def _next_free(host: str, port: int) -> int:
    """Return the next higher port on which nobody listens, 0 if none was found."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for candidate in range(port + 1, min(port + _SEARCHED_PORTS, 65_535)):
        with socket.socket(family) as probe:
            if probe.connect_ex((host, candidate)):
                return candidate
    return 0
