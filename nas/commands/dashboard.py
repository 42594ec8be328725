"""nas dashboard: the Optuna dashboard beside a search."""

from typing import Annotated

import typer

from nas.commands._options import Storage, Study


def COMMAND(  # noqa: N802
    study: Study = None,
    storage: Storage = None,
    port: Annotated[
        int, typer.Option("--port", metavar="PORT", help="Where it listens on 127.0.0.1.")
    ] = 8080,
) -> None:
    """Watch searches in the Optuna dashboard, live, in a browser.

    It listens on this machine only and changes nothing. Leave it with Ctrl-C.

    Example: nas dashboard --port 8080
    """
    from dashboards.launch import dashboard_server
    from nas import api

    address, opened = api.dashboard(study, storage=storage)
    with dashboard_server(opened, port=port) as server:
        typer.echo(f"http://127.0.0.1:{server.server_port}{address}  (Ctrl-C ends it)", err=True)
        server.serve_forever()
