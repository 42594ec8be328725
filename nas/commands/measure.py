"""nas measure: how long a network takes on a device."""

from typing import Annotated

import typer

from nas.commands._options import Json, Storage


def COMMAND(  # noqa: N802
    network: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK",
            help="A published network, an architecture file, an export folder, STUDY#12, or a study.",
        ),
    ],
    on: Annotated[
        str,
        typer.Option("--on", metavar="TARGET", help="cpu, cuda, ssh://user@host, or a name in targets.yaml."),
    ] = "cpu",
    storage: Storage = None,
    json: Json = False,
) -> None:
    """Measure how long a network takes to classify one image.

    The figure is the median with its 95 % interval, under the conditions printed below it; it is kept
    and used by searches.

    Example: nas measure mobilenet_v2_1.0_224 --on cpu
    """
    import json as json_format

    from nas import api

    name, latency = api.measure(network, on=on, storage=storage)
    if json:
        typer.echo(json_format.dumps({"version": 1, "network": name, **latency.to_json()}, indent=2))
        return
    typer.echo(
        f"{name}: {latency.median_ms:.4g} ms, 95 % interval {latency.low_ms:.4g} to {latency.high_ms:.4g}, "
        f"p90 {latency.p90_ms:.4g}{'' if latency.stable else ' (unstable: the interval is wider than 10 %)'}"
    )
    for condition, value in latency.conditions.items():
        typer.echo(f"  {condition:<14}{value}")
