"""nas retrain: the winner to convergence."""

import json as json_format
from typing import Annotated

import typer

from nas.commands._options import Json, Storage, Study


def COMMAND(  # noqa: N802
    study: Study = None,
    trial: Annotated[
        int | None,
        typer.Option("--trial", metavar="N", help="Another network than the best.", show_default=False),
    ] = None,
    top: Annotated[
        int,
        typer.Option(
            "--top",
            metavar="K",
            help="Compare the K best by a longer training first, on validation images, and keep the best.",
        ),
    ] = 1,
    recipe: Annotated[
        str, typer.Option("--recipe", metavar="RECIPE", help="A file in trials/recipes, or YAML.")
    ] = "full",
    from_weights: Annotated[
        bool,
        typer.Option(
            "--from-weights",
            help="Begin with the weights of the search, not from scratch.",
            show_default=False,
        ),
    ] = False,
    storage: Storage = None,
    json: Json = False,
) -> None:
    """Train the winner of a search to convergence and test it once.

    It learns from the training and the validation images. nas export then delivers these weights. Killed, the
    same command goes on from the last epoch.

    Example: nas retrain --top 3 --recipe full
    """
    from nas import api

    def told(line: str) -> None:
        typer.echo(line, err=True)

    result = api.retrain(
        study,
        trial=trial,
        top=top,
        recipe=recipe,
        from_weights=from_weights,
        storage=storage,
        told=None if json else told,
    )
    if json:
        typer.echo(json_format.dumps(result.to_json(), indent=2))
        return
    for place, one in enumerate(result.compared, start=1):
        typer.echo(
            f"{place}. #{one.trial}  {_percent(one.accuracy, one.standard_error)} on validation images"
        )
    won = result.winner
    tested = _percent(won.test_accuracy, won.test_standard_error)
    typer.echo(f"#{won.trial} of {result.study} after {won.recipe['name']}: {tested} on test images")


def _percent(accuracy: float | None, error: float | None) -> str:
    from search_spaces.units import format_accuracy

    return format_accuracy(accuracy or 0.0, error or 0.0)
