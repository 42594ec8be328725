"""nas measure: measures the latency of a network on a device."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from nas.commands._options import NETWORK_HELP, Address, Json, Storage

if TYPE_CHECKING:
    from trials.latency.latency import Latency

_DOING: Final = "write the roofline to"


def COMMAND(  # noqa: N802
    network: Annotated[
        str,
        typer.Argument(
            metavar="NETWORK",
            help=NETWORK_HELP,
        ),
    ],
    on: Annotated[
        str,
        typer.Option(
            "--on",
            metavar="TARGET",
            help="Device: cpu, cuda, ssh://user@host, node:ADDRESS in a Ray cluster, command:PROGRAM, or a "
            "name in targets.yaml.",
        ),
    ] = "cpu",
    layers: Annotated[
        bool, typer.Option("--layers", help="Show the time of each block.", show_default=False)
    ] = False,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="FILE", help="Write the roofline to this HTML file; implies --layers."),
    ] = None,
    scores: Annotated[
        bool | None,
        typer.Option(
            "--scores/--no-scores",
            help="Show training-free scores beside the exact counts. Default: up to 600M MACs; one of 300M "
            "takes about 6 seconds.",
            show_default=False,
        ),
    ] = None,
    address: Address = None,
    storage: Storage = None,
    json: Json = False,
) -> None:
    """Measure how long a network takes to classify one image.

    Prints the quickest run, and median and p90 of the wall clock, each with its 95 % interval, and the
    conditions of the measurement. It is stored, and searches use it. Then what is known of the network
    without training it: exact counts, and training-free scores at random weights. With --layers, the time of
    each layer is compared with the peak rate of the device.

    Example: nas measure mobilenet_v2_1.0_224 --on cpu --layers --to roofline.html
    """
    if layers or to is not None:
        _layers(network, on, to, address, storage, as_json=json)
    else:
        _whole(network, on, address, storage, scores=scores, as_json=json)


def _whole(
    network: str, on: str, address: str | None, storage: str | None, *, scores: bool | None, as_json: bool
) -> None:
    import json

    from nas import api
    from nas.commands._score_lines import score_lines
    from nas.storage.database import is_read_only
    from nas.storage.optuna_storage import storage_url

    name, latency = api.measure(network, on=on, address=address, storage=storage)
    _, known = api.measure_scores(network, scores=scores, storage=storage)
    if as_json:
        record = {"version": 1, "network": name, **latency.to_json(), **known.to_json()}
        typer.echo(json.dumps(record, indent=2))
        return
    typer.echo(
        f"{name}: {_figure(latency)}"
        f"{'' if latency.stable else ' (unstable: the interval is wider than 20 %)'}, {latency.meaning}"
    )
    for figure, wall in latency.wall.items():
        typer.echo(f"  {figure:<20}{_figure(wall)}, of all runs on the wall clock")
    for condition, value in latency.circumstances.items():
        typer.echo(f"  {condition:<20}{value}")
    for line in score_lines(known):
        typer.echo(line)
    if is_read_only(storage_url(storage)):
        typer.echo("Not stored: the storage can be read and not written.", err=True)


def _figure(latency: "Latency") -> str:
    return f"{latency.median_ms:.4g} ms, 95 % interval {latency.low_ms:.4g} to {latency.high_ms:.4g}"


def _layers(
    network: str, on: str, to: Path | None, address: str | None, storage: str | None, *, as_json: bool
) -> None:
    import json

    from dashboards.figures import layer_times
    from dashboards.tables import terminal
    from nas import api
    from nas.commands._layer_table import layer_table
    from nas.files.staging import output_file, staged_file
    from search_spaces.errors import InvalidValueError

    if to is not None and to.suffix.lower() not in {".html", ".htm", ""}:
        raise InvalidValueError(f"Cannot write the roofline to '{to}': expected a name that ends in .html.")
    file = None if to is None else output_file(to, _DOING)
    name, times = api.measure_layers(network, on=on, address=address, storage=storage)
    if file is not None:
        with staged_file(file, _DOING) as draft:
            layer_times.draw(times, name).write_html(draft, include_plotlyjs=True)
    if as_json:
        typer.echo(json.dumps({"version": 1, "network": name, **times.to_json()}, indent=2))
    else:
        terminal().print(layer_table(times, name), soft_wrap=True)
