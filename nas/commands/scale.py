"""nas scale: a family of networks for a family of budgets."""

import json as json_format
from typing import Annotated

import typer

from nas.commands._options import Json, Storage


def COMMAND(  # noqa: N802
    network: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK",
            help="A published network, an architecture file, an export folder, STUDY#12 or STUDY (its best).",
        ),
    ],
    budget: Annotated[
        list[str] | None,
        typer.Option(
            "--budget", metavar="BUDGET", help="As for nas search; one network each.", show_default=False
        ),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(
            "--rule",
            metavar="RULE",
            help="compound, fast_compound, tinynet, x3d, front; by default front for a study, else compound.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to", metavar="DIR", help="Write each as architecture JSON there.", show_default=False
        ),
    ] = None,
    train: Annotated[
        bool, typer.Option("--train", help="Decide the steps of x3d by training a network for each axis.")
    ] = False,
    data: Annotated[
        str, typer.Option("--data", metavar="DATA", help="What --train trains on; as for nas search.")
    ] = "digits",
    recipe: Annotated[
        str, typer.Option("--recipe", metavar="RECIPE", help="How --train trains; as for nas search.")
    ] = "proxy",
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Of --train.")] = 0,
    storage: Storage = None,
    json: Json = False,
) -> None:
    """Shrink or grow a network by a rule, one for each budget.

    Each budget is filled to 98 % or more. The rule decides resolution and depth; the width is then found by
    exact counting, so that the budget is met from below. `front` is this project's own: it follows the best
    networks of a study. What --to writes is a NETWORK for nas measure and nas scale.

    Example: nas scale efficientnet_b0_224 --budget 300M-MACs --budget 100M-MACs --budget 30M-MACs --to family
    """
    from dashboards.family_tables import print_family
    from nas import api

    family = api.scale(
        network,
        budget=budget or [],
        rule=rule,
        to=to,
        train=train,
        data=data,
        recipe=recipe,
        seed=seed,
        storage=storage,
        told=lambda line: typer.echo(line, err=True),
    )
    told = [member.to_json() for member in family]
    if json:
        typer.echo(json_format.dumps({"version": 1, "networks": told}, indent=2))
    else:
        print_family(network, told)
