"""nas profile: what fits, before anything is trained."""

from typing import Annotated

import typer

from nas.commands._options import Json


def COMMAND(  # noqa: N802
    budget: Annotated[
        list[str] | None,
        typer.Option("--budget", metavar="BUDGET", help="As for nas search.", show_default=False),
    ] = None,
    space: Annotated[
        str, typer.Option("--space", metavar="SPACE", help="A file in search_spaces/catalog, or YAML.")
    ] = "hybrid_small",
    classes: Annotated[int, typer.Option("--classes", metavar="N", help="Classes of the images.")] = 10,
    channels: Annotated[
        int, typer.Option("--channels", metavar="N", help="1 for grey images, 3 for colour.")
    ] = 3,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Of the draws.")] = 0,
    json: Json = False,
) -> None:
    """Show what share of a space fits a budget and what its networks take.

    Nothing is built or trained; it takes a second.

    Example: nas profile --budget 300M-MACs --budget 4M-params --space hybrid
    """
    import json as json_format

    from nas import api
    from nas.commands._profile_tables import print_profile

    found = api.profile(budget or [], space=space, classes=classes, channels=channels, seed=seed)
    if json:
        typer.echo(json_format.dumps(found.to_json(), indent=2))
    else:
        print_profile(found)
