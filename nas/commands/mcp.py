"""nas mcp: an MCP server, by which agents read studies and, if allowed, submit searches."""

from typing import Annotated

import typer

from nas.commands._options import Storage
from nas.commands._remote import SERVER


def COMMAND(  # noqa: N802
    storage: Storage = None,
    allow_submit: Annotated[
        bool,
        typer.Option(
            "--allow-submit", help="Let the agent submit searches to the service too.", show_default=False
        ),
    ] = False,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="URL",
            help="With --allow-submit. Address of the service. Default: $NAS_SERVER, else "
            "http://127.0.0.1:8090. The token is read from $NAS_TOKEN.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Let an agent read studies, and submit searches if allowed.

    It speaks the Model Context Protocol on standard input and output: give this command to your agent as an
    MCP server. Its tools say what fits, and return results, reasons and reports.

    Example: nas mcp --storage sqlite:///nas.db
    """
    from search_spaces.errors import InvalidValueError, UserError

    server = server or SERVER.get()
    if server is not None and not allow_submit:
        raise InvalidValueError("Cannot use --server alone: expected it with --allow-submit.")
    try:
        from nas.service.client import Client
        from nas.service.mcp_server import mcp_server
    except ModuleNotFoundError as error:
        if error.name != "fastmcp":
            raise
        raise UserError(
            "Cannot serve MCP: the package 'fastmcp' is not installed. Expected that of the extra 'mcp'. "
            "Install it with: pip install fastmcp"
        ) from None
    client = Client(server) if allow_submit else None
    mcp_server(storage, client).run("stdio", show_banner=False, log_level="WARNING")
