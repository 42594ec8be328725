"""Runs a command on a service instead of here (``nas --server URL``), and prints what it prints there.

A search and a job are submitted and followed; Ctrl-C leaves them running. Spaces, recipes and architectures
in files of this machine are sent as data, and what a command writes is fetched and written here.
"""

import functools
import json
import os
import shutil
import tempfile
import zipfile
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
HERE: Final = frozenset({"serve", "tokens", "jobs", "users", "mcp"})
"""Commands that are about a service and run on this machine."""
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
        server = SERVER.get() or (None if name in HERE else _from_environment())
        if server is None or name in HERE:
            command(**options)
        else:
            _run(server, name, options, _defaults(command))

    return chosen


def _from_environment() -> str | None:
    """Return the service of ``$NAS_SERVER`` and say so: nothing on the command line does."""
    server = os.environ.get("NAS_SERVER") or None
    if server is not None:
        typer.echo(f"on {server} (NAS_SERVER)", err=True)
    return server


def check_remote(name: str) -> None:
    """Check that a command can run on a service.

    Raises:
        InvalidValueError: if it cannot.
    """
    from nas.service.command_options import MODELS

    if name not in MODELS:
        raise InvalidValueError(
            f"Cannot run nas {name} on a server: expected {', '.join(sorted(MODELS))}. Leave "
            f"out --server (and $NAS_SERVER) to run it on this machine."
        )


def _defaults(command: Callable[..., None]) -> dict[str, Any]:
    import inspect

    return {name: one.default for name, one in inspect.signature(command).parameters.items()}


def _run(server: str, name: str, options: dict[str, Any], defaults: Mapping[str, Any]) -> None:
    from nas.service.client import Client
    from nas.service.command_options import QUEUED

    check_remote(name)
    client, as_json = Client(server), bool(options.pop("json", False))
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

    path = Path(value) / "architecture.json" if Path(value).is_dir() else Path(value)
    try:
        text = path.read_text(encoding="utf-8")
        if _IN_FILES[key] == "json":
            return json.loads(text)
        sent = yaml.safe_load(text)
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise InvalidValueError(f"Cannot send '{value}': expected a file of this command. {error}") from error
    named = key == "recipe" and isinstance(sent, dict)  # a recipe is called like its file
    return {"name": path.stem, **sent} if named else sent


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
    to = given.pop("to", None)
    if name == "export" and to is None:
        raise InvalidValueError("No folder to write to: expected --to with a new folder, such as my_net.")
    place = None if to is None else Path(to).expanduser()
    taken = place is not None and place.exists() and (not place.is_dir() or any(place.iterdir()))
    if name == "export" and taken:
        raise InvalidValueError(f"Cannot export to '{to}': it is not empty. Expected a new folder.")
    sent = {} if place is None else {"to": place.name}
    answer = client.answer(name, **given, **sent, **_form(as_json=as_json))
    output = answer["output"]
    if answer["sha256"] is not None:
        home = Path() if place is None else place.parent
        names = _fetched(client, answer["sha256"], home)
        output = _placed(output, names, _folder_shown(name, to, place))
    typer.echo(answer["messages"], nl=False, err=True)
    typer.echo(output, nl=False)


def _folder_shown(name: str, to: Any, place: Path | None) -> str:
    """Return the folder before what a command wrote, as it prints it on this machine."""
    if place is None:
        return ""
    return f"{place.resolve().parent}/" if name == "export" else str(to).rstrip("/")[: -len(place.name)]


def _placed(output: str, names: list[str], folder: str) -> str:
    """Return output in which the files that were fetched stand at their places on this machine."""
    if not folder:
        return output
    tops = {name.partition("/")[0] for name in names}
    for top in tops:
        for before in ("\n", '"'):
            output = f"\n{output}".replace(f"{before}{top}", f"{before}{folder}{top}")[1:]
    return output


def _fetched(client: Any, sha256: str, home: Path) -> list[str]:
    """Write the files of an archive below a folder, and return their names."""
    with tempfile.TemporaryDirectory(prefix="nas-remote-") as scratch:
        archive = client.archive(sha256, to=Path(scratch) / "files.zip")
        with zipfile.ZipFile(archive) as packed:
            names = packed.namelist()
            root = home.resolve()
            for name in names:
                target = (root / name).resolve()
                if not target.is_relative_to(root):
                    raise InvalidValueError(f"The server sent a file '{name}': expected one below '{home}'.")
                target.parent.mkdir(parents=True, exist_ok=True)
                with packed.open(name) as source, target.open("wb") as written:
                    shutil.copyfileobj(source, written)
    return names


def _search(client: Any, given: dict[str, Any], *, as_json: bool) -> None:
    job = client.search(given.pop("budget", []), **given)
    _say(f"Search '{job['study']}' is submitted as job {job['id']}.", hidden=as_json)
    try:
        for name, event in client.events(job["id"]):
            _say(_event_line(name, event), hidden=as_json)
        record = client.wait(job["id"])
    except KeyboardInterrupt:
        _detached(job)
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
        raise InvalidValueError("No study to retrain: expected its name. List yours with: nas jobs")
    job, said = client.submit(name, **given, **_form(as_json=as_json)), ""
    try:
        while (record := client.job(job["id"]))["state"] in {"queued", "running"}:
            said = _more_said(client, job["id"], said, hidden=as_json)
            _pause()
    except KeyboardInterrupt:
        _detached(job)
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


def _detached(job: Mapping[str, Any]) -> NoReturn:
    typer.echo(
        f"\nDetached: it goes on as job {job['id']}. Follow it with nas jobs logs {job['id']}, end it with "
        f"nas jobs cancel {job['id']}.",
        err=True,
    )
    raise typer.Exit(_INTERRUPTED)


def _failed(record: Mapping[str, Any]) -> None:
    typer.echo(record["error"] or "The job has failed; see its log.", err=True)
    raise typer.Exit(record["exit_status"] or 1)
