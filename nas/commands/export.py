"""nas export: writes a network as files for another repository."""

import json as json_format
from typing import Annotated

import typer

from nas.commands._options import PARETO_FRONT, Json, Storage, StudyOrTrial


def COMMAND(  # noqa: N802
    study: StudyOrTrial = None,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="DIR", help="New folder to write to.", show_default=False),
    ] = None,
    trial: Annotated[
        int | None,
        typer.Option(
            "--trial",
            metavar="N",
            help="Number of the network. Default: the best that fits.",
            show_default=False,
        ),
    ] = None,
    pareto: Annotated[
        bool,
        typer.Option(
            "--pareto",
            help=f"Write {PARETO_FRONT}, one folder each.",
            show_default=False,
        ),
    ] = False,
    name: Annotated[
        str | None,
        typer.Option(
            "--name",
            metavar="NAME",
            help="Name of the module and of the function in it. Default: the name of the folder.",
        ),
    ] = None,
    classes: Annotated[
        int | None,
        typer.Option(
            "--classes",
            metavar="N",
            help="Replace the head by an untrained one for N classes, and report whether the budgets "
            "still hold.",
            show_default=False,
        ),
    ] = None,
    into: Annotated[
        str | None,
        typer.Option(
            "--into",
            metavar="DIR",
            help="Existing folder to write the module, its weights and its architecture to, instead of --to.",
            show_default=False,
        ),
    ] = None,
    deploy: Annotated[
        bool,
        typer.Option(
            "--deploy", help="Write the re-parameterised form, for inference only.", show_default=False
        ),
    ] = False,
    int8: Annotated[
        bool,
        typer.Option(
            "--int8",
            help="Also write ONNX quantised to int8, with its accuracy and latency.",
            show_default=False,
        ),
    ] = False,
    litert: Annotated[
        bool,
        typer.Option(
            "--litert",
            help="Also write LiteRT (.tflite), with --int8 quantised too. Needs the extra litert.",
            show_default=False,
        ),
    ] = False,
    weights_of: Annotated[
        str | None,
        typer.Option(
            "--weights-of",
            metavar="COMMAND",
            help="Weights of a retrained network: search or retrain. Default: the better by validation "
            "images.",
            show_default=False,
        ),
    ] = None,
    with_preprocessing: Annotated[
        bool,
        typer.Option(
            "--with-preprocessing",
            help="Put the pre-processing into the ONNX file, which then takes uint8 images of any size.",
            show_default=False,
        ),
    ] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Overwrite files of the same names.", show_default=False)
    ] = False,
    storage: Storage = None,
    json: Json = False,
) -> None:
    """Export a network as standalone PyTorch code.

    The folder holds <name>.py, its weights, an ONNX file, a timm registration, a training script and a model
    card with the accuracy on the test images, which is measured once for each weights. The export checks
    that the module reproduces the trained network's outputs before it writes anything to the folder.

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
        litert=litert,
        with_preprocessing=with_preprocessing,
        force=force,
        weights_of=weights_of,
        storage=storage,
        report_line=lambda line: typer.echo(line, err=True),
    )
    if json:
        typer.echo(json_format.dumps({"version": 1, "files": [str(f) for f in files]}))
        return
    for file in files:
        typer.echo(str(file))
