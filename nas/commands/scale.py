"""nas scale: makes a family of networks from one, for several budgets."""

import json as json_format
from typing import Annotated

import typer

from nas.commands import _choices
from nas.commands._options import (
    COUNTED_BUDGETS,
    DATA_HELP,
    NETWORK_HELP,
    RECIPE_HELP,
    Json,
    Storage,
    refuse_idle,
)


def COMMAND(  # noqa: N802
    network: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK",
            help=NETWORK_HELP,
        ),
    ],
    budget: Annotated[
        list[str] | None,
        typer.Option(
            "--budget",
            metavar="BUDGET",
            help=f"Cost to scale to, {COUNTED_BUDGETS} Repeat it; each gives one network.",
            show_default=False,
        ),
    ] = None,
    rule: Annotated[
        str | None,
        typer.Option(
            "--rule",
            metavar="RULE",
            help=f"Scaling rule: {_choices.RULES}. Default: front for a study, else compound.",
            show_default=False,
        ),
    ] = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="DIR",
            help="Write each network to this folder as an architecture file (JSON).",
            show_default=False,
        ),
    ] = None,
    classes: Annotated[
        int | None,
        typer.Option(
            "--classes",
            metavar="N",
            help="Number of classes. Default: those of the study or export, else 1000.",
            show_default=False,
        ),
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(
            "--channels",
            metavar="N",
            help="Image channels: 1 for greyscale, 3 for colour. Default: those of the study or export, "
            "else 3.",
            show_default=False,
        ),
    ] = None,
    train: Annotated[
        bool,
        typer.Option("--train", help="With --rule x3d: choose each step by training one network per axis."),
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(
            "--data", metavar="DATA", help=f"With --train. {DATA_HELP} Default: digits.", show_default=False
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="RECIPE",
            help=f"With --train. The training: {RECIPE_HELP} Default: proxy.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int | None,
        typer.Option(
            "--seed", metavar="S", help="With --train. Random seed. Default: 0.", show_default=False
        ),
    ] = None,
    storage: Storage = None,
    json: Json = False,
) -> None:
    """Shrink or grow a network by a rule, one for each budget.

    The rule sets resolution and depth; the width is then the largest that fits the budget. Where channels can
    grow in small steps each network takes at least 98 % of it; the share is printed. `front` is this
    project's own rule: it follows the Pareto front of a study. The files that --to writes can be given to nas
    measure and nas scale.

    Example: nas scale efficientnet_b0_224 --budget 300M-MACs --budget 100M-MACs --budget 30M-MACs --to family
    """
    from dashboards.family_tables import print_family
    from nas import api

    if not train:
        refuse_idle("without --train", data=data, recipe=recipe, seed=seed)
    family = api.scale(
        network,
        budget=budget or [],
        rule=rule,
        to=to,
        classes=classes,
        channels=channels,
        train=train,
        data=data,
        recipe=recipe,
        seed=seed,
        storage=storage,
        report_line=lambda line: typer.echo(line, err=True),
    )
    networks = [member.to_json() for member in family]
    if json:
        typer.echo(json_format.dumps({"version": 1, "networks": networks}, indent=2))
    else:
        print_family(network, networks)
