"""nas bench: samplers compared on a table of trained networks."""

from typing import Annotated

import typer

from nas.commands._options import Json


def COMMAND(  # noqa: N802
    table: Annotated[
        str | None,
        typer.Option(
            "--table", metavar="FILE", help="A nas-table, or NAS-Bench-Macro's JSON.", show_default=False
        ),
    ] = None,
    budget: Annotated[
        list[str] | None,
        typer.Option(
            "--budget",
            metavar="BUDGET",
            help="On a cost of the table, for example 30M-MACs; several are averaged over; none by default.",
            show_default=False,
        ),
    ] = None,
    sampler: Annotated[
        list[str] | None,
        typer.Option(
            "--sampler", metavar="SAMPLER", help="A file in nas/samplers; all by default.", show_default=False
        ),
    ] = None,
    trials: Annotated[int, typer.Option("--trials", metavar="N", help="Trainings of each search.")] = 30,
    seeds: Annotated[int, typer.Option("--seeds", metavar="N", help="Searches of each sampler.")] = 10,
    workers: Annotated[int, typer.Option("--workers", metavar="N", help="Trainings at the same time.")] = 1,
    plot: Annotated[
        str | None,
        typer.Option("--plot", metavar="FILE", help="Write the regret curves as HTML.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """Compare samplers by how fast they find good networks.

    Nothing is trained: searches are replayed from a table of trained networks. Regret is the value of the
    best network that fits minus that of the best one found, with 95 % intervals over seeds; the first
    sampler is the one the others are compared with, seed by seed.

    Example: nas bench --table nas-bench-macro_cifar10.json --budget 30M-MACs --trials 30
    """
    import json as json_format
    import os

    os.environ.setdefault("OMP_NUM_THREADS", "1")

    from nas import api
    from nas.tabular.regret import markdown

    def told(line: str) -> None:
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
        told=told,
    )
    first = next(iter(report["samplers"]))
    typer.echo(json_format.dumps(report, indent=2) if json else markdown(report, first))
