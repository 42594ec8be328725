"""Runs a command on a service instead of here (``nas --server URL``), and prints what it prints there.

A search and a job are submitted and followed; Ctrl-C leaves them running. Spaces, recipes and architectures
in files of this machine are sent as data, and what a command writes is fetched and written here.
"""

import functools
import json
import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from pathlib import Path
from typing import Any, Final, NoReturn

import typer

from search_spaces.errors import InvalidValueError

SERVER: ContextVar[str | None] = ContextVar("server", default=None)
"""Address of the service that ``--server`` names; None for that of ``$NAS_SERVER``, else this machine."""

SEARCHED: Final = frozenset(
    {
        *("budget", "space", "data", "trials", "hours", "study", "sampler", "recipe", "seed"),
        *("gpus_per_trial", "evaluator", "metric", "keep_checkpoints", "deploy_dtype", "reproducible"),
        *("supernet", "learn_from", "seed_with", "weights", "teacher"),
    }
)
"""Options of ``nas search`` that a service takes."""
_ASKING: Final = frozenset({"jobs", "mcp"})
"""Commands that run on this machine and ask the service of ``--server``."""
HERE: Final = _ASKING | {"serve", "tokens", "users"}
"""Commands that are about a service and run on this machine; ``$NAS_SERVER`` changes nothing of that."""
_IN_FILES: Final = {
    **dict.fromkeys(("space", "recipe"), "yaml"),
    **dict.fromkeys(("network", "networks", "seed_with"), "json"),
}
_INTERRUPTED: Final = 130
_LOG_END: Final = 4_000  # last characters printed of a log, by which their place in it is found


def remotely(name: str, command: Callable[..., None]) -> Callable[..., None]:
    """Return a command that runs on the service of `SERVER`, if there is one."""

    @functools.wraps(command)
    def chosen(**options: Any) -> None:
        if name not in HERE and (SERVER.get() or _from_environment()):
            _run(name, options, _defaults(command))
        else:
            command(**options)

    return chosen


def _from_environment() -> str | None:
    """Return the service of ``$NAS_SERVER`` and say so: nothing on the command line does."""
    server = os.environ.get("NAS_SERVER") or None
    if server is not None:
        typer.echo(f"on {server} (NAS_SERVER)", err=True)
    return server


def check_server(name: str) -> None:
    """Check that a command can take the service of ``--server`` or ``$NAS_SERVER``, if one is given.

    Raises:
        InvalidValueError: if it cannot.
    """
    if SERVER.get() is not None and name not in _ASKING:
        _check_remote(name)
    if os.environ.get("NAS_SERVER") and name not in HERE:
        _check_remote(name)


def _check_remote(name: str) -> None:
    from nas.service.command_options import MODELS

    if name not in MODELS:
        raise InvalidValueError(
            f"Cannot run nas {name} on a server: expected {', '.join(sorted(MODELS))}. Leave "
            f"out --server (and $NAS_SERVER) to run it on this machine."
        )


def _defaults(command: Callable[..., None]) -> dict[str, Any]:
    import inspect

    return {name: one.default for name, one in inspect.signature(command).parameters.items()}


def _run(name: str, options: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    from nas.service.client import Client
    from nas.service.command_options import QUEUED

    _check_remote(name)
    client, as_json = Client(SERVER.get()), bool(options.pop("json", False))
    given = {
        key: _as_data(key, value)
        for key, value in options.items()
        if value != defaults[key] and value not in ([], ())
    }
    _check_options(name, given)
    if name == "search":
        _search(client, given, as_json=as_json)
    elif name in QUEUED:
        _job(client, name, given, as_json=as_json)
    else:
        _answer(client, name, given, as_json=as_json)


def _check_options(name: str, given: Mapping[str, Any]) -> None:
    from nas.service.command_options import MODELS

    known = SEARCHED if name == "search" else frozenset(MODELS[name].model_fields)
    for key in given:
        if key not in known:
            raise InvalidValueError(
                f"Cannot use --{key.strip('_').replace('_', '-')} with a server: expected options that name "
                f"nothing of this machine. Leave it out, or leave out --server (and $NAS_SERVER)."
            )


def _as_data(key: str, value: Any) -> Any:
    """Return an option as it is sent: what is in a file of this machine as data."""
    if isinstance(value, list | tuple):
        return [_as_data(key, one) for one in value]
    if isinstance(value, Path):
        return str(value)
    if key not in _IN_FILES or not isinstance(value, str) or not Path(value).exists():
        return value
    import yaml

    from trials.recipes import load_recipe

    path = Path(value) / "architecture.json" if Path(value).is_dir() else Path(value)
    try:
        text = path.read_text(encoding="utf-8")
        if _IN_FILES[key] == "json":
            return json.loads(text)
        sent = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InvalidValueError(f"Cannot send '{value}': expected a file of this command. {error}") from error
    if key != "recipe" or not isinstance(sent, dict):
        return sent
    if "base" in sent:  # which may be a file beside it
        return load_recipe(value).model_dump(mode="json", by_alias=True, exclude_unset=True)
    return {"name": path.stem, **sent}  # a recipe is called like its file


def _form(*, as_json: bool) -> dict[str, Any]:
    """Return how output is to look on this terminal."""
    from dashboards.tables import terminal

    console = terminal()
    if not console.is_terminal:
        return {"json_output": as_json}
    return {
        "json_output": as_json,
        "width": max(20, min(1000, console.width)),
        "color": console.color_system is not None,
    }


def _answer(client: Any, name: str, given: dict[str, Any], *, as_json: bool) -> None:
    from nas.commands._remote_files import Place, fetched, with_places

    place = Place.of(name, given)
    sent = given if place.name is None else {**given, "to": place.name}
    answer = client.answer(name, **sent, **_form(as_json=as_json))
    output = answer["output"]
    if answer["sha256"] is not None:
        output = with_places(output, fetched(client, answer["sha256"], place))
    typer.echo(answer["messages"], nl=False, err=True)
    typer.echo(output, nl=False)


def _search(client: Any, given: dict[str, Any], *, as_json: bool) -> None:
    job = client.search(given.pop("budget", []), **given)
    _say(f"Search '{job['study']}' is submitted as job {job['id']}.", hidden=as_json)
    try:
        for name, event in client.events(job["id"]):
            _say(_event_line(name, event), hidden=as_json)
        record = client.wait(job["id"])
    except KeyboardInterrupt:
        _detached(client, job)
    if record["state"] == "failed":
        _failed(record)
    if client.networks(job["id"])["networks"]:
        answer = client.answer("search", study=job["study"], **_form(as_json=as_json))
        typer.echo(answer["output"], nl=False)
    if record["state"] == "cancelled":
        raise typer.Exit(_INTERRUPTED)


def _event_line(name: str, event: Mapping[str, Any]) -> str:
    """Return what happened in a search in one line, "" for what needs none."""
    if name == "job":
        return f"It is {event['state']}" + (f" and ends ({event['cancel']})." if event["cancel"] else ".")
    if name == "epoch":
        return f"#{event['trial']} epoch {event['epoch']}: {event['accuracy']:.1%}"
    if name == "trial" and event["state"] != "running":
        return f"#{event['trial']} {event['state']}"
    return f"#{event['trial']} is the best so far" if name == "best" else ""


def _job(client: Any, name: str, given: dict[str, Any], *, as_json: bool) -> None:
    from nas.service.connection import ServiceError

    if name == "retrain" and "study" not in given:
        raise InvalidValueError(
            f"No study to retrain: expected its name. List yours with: {client.connection.jobs}"
        )
    job, said = client.submit(name, **given, **_form(as_json=as_json)), ""
    try:
        while (record := client.job(job["id"]))["state"] in {"queued", "running"}:
            said = _more_said(client, job["id"], said, hidden=as_json)
            _pause()
    except KeyboardInterrupt:
        _detached(client, job)
    _more_said(client, job["id"], said, hidden=as_json or record["state"] == "failed")
    if record["state"] == "failed":
        _failed(record)
    try:
        typer.echo(client.result(job["id"])["output"], nl=False)
    except ServiceError:
        if record["state"] != "cancelled":
            raise
    if record["state"] == "cancelled":
        raise typer.Exit(_INTERRUPTED)


def _pause() -> None:
    import time

    time.sleep(1.0)


def _more_said(client: Any, job: str, said: str, *, hidden: bool) -> str:
    """Print what a job has said since, and return all that it has said."""
    now: str = client.log(job)
    if not hidden:
        typer.echo(_said_since(said, now), nl=False, err=True)
    return now


def _said_since(said: str, now: str) -> str:
    """Return what a log has behind what was printed; both are the end of a log that may be longer."""
    if now.startswith(said):
        return now[len(said) :]
    _, found, after = now.rpartition(said[-_LOG_END:])
    return after if found else now


def _say(line: str, *, hidden: bool) -> None:
    if line and not hidden:
        typer.echo(line, err=True)


def _detached(client: Any, job: Mapping[str, Any]) -> NoReturn:
    jobs = client.connection.jobs
    typer.echo(
        f"\nDetached: it goes on as job {job['id']}. Follow it with {jobs} logs {job['id']}, end it with "
        f"{jobs} cancel {job['id']}.",
        err=True,
    )
    raise typer.Exit(_INTERRUPTED)


def _failed(record: Mapping[str, Any]) -> None:
    typer.echo(record["error"] or "The job has failed; see its log.", err=True)
    raise typer.Exit(record["exit_status"] or 1)
