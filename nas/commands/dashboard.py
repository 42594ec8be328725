"""nas dashboard: serves the Optuna dashboard beside a search."""

from typing import Annotated

import typer

from nas.commands._options import Storage, Study


def COMMAND(  # noqa: N802
    study: Study = None,
    storage: Storage = None,
    host: Annotated[
        str,
        typer.Option(
            "--host",
            metavar="HOST",
            help="Address to listen on; 0.0.0.0 and a --token let other machines in.",
        ),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="PORT", help="Port to listen on.")] = 8080,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            metavar="TOKEN",
            envvar="NAS_DASHBOARD_TOKEN",
            help="Password that a browser has to send once.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Watch searches in the Optuna dashboard, live, in a browser.

    Learning curves grow as networks train. Each trial has a note with a table and a picture of its network;
    each study has a note with the results so far. The dashboard is read-only and listens on this machine
    alone unless --host and --token are given. Stop it with Ctrl-C.

    Example: nas dashboard --port 8080
    """
    from nas import api

    address, server = api.dashboard(study, storage=storage, host=host, port=port, token=token)
    with server:
        typer.echo(f"{address}  (Ctrl-C stops it)", err=True)
        server.serve_forever()
