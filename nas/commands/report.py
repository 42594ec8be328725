"""nas report: writes a report of a search as one page, or as Markdown, CSV or pictures."""

from typing import Annotated

import typer

from nas.commands import _choices
from nas.commands._options import Storage, Study


def COMMAND(  # noqa: N802
    study: Study = None,
    to: Annotated[
        str | None,
        typer.Option(
            "--to",
            metavar="PATH",
            help="File to write; for png a folder. Default: the name of the study, in the working folder.",
            show_default=False,
        ),
    ] = None,
    format: Annotated[  # noqa: A002 -- what it is called on the command line
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help=f"Format: {_choices.FORMATS}. md is Markdown; png writes the figures and needs Chromium. "
            f"Default: that of the file's name, else html.",
            show_default=False,
        ),
    ] = None,
    storage: Storage = None,
) -> None:
    """Write a report of a search as one page with figures.

    The HTML page works offline. It shows the winner with a picture, the other networks on the Pareto front,
    figures, published networks of similar cost, the recipe, and the commands that reproduce the search. It
    can be written while the search runs.

    Example: nas report --to report.html
    """
    from nas import api

    for path in api.report(study, to=to, format=format, storage=storage):
        typer.echo(path)
