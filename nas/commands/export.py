"""nas export: the winner in a training repo."""

import json as json_format
from typing import Annotated

import typer

from nas.commands._options import Json, Storage, Study


def COMMAND(  # noqa: N802
    study: Study = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="DIR", help="Folder that is made for it.", show_default=False),
    ] = None,
    trial: Annotated[
        int | None,
        typer.Option("--trial", metavar="N", help="Another network than the best.", show_default=False),
    ] = None,
    pareto: Annotated[
        bool,
        typer.Option(
            "--pareto",
            help="All networks that none beats in accuracy and MACs, a folder each.",
            show_default=False,
        ),
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(
            "--name", metavar="NAME", help="Of the module and its function; by default the folder's."
        ),
    ] = None,
    classes: Annotated[
        int | None,
        typer.Option(
            "--classes",
            metavar="N",
            help="A new head for N classes, to be trained; says whether the budget holds.",
            show_default=False,
        ),
    ] = None,
    into: Annotated[
        str | None,
        typer.Option(
            "--into",
            metavar="DIR",
            help="Instead of --to, a folder of your repository, beside the files it holds.",
            show_default=False,
        ),
    ] = None,
    deploy: Annotated[
        bool, typer.Option("--deploy", help="Write the form for inference only.", show_default=False)
    ] = False,
    int8: Annotated[
        bool,
        typer.Option("--int8", help="Quantised ONNX too, with its accuracy and latency.", show_default=False),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Replace files of the same names.", show_default=False)
    ] = False,
    storage: Storage = None,
    json: Json = False,
) -> None:
    """Write a network as plain PyTorch that needs nothing of ours.

    The folder holds <name>.py, its weights, an ONNX file, a timm registration, a training script and a
    model card with the accuracy on the test images, which are looked at now and once. That the written
    module gives the trained network's outputs is checked before anything is put in place.

    Example: nas export --to my_net
    """
    from nas import api

    files = api.export(
        study,
        to=to,
        trial=trial,
        pareto=pareto,
        name=name,
        classes=classes,
        into=into,
        deploy=deploy,
        int8=int8,
        force=force,
        storage=storage,
        told=lambda line: typer.echo(line, err=True),
    )
    if json:
        typer.echo(json_format.dumps({"version": 1, "files": [str(f) for f in files]}))
        return
    for file in files:
        typer.echo(str(file))
