"""nas bench: compares search algorithms on a table of trained networks."""

from typing import Annotated

import typer

from nas.commands import _choices
from nas.commands._options import Json


def COMMAND(  # noqa: N802
    table: Annotated[
        str | None,
        typer.Option(
            "--table",
            metavar="FILE",
            help="Table of trained networks: the JSON file of NAS-Bench-Macro, or a nas-table (JSON).",
            show_default=False,
        ),
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            "--budget",
            metavar="BUDGET",
            help="Limit on a cost in the table, for example 30M-MACs. Repeat it to average regret "
            "over several. Default: no limit.",
            show_default=False,
        ),
    ] = None,
    sampler: Annotated[
        list[str] | None,
        typer.Option(
            "--sampler",
            metavar="SAMPLER",
            help=f"Search algorithm: {_choices.SAMPLERS}. Can be repeated; the first is the baseline. "
            "Default: all.",
            show_default=False,
        ),
    ] = None,
    trials: Annotated[
        int, typer.Option("--trials", metavar="N", help="Networks that each search trains.")
    ] = 30,
    seeds: Annotated[
        int, typer.Option("--seeds", metavar="N", help="Searches by each sampler, with seeds 0 to N-1.")
    ] = 10,
    workers: Annotated[
        int, typer.Option("--workers", metavar="N", help="Networks trained at the same time.")
    ] = 1,
    plot: Annotated[
        str | None,
        typer.Option(
            "--plot", metavar="FILE", help="Write the regret curves to this HTML file.", show_default=False
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Compare samplers by how fast they find good networks.

    Nothing is trained: searches are replayed from a table of trained networks. Regret is the value of the
    best network that fits minus that of the best network found, with 95 % intervals over seeds. The other
    samplers are compared with the first one seed by seed.

    Example: nas bench --table nas-bench-macro_cifar10.json --budget 30M-MACs --trials 30
    """
    import json as json_format
    import os

    os.environ.setdefault("OMP_NUM_THREADS", "1")

    from dashboards.tables import terminal
    from nas import api
    from nas.commands._bench_table import bench_table

    def report_line(line: str) -> None:
        if not json:
            typer.echo(line, err=True)

    report = api.bench(
        table,
        budget=budget or [],
        sampler=sampler or [],
        trials=trials,
        seeds=seeds,
        workers=workers,
        plot=plot,
        report_line=report_line,
    )
    first = next(iter(report["samplers"]))
    if json:
        typer.echo(json_format.dumps(report, indent=2))
    else:
        terminal().print(bench_table(report, first), soft_wrap=True)
