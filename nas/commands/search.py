"""nas search: finds the most accurate network that fits a budget."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from nas.commands import _choices
from nas.commands._options import (
    BUDGETS,
    DATA_HELP,
    RECIPE_HELP,
    SPACE_HELP,
    TEACHER_HELP,
    Address,
    Json,
    Storage,
)

if TYPE_CHECKING:
    from dashboards.expectation import Expectations


def COMMAND(  # noqa: N802 -- the name that the registry looks for
    budget: Annotated[
        list[str] | None,
        typer.Option(
            "--budget",
            metavar="BUDGET",
            help=f"Most that a network may take, {BUDGETS} Repeat it for several budgets; a "
            "network has to meet all of them.",
            show_default=False,
        ),
    ] = None,
    space: Annotated[
        str | None,
        typer.Option(
            "--space",
            metavar="SPACE",
            help=f"Search space: {SPACE_HELP} Default: chosen by images and budgets.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[str, typer.Option("--data", metavar="DATA", help=DATA_HELP)] = "digits",
    trials: Annotated[
        int | None,
        typer.Option(
            "--trials",
            metavar="N",
            help="Number of networks to train, those of earlier runs of the same search included. Default: "
            "16, with a supernet 8. 0 with --learn-from trains none and shows the networks that "
            "the earlier studies expect to be best.",
            show_default=False,
        ),
    ] = None,
    hours: Annotated[
        float | None,
        typer.Option(
            "--hours",
            metavar="H",
            help="Stop after this many hours even if --trials is not reached.",
            show_default=False,
        ),
    ] = None,
    study: Annotated[
        str | None,
        typer.Option(
            "--study",
            metavar="NAME",
            help="Name of the study. Default: composed of space, data, budgets, recipe and seed.",
            show_default=False,
        ),
    ] = None,
    storage: Storage = None,
    sampler: Annotated[
        str,
        typer.Option("--sampler", metavar="SAMPLER", help=f"Search algorithm: {_choices.SAMPLERS}."),
    ] = "factor_gp",
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="RECIPE",
            help=f"How each network is trained: {RECIPE_HELP} Default: proxy, or fine_tune with --weights.",
            show_default=False,
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option("--seed", metavar="S", help="Random seed, also of the split of the images.")
    ] = 0,
    gpus_per_trial: Annotated[
        float | None,
        typer.Option(
            "--gpus-per-trial",
            metavar="SHARE",
            help="GPUs for each training; 0.5 lets two share one, 0 trains on CPUs. Default: 1 if there are "
            "GPUs.",
            show_default=False,
        ),
    ] = None,
    address: Address = None,
    storage_path: Annotated[
        str,
        typer.Option(
            "--storage-path",
            metavar="DIR|URL",
            help="Folder for checkpoints, weights and logs. Or a URL for checkpoints and weights, such as "
            "s3://bucket/nas-runs; logs are then written to ./nas-runs (or beside the SQLite file).",
        ),
    ] = "nas-runs",
    seed_with: Annotated[
        list[str] | None,
        typer.Option(
            "--seed-with",
            metavar="NETWORK",
            help="Train this network first: STUDY#12, an export folder, an architecture file or a published "
            "network, if the space has it. Can be repeated.",
            show_default=False,
        ),
    ] = None,
    learn_from: Annotated[
        list[str] | None,
        typer.Option(
            "--learn-from",
            metavar="STUDY",
            help="Use the results of an earlier study of the same space, with other budgets or images, as "
            "prior knowledge. Can be repeated.",
            show_default=False,
        ),
    ] = None,
    evaluator: Annotated[
        str | None,
        typer.Option(
            "--evaluator",
            metavar="EVALUATOR",
            help=f"How networks are evaluated: {_choices.EVALUATORS}. supernet first trains weights that all "
            "networks share, and predicts accuracies with them. Default: train.",
            show_default=False,
        ),
    ] = None,
    supernet: Annotated[
        str | None,
        typer.Option(
            "--supernet",
            metavar="STUDY",
            help="Use the supernet that another study of the same space and images has trained.",
            show_default=False,
        ),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            "--teacher",
            metavar="SOURCE",
            help=f"Let networks also learn from a trained one: {TEACHER_HELP}",
            show_default=False,
        ),
    ] = None,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="SOURCE",
            help="Trained weights of which every network inherits those that fit: a published network, "
            "timm:NAME, a .pth or .safetensors file, an export folder or STUDY#12. Without --space, search "
            "around them.",
            show_default=False,
        ),
    ] = None,
    metric: Annotated[
        str,
        typer.Option(
            "--metric",
            metavar="METRIC",
            help=f"Validation metric to maximise: {_choices.any_of(_choices.METRICS)}.",
        ),
    ] = "accuracy",
    keep_checkpoints: Annotated[
        int,
        typer.Option(
            "--keep-checkpoints",
            metavar="N",
            help="Keep the weights of the N best networks, of the one with the highest measured value and of "
            "the Pareto front. nas retrain trains others again.",
        ),
    ] = 10,
    log_to: Annotated[
        str | None,
        typer.Option(
            "--log-to",
            metavar="LOG",
            help=f"Also log every epoch to: {_choices.any_of(_choices.LOGS)}.",
            show_default=False,
        ),
    ] = None,
    reproducible: Annotated[
        bool | None,
        typer.Option(
            "--reproducible/--no-reproducible",
            help="Make the same proposals and early stops in every run, in whatever order trainings end. "
            "Default: yes on this machine, no with --address or PostgreSQL.",
            show_default=False,
        ),
    ] = None,
    deploy_dtype: Annotated[
        str | None,
        typer.Option(
            "--deploy-dtype",
            metavar="DTYPE",
            help="Evaluate networks as they are deployed: int8, quantised after the last epoch, or fp32. "
            "Default: int8 if a budget is.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Search for the most accurate network that fits your budget.

    Networks that exceed the budget are never trained. The same command continues a search that was stopped or
    crashed, and with a larger --trials a finished one.

    Example: nas search --budget 300M-MACs --data path/to/images --trials 40
    """
    import os

    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch: proposals must not crowd out trainings

    from dashboards.tables import print_search
    from nas import api

    if trials == 0 and learn_from:
        from dashboards.expectation_tables import print_expectations

        given = {
            "space": space, "hours": hours, "study": study, "gpus-per-trial": gpus_per_trial,
            "address": address, "seed-with": seed_with, "evaluator": evaluator, "supernet": supernet,
            "teacher": teacher, "weights": weights, "log-to": log_to, "data": data != "digits",
            "recipe": recipe not in {None, "proxy"},
            "sampler": sampler != "factor_gp", "metric": metric != "accuracy", "deploy-dtype": deploy_dtype,
        }  # fmt: skip
        found = _proposed(budget or [], learn_from, given, seed=seed, storage=storage)
        print_expectations(found, as_json=json)
        return
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
        learn_from=learn_from or (),
        evaluator=evaluator,
        supernet=supernet,
        teacher=teacher,
        weights=weights,
        metric=metric,
        keep_checkpoints=keep_checkpoints,
        log_to=log_to,
        reproducible=reproducible,
        deploy_dtype=deploy_dtype,
        quiet=json,
    )
    print_search(result, as_json=json, finished=True)
    if result.interrupted:
        raise typer.Exit(130)


def _proposed(
    budget: Sequence[str],
    learn_from: Sequence[str],
    given: Mapping[str, Any],
    *,
    seed: int,
    storage: str | None,
) -> "Expectations":
    """Return the networks that the studies let expect best.

    Raises:
        InvalidValueError: if options of trainings are given.
    """
    from nas import api
    from search_spaces.errors import InvalidValueError

    for name in (name for name, value in given.items() if value):
        raise InvalidValueError(
            f"Cannot use --{name} with --trials 0: nothing is trained, expected --budget and --learn-from. "
            f"Leave it out."
        )
    return api.propose(budget, learn_from=learn_from, seed=seed, storage=storage)
