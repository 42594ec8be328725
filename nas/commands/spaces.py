"""nas spaces: lists the search spaces of the catalog."""

from typing import Annotated

import typer

from nas.commands._options import Channels, Json


def COMMAND(  # noqa: N802
    classes: Annotated[int, typer.Option("--classes", metavar="N", help="Number of classes.")] = 10,
    channels: Channels = 3,
    json: Json = False,
) -> None:
    """List search spaces and what their networks cost.

    nas profile --space SPACE --budget BUDGET shows how much of a space fits a budget; a YAML file defines a
    space of your own.

    Example: nas spaces
    """
    import json as json_format

    from dashboards.catalog_tables import print_spaces
    from nas import api

    found = [space.to_json() for space in api.spaces(classes=classes, channels=channels)]
    if json:
        typer.echo(json_format.dumps({"version": 1, "spaces": found}, indent=2))
    else:
        print_spaces(found)
