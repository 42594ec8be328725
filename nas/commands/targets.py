"""nas targets: lists the devices on which latency can be measured."""

from collections.abc import Mapping

from nas.commands._options import Address, Json


def COMMAND(address: Address = None, json: Json = False) -> None:  # noqa: N802
    """List the devices on which latency can be measured.

    Each device is contacted; the list shows its conditions, or why it cannot be used. Define your own devices
    in a targets.yaml in the working folder; nodes of a Ray cluster also need --address.

    Example: nas targets
    """
    import json as json_format

    import typer

    from nas import api

    found = api.targets(address=address)
    if json:
        typer.echo(json_format.dumps({"version": 1, "targets": found}, indent=2))
        return
    for name, answer in found.items():
        typer.echo(f"{name:<14}{answer}" if isinstance(answer, str) else f"{name:<14}{_line(answer)}")


def _line(conditions: Mapping[str, object]) -> str:
    return ", ".join(f"{k} {v}" for k, v in conditions.items() if k != "target" and v not in {None, ""})
