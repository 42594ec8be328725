"""nas retrain: trains the winner of a search to convergence."""

import json as json_format
from typing import Annotated

import typer

from nas.commands._options import DATA_HELP, RECIPE_HELP, TEACHER_HELP, Json, Storage, StudyOrTrial


def COMMAND(  # noqa: N802
    study: StudyOrTrial = None,
    trial: Annotated[
        int | None,
        typer.Option(
            "--trial",
            metavar="N",
            help="Number of the network. Default: the best that fits.",
            show_default=False,
        ),
    ] = None,
    top: Annotated[
        int,
        typer.Option(
            "--top",
            metavar="K",
            help="First train the K best and compare them on validation images; the best is the winner.",
        ),
    ] = 1,
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            metavar="RECIPE",
            help=f"How networks are trained: {RECIPE_HELP} Default: fine_tune with "
            "trained --weights, else chosen by the size of the network and its images.",
            show_default=False,
        ),
    ] = None,
    from_weights: Annotated[
        bool,
        typer.Option(
            "--from-weights",
            help="Start from the weights of the search: the same as --weights search.",
            show_default=False,
        ),
    ] = False,
    weights: Annotated[
        str | None,
        typer.Option(
            "--weights",
            metavar="SOURCE",
            help="What to start from: supernet, the network's slice of the supernet that the study has "
            "trained or uses; search, those of its trial; random; or trained weights as for nas search. "
            "Default: what the search began with.",
            show_default=False,
        ),
    ] = None,
    teacher: Annotated[
        str | None,
        typer.Option(
            "--teacher",
            metavar="SOURCE",
            help=f"Also learn from a trained network: {TEACHER_HELP}",
            show_default=False,
        ),
    ] = None,
    seeds: Annotated[
        int,
        typer.Option(
            "--seeds",
            metavar="N",
            help="Train the winner N times on the training images; validation images choose which weights "
            "are delivered.",
        ),
    ] = 1,
    soup: Annotated[
        bool,
        typer.Option(
            "--soup",
            help="Average the weights of several seeds, or else of the last epochs, where validation images "
            "do not show that to be worse.",
            show_default=False,
        ),
    ] = False,
    deploy_dtype: Annotated[
        str | None,
        typer.Option(
            "--deploy-dtype",
            metavar="DTYPE",
            help="Train for int8, with fake quantisation in the last 30 % of the epochs, or for fp32. "
            "Default: as the search evaluates its networks.",
            show_default=False,
        ),
    ] = None,
    data: Annotated[
        str | None,
        typer.Option(
            "--data",
            metavar="DATA",
            help=f"For a NETWORK that is no search's. {DATA_HELP} Default: digits.",
            show_default=False,
        ),
    ] = None,
    storage: Storage = None,
    json: Json = False,
) -> None:
    """Train the winner of a search to convergence and test it once.

    The winner is trained on the training and the validation images. nas export delivers these weights,
    unless those of the search are better by validation images. The same command continues an interrupted
    training from its last epoch. A NETWORK that no search found is trained on the training images of --data.

    With --top, networks that are clearly worse than the best after a quarter or half of the epochs are not
    trained on.

    Example: nas retrain --top 3 --recipe full
    """
    from dashboards.metric_names import metric_name
    from nas import api
    from nas.orchestration.retrain_result import on_validation
    from search_spaces.units import format_accuracy

    def report_line(line: str) -> None:
        typer.echo(line, err=True)

    result = api.retrain(
        study,
        trial=trial,
        top=top,
        recipe=recipe,
        from_weights=from_weights,
        weights=weights,
        teacher=teacher,
        seeds=seeds,
        soup=soup,
        deploy_dtype=deploy_dtype,
        data=data,
        storage=storage,
        report_line=None if json else report_line,
    )
    if json:
        typer.echo(json_format.dumps(result.to_json(), indent=2))
        return
    for place, one in enumerate(result.compared, start=1):
        figure = on_validation(one, result.metric)
        expected = ""
        if one.expected is not None:
            expected = f", {format_accuracy(one.expected, one.expected_error)} expected given all of these"
        typer.echo(f"{place}. #{one.trial}  {figure}{expected}")
    for one in result.seeds:
        typer.echo(f"seed {one.seed}: {on_validation(one, result.metric)}")
    if result.seeds_mean is not None:
        typer.echo(f"mean of {len(result.seeds)} seeds: {format_accuracy(*result.seeds_mean)}")
    winner = result.winner
    if winner.test_scores is not None:
        metric, value, error = winner.test_scores.of(result.metric)
        figure = f"{metric_name(metric)} {format_accuracy(value, error)} on test images"
        if winner.int8_test is not None:
            figure += f", {format_accuracy(*winner.int8_test[metric])} in int8"
        typer.echo(f"#{winner.trial} of {result.study} after {winner.recipe['name']}: {figure}")
    said = f"nas export delivers the weights of nas {result.delivered} {result.reason}."
    typer.echo(f"{said} {result.advice}".rstrip())
