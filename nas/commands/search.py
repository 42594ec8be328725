"""nas search: the most accurate network that fits."""

from typing import Annotated

import typer

from nas.commands._options import Address, Json, Storage


def COMMAND(  # noqa: N802 -- the name by which the shelf finds it
    budget: Annotated[
        list[str] | None,
        typer.Option(
            "--budget",
            metavar="BUDGET",
            help="What a network may take, for example 300M-MACs, 4M-params, 512KiB-peak@int8; give it "
            "several times to ask for several.",
            show_default=False,
        ),
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(
            "--space",
            metavar="SPACE",
            help="What is searched: a file in search_spaces/catalog; by default fit for the images.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str, typer.Option("--data", metavar="DATA", help="Images: digits, or a path to your own.")
    ] = "digits",
    trials: Annotated[
        int, typer.Option("--trials", metavar="N", help="Networks to train, over all starts of the search.")
    ] = 16,
    hours: Annotated[
        float | None,
        typer.Option("--hours", metavar="H", help="End after this long all the same.", show_default=False),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            "--study",
            metavar="NAME",
            help="Name of the study; by default made of space, data, budgets, recipe and seed.",
            show_default=False,
        ),
    ] = None,
    storage: Storage = None,
    sampler: Annotated[
        str, typer.Option("--sampler", metavar="SAMPLER", help="Who proposes: a file in nas/samplers.")
    ] = "factor_gp",
    recipe: Annotated[
        str,
        typer.Option(
            "--recipe", metavar="RECIPE", help="How networks are trained: a file in trials/recipes, or YAML."
        ),
    ] = "proxy",
    seed: Annotated[int, typer.Option("--seed", metavar="S", help="Of every random choice.")] = 0,
    gpus_per_trial: Annotated[
        float | None,
        typer.Option(
            "--gpus-per-trial",
            metavar="SHARE",
            help="GPUs for each training, 0.5 lets two share one; by default one where there is one.",
            show_default=False,
        ),
    ] = None,
    address: Address = None,
    storage_path: Annotated[
        str,
        typer.Option(
            "--storage-path",
            metavar="DIR|URL",
            help="Folder for checkpoints, weights and logs; or a URL for checkpoints and weights, such as "
            "s3://bucket/nas-runs, with logs in ./nas-runs (beside the file of an SQLite storage).",
        ),
    ] = "nas-runs",
    seed_with: Annotated[
        list[str] | None,
        typer.Option(
            "--seed-with",
            metavar="NETWORK",
            help="Try this first: STUDY#12, an export folder or an architecture file of the same space.",
            show_default=False,
        ),
    ] = None,
    learn_from: Annotated[
        str | None,
        typer.Option(
            "--learn-from",
            metavar="STUDY",
            help="Begin with the knowledge of an earlier study, for other budgets or images.",
            show_default=False,
        ),
    ] = None,
    metric: Annotated[
        str,
        typer.Option("--metric", metavar="METRIC", help="To raise: accuracy, balanced_accuracy or macro_f1."),
    ] = "accuracy",
    keep_checkpoints: Annotated[
        int,
        typer.Option(
            "--keep-checkpoints",
            metavar="N",
            help="The N best networks keep their weights; nas retrain makes those of others anew.",
        ),
    ] = 10,
    log_to: Annotated[
        str | None,
        typer.Option(
            "--log-to", metavar="LOG", help="tensorboard: write every epoch for it too.", show_default=False
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Search for the most accurate network that fits your budget.

    The same command again goes on where the last one stopped, also after a crash; with a larger --trials
    it goes on from there. Networks that exceed the budget are never trained.

    Example: nas search --budget 300M-MACs --data path/to/images --trials 40
    """
    import os

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: proposals must not crowd out trainings

    from dashboards.tables import print_search
    from nas import api

    result = api.search(
        budget or [],
        space=space,
        data=data,
        trials=trials,
        hours=hours,
        study=study,
        storage=storage,
        sampler=sampler,
        recipe=recipe,
        seed=seed,
        gpus_per_trial=gpus_per_trial,
        address=address,
        storage_path=storage_path,
        seed_with=seed_with or [],
        learn_from=learn_from,
        metric=metric,
        keep_checkpoints=keep_checkpoints,
        log_to=log_to,
        quiet=json,
    )
    print_search(result, as_json=json, finished=True)
    if result.interrupted:
        raise typer.Exit(130)
