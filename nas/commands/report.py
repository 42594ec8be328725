"""nas report: what a search found, for somebody else."""

from typing import Annotated

import typer

from nas.commands._options import Storage, Study


def COMMAND(  # noqa: N802
    study: Study = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="PATH",
            help="The file, or the folder for png; by default named for the study.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[  # noqa: A002 -- what it is called on the command line
        str,
        typer.Option("--format", metavar="FORMAT", help="html, md, csv, or png (needs Chromium)."),
    ] = "html",
    storage: Storage = None,
) -> None:
    """Write down what a search found, as one page with figures.

    The page works without a network. It holds the winner with its picture, its rivals, the figures, published
    networks near it, the recipe, and the commands that give the same again. It can be written while the
    search runs.

    Example: nas report --to report.html
    """
    from nas import api

    for path in api.report(study, to=to, format=format, storage=storage):
        typer.echo(path)
