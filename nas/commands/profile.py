"""nas profile: shows what fits a budget, and how well short trainings rank, or what scores say."""

from typing import Annotated

import typer

from nas.commands._options import COUNTED_BUDGETS, DATA_HELP, RECIPE_HELP, SPACE_HELP, Json, refuse_idle


def COMMAND(  # noqa: N802
    budget: Annotated[
        list[str] | None,
        typer.Option(
            "--budget",
            metavar="BUDGET",
            help=f"Most that a network may take, {COUNTED_BUDGETS} Can be repeated. A latency beside it is "
            "not considered.",
            show_default=False,
        ),
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(
            "--space",
            metavar="SPACE",
            help=f"Search space: {SPACE_HELP} Default: with --data, --proxy or --scores the "
            "one that a search takes, else hybrid_small.",
            show_default=False,
        ),
    ] = None,
    classes: Annotated[
        int | None,
        typer.Option(
            "--classes",
            metavar="N",
            help="Number of classes. Default: those of --data, 10 without.",
            show_default=False,
        ),
    ] = None,
    channels: Annotated[
        int | None,
        typer.Option(
            "--channels",
            metavar="C",
            help="Image channels: 1 greyscale, 3 colour. Default: those of --data, 3 without.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Random seed.")] = 0,
    proxy: Annotated[
        bool,
        typer.Option(
            "--proxy",
            help="Train a sample of networks with the short recipe and to convergence, and show how well the "
            "short one ranks them. Takes as long as --networks full trainings.",
            show_default=False,
        ),
    ] = False,
    scores: Annotated[
        bool,
        typer.Option(
            "--scores",
            help="Show training-free scores and exact counts of a sample of networks near the budget, and "
            "how they agree. Takes about 6 seconds for a network of 300M MACs.",
            show_default=False,
        ),
    ] = False,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="DATA",
            help=f"Images that you will search with. {DATA_HELP} Default with --proxy and --scores: digits.",
            show_default=False,
        ),
    ] = None,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="RECIPE",
            help=f"With --proxy. The short training: {RECIPE_HELP} Default: proxy.",
            show_default=False,
        ),
    ] = None,
    full: Annotated[
        str | None,
        typer.Option(
            "--full",
            metavar="RECIPE",
            help=f"With --proxy. The training to convergence: {RECIPE_HELP} Default: full.",
            show_default=False,
        ),
    ] = None,
    networks: Annotated[
        int | None,
        typer.Option(
            "--networks",
            metavar="N",
            help="With --proxy or --scores. Networks in the sample. Default: 10.",
            show_default=False,
        ),
    ] = None,
    gpus_per_trial: Annotated[
        float | None,
        typer.Option(
            "--gpus-per-trial",
            metavar="SHARE",
            help="With --proxy. GPUs for each training; 0.5 lets two share one. Default: 1 if there "
            "are GPUs.",
            show_default=False,
        ),
    ] = None,
    storage_path: Annotated[
        str,
        typer.Option(
            "--storage-path",
            metavar="DIR",
            help="Folder for decoded images, and for checkpoints of --proxy.",
        ),
    ] = "nas-runs",
    json: Json = False,
) -> None:
    """Show what fits a budget before anything is trained.

    Shows what share of a space fits and the range of each cost, within seconds. With --proxy it trains
    networks and shows Kendall's tau between the accuracy at each rung and after convergence (1: the same
    order). The same command continues an interrupted --proxy. With --scores it shows training-free scores of
    networks near the budget, beside exact counts.

    Example: nas profile --budget 300M-MACs --budget 4M-params --space hybrid
    """
    import json as json_format

    from nas import api
    from nas.commands._profile_tables import print_profile, print_proxy, print_scores
    from search_spaces.errors import InvalidValueError

    if proxy and scores:
        raise InvalidValueError("Got --proxy and --scores: expected one of them.")
    if proxy or scores:
        refuse_idle("here: the images of --data decide", classes=classes, channels=channels)
    if not proxy:
        refuse_idle("without --proxy", recipe=recipe, full=full, gpus_per_trial=gpus_per_trial)
    if not (proxy or scores):
        refuse_idle("without --proxy or --scores", networks=networks)
    sample = 10 if networks is None else networks
    if scores:
        score_profile = api.profile_scores(
            budget or [],
            space=space,
            data=data or "digits",
            networks=sample,
            seed=seed,
            storage_path=storage_path,
            report_line=lambda line: typer.echo(line, err=True),
        )
        if json:
            typer.echo(json_format.dumps(score_profile.to_json(), indent=2))
        else:
            print_scores(score_profile)
        return

    if proxy:
        proxy_profile = api.profile_proxy(
            budget or [],
            space=space,
            data=data or "digits",
            recipe=recipe or "proxy",
            full=full or "full",
            networks=sample,
            seed=seed,
            gpus_per_trial=gpus_per_trial,
            storage_path=storage_path,
            report_line=lambda line: typer.echo(line, err=True),
        )
        if json:
            typer.echo(json_format.dumps(proxy_profile.to_json(), indent=2))
        else:
            print_proxy(proxy_profile)
        return
    space_profile = api.profile(
        budget or [],
        space=space,
        classes=classes,
        channels=channels,
        data=data,
        seed=seed,
        storage_path=storage_path,
    )
    if json:
        typer.echo(json_format.dumps(space_profile.to_json(), indent=2))
    else:
        print_profile(space_profile)
