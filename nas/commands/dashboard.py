"""nas dashboard: the Optuna dashboard beside a search."""

from typing import Annotated

import typer

from nas.commands._options import Storage, Study


def COMMAND(  # noqa: N802
    study: Study = None,
    storage: Storage = None,
    host: Annotated[
        str,
        typer.Option("--host", metavar="HOST", help="Where it listens; other machines need a --token too."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", metavar="PORT", help="Where it listens on HOST.")] = 8080,
    token: Annotated[
        str | None,
        typer.Option(
            "--token",
            metavar="TOKEN",
            envvar="NAS_DASHBOARD_TOKEN",
            help="What readers have to give once.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Watch searches in the Optuna dashboard, live, in a browser.

    Curves grow as networks train; beside each trial stands its network as a table and a picture, beside
    the study what was found so far. It listens on this machine only, unless --host and --token say
    otherwise, and changes nothing. Leave it with Ctrl-C.

    Example: nas dashboard --port 8080
    """
    from nas import api

    address, server = api.dashboard(study, storage=storage, host=host, port=port, token=token)
    with server:
        typer.echo(f"{address}  (Ctrl-C ends it)", err=True)
        server.serve_forever()
