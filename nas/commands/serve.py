"""nas serve: searches of several users by HTTP, with a queue and a page."""

from pathlib import Path
from typing import Annotated

import typer

from nas.commands._options import Address, Storage


def COMMAND(  # noqa: N802
    storage: Storage = None,
    host: Annotated[
        str,
        typer.Option("--host", metavar="HOST", help="Address to listen on; 0.0.0.0 lets other machines in."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="PORT", help="Port to listen on.")] = 8090,
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", help="Searches that run side by side.")
    ] = 1,
    storage_path: Annotated[
        str, typer.Option("--storage-path", metavar="DIR", help="Folder of checkpoints, weights and logs.")
    ] = "nas-runs",
    data: Annotated[
        list[str] | None,
        typer.Option(
            "--data",
            metavar="NAME=PATH",
            help="Images that users may search on, besides digits. Repeat for several.",
            show_default=False,
        ),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(
            "--allow",
            metavar="TEXT",
            help="A module:NAME or target such as ssh://user@host that users may name. Repeat for several.",
            show_default=False,
        ),
    ] = None,
    jobs_at_once: Annotated[
        int,
        typer.Option("--jobs-at-once", metavar="N", help="Searches of one user that run at once, at most."),
    ] = 2,
    upload_gib: Annotated[
        float,
        typer.Option(
            "--upload-gib", metavar="N", help="GiB of a data set that a user sends, at most; 0: none."
        ),
    ] = 4.0,
    slot_hours: Annotated[
        float | None,
        typer.Option(
            "--slot-hours",
            metavar="H",
            help="Hours in a month for which searches of one user hold workers, at most. Default: no limit.",
            show_default=False,
        ),
    ] = None,
    disk_gib: Annotated[
        float | None,
        typer.Option(
            "--disk-gib",
            metavar="N",
            help="GiB of data sets, studies and exports of one user, at most. Default: no limit.",
            show_default=False,
        ),
    ] = None,
    webhook: Annotated[
        str | None,
        typer.Option(
            "--webhook",
            metavar="URL",
            help="Address that gets a signed POST when a job ends. The secret is read from "
            "$NAS_WEBHOOK_SECRET.",
            show_default=False,
        ),
    ] = None,
    trust_proxy: Annotated[
        list[str] | None,
        typer.Option(
            "--trust-proxy",
            metavar="NETWORK",
            help="Network of proxies, for example 10.0.0.0/8: with --proxy-group they log users in by "
            "OIDC, else they say by which name browsers know the server. Repeat for several.",
            show_default=False,
        ),
    ] = None,
    proxy_group: Annotated[
        list[str] | None,
        typer.Option(
            "--proxy-group",
            metavar="ROLE=GROUP",
            help="Role of a group that the proxy names: viewer, user or admin. Repeat for several.",
            show_default=False,
        ),
    ] = None,
    proxy_user_header: Annotated[
        str, typer.Option("--proxy-user-header", metavar="NAME", help="Header with the name of the user.")
    ] = "X-Forwarded-Preferred-Username",
    proxy_groups_header: Annotated[
        str, typer.Option("--proxy-groups-header", metavar="NAME", help="Header with the user's groups.")
    ] = "X-Forwarded-Groups",
    address: Address = None,
    certificate: Annotated[
        Path | None,
        typer.Option("--certificate", metavar="PEM", help="Certificate for TLS.", show_default=False),
    ] = None,
    key: Annotated[
        Path | None, typer.Option("--key", metavar="PEM", help="Key of the certificate.", show_default=False)
    ] = None,
) -> None:
    """Run searches that a team submits by HTTP or on a page.

    Everyone needs a token, see nas tokens. Searches wait in a queue and take turns by fair shares; each runs
    in a process of its own. Killed searches continue when a server runs again. Stop it with Ctrl-C.

    Example: nas serve --workers 2 --data flowers=path/to/images
    """
    from search_spaces.errors import UserError

    try:
        from nas.service.server import ServerOptions, serve
    except ModuleNotFoundError as error:
        if error.name not in {"fastapi", "uvicorn", "starlette", "prometheus_client"}:
            raise
        raise UserError(
            f"Cannot serve: the package '{error.name}' is not installed. Expected those of the extra "
            f"'service'. Install them with: pip install fastapi uvicorn prometheus-client"
        ) from None
    serve(
        ServerOptions(
            storage=storage,
            host=host,
            port=port,
            workers=workers,
            storage_path=storage_path,
            data=tuple(data or ()),
            allow=tuple(allow or ()),
            jobs_at_once=jobs_at_once,
            upload_gib=upload_gib,
            webhook=webhook,
            trust_proxy=tuple(trust_proxy or ()),
            proxy_group=tuple(proxy_group or ()),
            proxy_user_header=proxy_user_header,
            proxy_groups_header=proxy_groups_header,
            slot_hours=slot_hours,
            disk_gib=disk_gib,
            address=address,
            certificate=certificate,
            key=key,
            report_line=lambda line: typer.echo(line, err=True),
        )
    )
