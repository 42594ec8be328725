"""Runs the service: a web server and its workers in one process, jobs in processes of their own."""

import math
import os
import signal
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Final

import uvicorn

from nas.files.paths import absolute_path, location_of
from nas.service.access import Service
from nas.service.app import application
from nas.service.dispatcher import Dispatcher
from nas.service.job_table import JobTable
from nas.service.proxy_login import GROUPS_HEADER, USER_HEADER, ProxyLogin
from nas.service.quota_watch import QuotaWatch
from nas.service.quotas import Quota
from nas.service.search_options import Allowed
from nas.service.study_reader import StudyReader
from nas.service.tokens import AuditLog, Tokens
from nas.service.uploads import GIB
from nas.service.webhook import Receiver, Webhook
from nas.service.workers import Workers
from nas.storage.optuna_storage import storage_url
from nas.storage.own_folder import database_file
from search_spaces.errors import InvalidValueError, UserError, reason_of

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})
PORT: Final = 8090
_CONNECTS_S: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """How a server runs.

    Attributes:
        storage: Database URL; None for ``$NAS_STORAGE``, else ``sqlite:///nas.db``.
        host: Address to listen on.
        port: TCP port, 0 for any free one.
        workers: Number of searches that run side by side.
        storage_path: Folder for checkpoints, weights and logs.
        data: Data sets that users may name, each as ``NAME=PATH``, besides ``digits``.
        allow: Texts such as ``module:NAME`` or ``ssh://user@host`` that users may name.
        jobs_at_once: Most running searches of a user without a quota of its own.
        upload_gib: Most GiB of a data set that a user sends; 0 for none.
        trust_proxy: Networks of proxies that say who calls.
        proxy_group: Roles of groups, each as ``ROLE=GROUP``.
        proxy_user_header: Header with the name of the user.
        proxy_groups_header: Header with the groups of the user.
        webhook: Address that gets a report when a job ends; None for none.
        slot_hours: Hours in a month for which jobs of a user hold workers; None for any.
        disk_gib: GiB of data sets, studies and exports of a user; None for any.
        address: Address of the Ray cluster that trains; None for this machine.
        certificate: File of the TLS certificate; None for HTTP.
        key: File of its key.
    """

    storage: str | None = None
    host: str = "127.0.0.1"
    port: int = PORT
    workers: int = 1
    storage_path: str = "nas-runs"
    data: tuple[str, ...] = ()
    allow: tuple[str, ...] = ()
    jobs_at_once: int = 2
    upload_gib: float = 4.0
    webhook: str | None = None
    trust_proxy: tuple[str, ...] = ()
    proxy_group: tuple[str, ...] = ()
    proxy_user_header: str = USER_HEADER
    proxy_groups_header: str = GROUPS_HEADER
    slot_hours: float | None = None
    disk_gib: float | None = None
    address: str | None = None
    certificate: Path | None = None
    key: Path | None = None
    report_line: Callable[[str], None] = field(default=lambda _: None)


def serve(options: ServerOptions) -> None:
    """Serve until the process is interrupted.

    Raises:
        UserError: if an option cannot be used, the cluster cannot be reached, or the port is in use.
    """
    _check(options)
    if options.address is not None:
        _check_cluster(options.address)
    url = absolute_url(storage_url(options.storage))
    data = {"digits": "digits", **dict(map(_data_set, options.data))}
    workers = Workers(
        count=options.workers,
        storage_path=absolute_path(options.storage_path, "--storage-path"),
        data=data,
        jobs_at_once=options.jobs_at_once,
        upload_bytes=int(options.upload_gib * GIB),
        quota=Quota(slot_hours=options.slot_hours, disk_gib=options.disk_gib),
        address=options.address,
    )
    proxy = ProxyLogin.parse(
        options.trust_proxy,
        options.proxy_group,
        user_header=options.proxy_user_header,
        groups_header=options.proxy_groups_header,
    )
    receiver = None
    if options.webhook is not None:
        receiver = Receiver(options.webhook, os.environ.pop("NAS_WEBHOOK_SECRET", ""))
    workers.uploads.sweep()
    with _listening(options.host, options.port) as listener, JobTable(url) as table:
        tokens = Tokens(table)
        service = Service(
            table=table,
            tokens=tokens,
            audit=AuditLog(table),
            reader=StudyReader(url),
            workers=workers,
            allowed=Allowed(data=data, names=frozenset(options.allow)),
            proxy=proxy,
        )
        if not tokens.listed():
            options.report_line("There is no token yet. Make one with: nas tokens create USER --role admin")
        scheme = "http" if options.certificate is None else "https"
        host = f"[{options.host}]" if ":" in options.host else options.host
        port = listener.getsockname()[1]
        options.report_line(f"{scheme}://{host}:{port}  (Ctrl-C stops it)")
        signal.signal(signal.SIGTERM, _interrupt)  # uvicorn raises it again once it has ended
        with Dispatcher(table, workers), QuotaWatch(table, workers), Webhook(table, receiver):
            _run(service, options, listener)


def absolute_url(url: str) -> str:
    """Return a URL that names the same database from every folder."""
    file = database_file(url)
    return url if file is None else f"sqlite:///{file.resolve()}"


def _run(service: Service, options: ServerOptions, listener: socket.socket) -> None:
    hosts = LOOPBACK if options.host in LOOPBACK else None
    config = uvicorn.Config(
        application(service, hosts),
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=5,  # streams of events are open until then
        limit_concurrency=512,
        ssl_certfile=options.certificate,
        ssl_keyfile=options.key,
    )
    try:
        uvicorn.Server(config).run(sockets=[listener])
    except KeyboardInterrupt:
        options.report_line("Stopping: running searches go on when a server runs again.")


def _check(options: ServerOptions) -> None:
    for name, value, least in (
        ("workers", options.workers, 0),
        ("jobs-at-once", options.jobs_at_once, 1),
        ("upload-gib", options.upload_gib, 0),
    ):
        if not least <= value < math.inf:
            raise InvalidValueError(f"Cannot use --{name} {value}: expected a number from {least} on.")
    if (options.certificate is None) != (options.key is None):
        raise InvalidValueError(
            "Cannot serve TLS with one of --certificate and --key alone: expected both, or neither behind a "
            "proxy that adds TLS."
        )
    for file in (options.certificate, options.key):
        if file is not None and not file.is_file():
            raise InvalidValueError(f"There is no file '{file}': expected one in PEM format.")
    if options.certificate is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(
                options.certificate, options.key, password=lambda: b""
            )  # with a passphrase it would ask on the terminal
        except (OSError, ValueError) as error:
            raise InvalidValueError(
                f"Cannot serve TLS with '{options.certificate}' and '{options.key}': {reason_of(error)}. "
                f"Expected a certificate and its key in PEM format, without a passphrase."
            ) from error


def _check_cluster(address: str) -> None:
    """Connect to a Ray cluster once, as every job will.

    Raises:
        UserError: if it cannot be reached.
    """
    host, colon, port = address.rpartition(":")
    if colon and port.isdigit() and "://" not in address:
        try:
            socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECTS_S).close()
        except (OSError, OverflowError) as error:  # Ray would try for minutes
            raise UserError(
                f"Cannot use the Ray cluster at '{address}': {reason_of(error)}. Expected one that runs and "
                f"can be reached; leave --address out to train on this machine."
            ) from error
    from nas.ray_backend.connection import cluster_for  # noqa: PLC0415 -- Ray takes a second, most servers need none

    with cluster_for(address):
        pass


def _data_set(text: str) -> tuple[str, str]:
    """Return name and location of a data set.

    Raises:
        UserError: if the text or the path cannot be used.
    """
    name, equals, path = text.partition("=")
    if not equals or not name.replace("-", "").replace("_", "").isalnum():
        raise InvalidValueError(
            f"Cannot read --data '{text}': expected NAME=PATH, for example --data flowers=/data/flowers."
        )
    return name, location_of(path)


def _listening(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except (OSError, OverflowError) as error:
        raise UserError(
            f"Cannot listen on {host}:{port}: {reason_of(error)}. Expected an address and a free port of "
            f"this machine, for example --port {PORT + 1}."
        ) from error


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt
