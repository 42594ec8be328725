"""nas show: prints the networks of a search so far, or several searches side by side."""

from typing import TYPE_CHECKING, Annotated

import typer

from nas.commands._options import BUDGETS, PARETO_FRONT, Json, Storage

if TYPE_CHECKING:
    from dashboards.result import SearchResult


def COMMAND(  # noqa: N802
    study: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="STUDY...",
            help="Name of a study; several are compared. Default: the latest.",
            show_default=False,
        ),
    ] = None,
    storage: Storage = None,
    pareto: Annotated[
        bool, typer.Option("--pareto", help=f"Show only {PARETO_FRONT}.", show_default=False)
    ] = False,
    fits: Annotated[
        list[str] | None,
        typer.Option(
            "--fits",
            metavar="BUDGET",
            help=f"Show only networks within this budget, {BUDGETS} Can be repeated.",
            show_default=False,
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="Keep printing new results until Ctrl-C.", show_default=False)
    ] = False,
    json: Json = False,
    csv: Annotated[
        bool, typer.Option("--csv", help="Print the networks as CSV.", show_default=False)
    ] = False,
) -> None:
    """Show the networks of a search so far, best first.

    Several studies are shown side by side. Works while a search runs, from another terminal.

    Example: nas show --pareto --fits 100M-MACs
    """
    import sys

    from dashboards.comparison_rows import print_comparison
    from dashboards.comparison_table import comparison_table
    from dashboards.live_table import changes
    from dashboards.live_table import follow as keep_printing
    from dashboards.reports.csv import write_csv
    from dashboards.tables import print_json, print_search, terminal
    from nas import api
    from search_spaces.errors import InvalidValueError

    def load(name: str | None) -> "SearchResult":
        return api.show(name, storage=storage, pareto=pareto, fits=fits or [])

    names: list[str | None] = [*study] if study else [None]
    if follow and (json or csv or len(names) > 1):
        raise InvalidValueError(
            "Cannot use --follow with --json, --csv or several studies: expected one study. Leave out the "
            "others."
        )
    if json and csv:
        raise InvalidValueError("Cannot use --json and --csv together: expected one of them.")
    if follow:
        try:
            keep_printing(changes(lambda: load(names[0])), terminal())
        except KeyboardInterrupt:
            return
    results = [load(name) for name in names]
    if csv:
        networks = [network for result in results for network in result.networks]
        studies = [result.study for result in results for _ in result.networks] if len(results) > 1 else []
        write_csv(networks, sys.stdout, studies)
    elif len(results) == 1:
        print_search(results[0], as_json=json, finished=False)
        for comparison in () if json else results[0].comparisons:
            print_comparison(comparison)
    elif json:
        print_json([result.to_json() for result in results])
    else:
        terminal().print(comparison_table(results), soft_wrap=True)
