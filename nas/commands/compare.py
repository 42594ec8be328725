"""nas compare: trains a delivered network and published ones alike, and says which is better."""

import json as json_format
from typing import Annotated

import typer

from nas.commands import _choices
from nas.commands._options import DATA_HELP, RECIPE_HELP, Address, Json, Storage


def COMMAND(  # noqa: N802
    networks: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="STUDY|NETWORK...",
            help="A search, whose best network is compared (STUDY#12: its trial 12), or two networks or "
            "more: published ones, architecture files, export folders, STUDY#12. Default: the latest search.",
            show_default=False,
        ),
    ] = None,
    with_: Annotated[
        list[str] | None,
        typer.Option(
            "--with",
            metavar="NETWORK",
            help="Network, or family such as mobilenet_v2, to compare with; repeat it. What exceeds the "
            "budgets of the search is scaled into them. Default: each family of nas networks.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="DATA",
            help=f"Without a search. {DATA_HELP} Default: those of the first STUDY#12, else digits.",
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="RECIPE",
            help=f"How all are trained: {RECIPE_HELP} Default: full, or fine_tune with --weights.",
            show_default=False,
        ),
    ] = None,
    weights: Annotated[
        bool,
        typer.Option(
            "--weights",
            help="Begin with trained weights: published networks with their own, as far as they fit, the "
            "found one with those of its search. Default: random weights for all.",
            show_default=False,
        ),
    ] = False,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds",
            metavar="N",
            help="Trainings of each network. One does not show how much the seed matters; more can be added.",
        ),
    ] = 3,
    rule: Annotated[
        str | None,
        typer.Option(
            "--rule",
            metavar="RULE",
            help=f"Scaling rule: {_choices.RULES}. Default: tinynet to shrink, compound to grow.",
            show_default=False,
        ),
    ] = None,
    final: Annotated[
        bool,
        typer.Option(
            "--final",
            help="Also evaluate on the test images, by which nothing was chosen. Do this once.",
            show_default=False,
        ),
    ] = False,
    deploy_dtype: Annotated[
        str | None,
        typer.Option(
            "--deploy-dtype",
            metavar="DTYPE",
            help="Train and compare for int8, with fake quantisation in the last 30 % of the epochs, or for "
            "fp32. Default: as the search evaluates its networks.",
            show_default=False,
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            "--study",
            metavar="NAME",
            help="Name of the study that holds the trainings. Default: made of search and recipe.",
            show_default=False,
        ),
    ] = None,
    storage: Storage = None,
    storage_path: Annotated[
        str, typer.Option("--storage-path", metavar="PATH", help="Folder or URL for checkpoints and weights.")
    ] = "nas-runs",
    gpus_per_trial: Annotated[
        float | None,
        typer.Option(
            "--gpus-per-trial",
            metavar="GPUS",
            help="GPUs for each training, such as 0.5 or 1. Default: 1 if there are GPUs.",
            show_default=False,
        ),
    ] = None,
    address: Address = None,
    json: Json = False,
) -> None:
    """Compare a found network with published ones, trained alike.

    All are trained on the same images by one recipe from the same seeds, and compared image by image.
    Intervals hold for all differences together with 95 %; a network whose interval holds 0 counts as good.
    The same command continues an interrupted comparison; more --seeds or another --with add to it.

    Example: nas compare my_search --with mobilenet_v2 --with efficientnet_b0_224
    """
    from dashboards.comparison_rows import print_comparison
    from nas import api

    found = api.compare(
        networks or (),
        with_=with_ or (),
        data=data,
        recipe=recipe,
        weights=weights,
        seeds=seeds,
        rule=rule,
        final=final,
        deploy_dtype=deploy_dtype,
        study=study,
        storage=storage,
        storage_path=storage_path,
        gpus_per_trial=gpus_per_trial,
        address=address,
        quiet=json,
    )
    if json:
        typer.echo(json_format.dumps(found.to_json(), indent=2))
    else:
        print_comparison(found)
    if found.interrupted:
        raise typer.Exit(130)
