"""Options that several commands share, with one wording."""

from typing import Annotated, TypeAlias

import typer

Storage: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--storage",
        metavar="URL",
        help="Database of the studies; $NAS_STORAGE, else sqlite:///nas.db.",
        show_default=False,
    ),
]
Address: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--address",
        metavar="RAY",
        help="Ray cluster that is running; none by default.",
        show_default=False,
    ),
]
Study: TypeAlias = Annotated[
    str | None,
    typer.Argument(metavar="STUDY", help="A study; the latest one by default.", show_default=False),
]
Json: TypeAlias = Annotated[
    bool, typer.Option("--json", help="Print the result as JSON, for programs.", show_default=False)
]
