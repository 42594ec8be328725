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
    proxy: Annotated[
        bool,
        typer.Option(
            "--proxy",
            help="Train a small sample by the search's recipe and to convergence, and show how well the "
            "first ranks. Takes as long as that many full trainings.",
            show_default=False,
        ),
    ] = False,
    data: Annotated[
        str, typer.Option("--data", metavar="DATA", help="Images for --proxy: digits, or a path.")
    ] = "digits",
    recipe: Annotated[
        str, typer.Option("--recipe", metavar="RECIPE", help="The short training for --proxy.")
    ] = "proxy",
    full: Annotated[
        str, typer.Option("--full", metavar="RECIPE", help="What --proxy compares it with.")
    ] = "full",
    networks: Annotated[
        int, typer.Option("--networks", metavar="N", help="How many networks --proxy trains by both.")
    ] = 10,
    gpus_per_trial: Annotated[
        float | None,
        typer.Option(
            "--gpus-per-trial", metavar="SHARE", help="GPUs for each training of --proxy.", show_default=False
        ),
    ] = None,
    storage_path: Annotated[
        str, typer.Option("--storage-path", metavar="DIR", help="Folder for the checkpoints of --proxy.")
    ] = "nas-runs",
    json: Json = False,
) -> None:
    """Show what fits a budget before anything is trained.

    It tells what share of a space fits and what its networks take, in a second. With --proxy it trains, and
    the same command again goes on after a kill: Kendall's tau says how well the values at each rung rank
    networks, 1 for perfectly.

    Example: nas profile --budget 300M-MACs --budget 4M-params --space hybrid
    """
    import json as json_format

    from nas import api
    from nas.commands._profile_tables import print_profile, print_proxy

    if proxy:
        worth = api.profile_proxy(
            budget or [],
            space=space,
            data=data,
            recipe=recipe,
            full=full,
            networks=networks,
            seed=seed,
            gpus_per_trial=gpus_per_trial,
            storage_path=storage_path,
            told=lambda line: typer.echo(line, err=True),
        )
        if json:
            typer.echo(json_format.dumps(worth.to_json(), indent=2))
        else:
            print_proxy(worth)
        return
    found = api.profile(budget or [], space=space, classes=classes, channels=channels, seed=seed)
    if json:
        typer.echo(json_format.dumps(found.to_json(), indent=2))
    else:
        print_profile(found)
