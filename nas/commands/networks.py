"""nas networks: lists the published networks that commands take by name."""

from typing import Annotated

import typer

from nas.commands._options import COUNTED_BUDGETS, Channels, Json


def COMMAND(  # noqa: N802
    fits: Annotated[
        list[str] | None,
        typer.Option(
            "--fits",
            metavar="BUDGET",
            help=f"List only networks within this budget, {COUNTED_BUDGETS} Can be repeated.",
            show_default=False,
        ),
    ] = None,
    classes: Annotated[int, typer.Option("--classes", metavar="N", help="Number of classes.")] = 1000,
    channels: Channels = 3,
    json: Json = False,
) -> None:
    """List the published networks that commands take by name.

    Shows the exact costs of each. nas measure and nas scale take them as they are. With --seed-with, nas
    search trains one first; with --weights, it starts from its published weights where these are available.

    Example: nas networks --fits 300M-MACs
    """
    import json as json_format

    from dashboards.catalog_tables import print_networks
    from nas import api

    found = [
        network.to_json() for network in api.networks(fits=fits or [], classes=classes, channels=channels)
    ]
    if json:
        typer.echo(json_format.dumps({"version": 1, "networks": found}, indent=2))
    else:
        print_networks(found)
