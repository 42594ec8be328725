"""nas jobs: lists and cancels jobs of a service, and prints their logs."""

import json as json_format
from typing import Annotated, Final

import typer

from nas.commands._group import Group
from nas.commands._options import Json
from nas.commands._remote import SERVER

COMMAND: Final = typer.Typer(
    cls=Group, add_completion=False, rich_markup_mode=None, invoke_without_command=True
)

_NOUNS: Final = {
    "search": "search",
    "retrain": "retraining of",
    "compare": "comparison of",
    "measure": "measurement",
}
Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        metavar="URL",
        help="Address of the service. Default: $NAS_SERVER, else http://127.0.0.1:8090. The token is read "
        "from $NAS_TOKEN.",
        show_default=False,
    ),
]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the job, from nas jobs.")]


@COMMAND.callback()
def jobs(context: typer.Context, server: Server = None, json: Json = False) -> None:
    """List your jobs in a service, latest first.

    These are searches, retrainings, comparisons and measurements. An administrator sees those of all users.

    Example: nas jobs --server http://127.0.0.1:8090
    """
    if server:
        SERVER.set(server)
    if context.invoked_subcommand is not None:
        return
    from nas.service.client import Client

    found = list(Client(server or SERVER.get()).jobs())
    if json:
        typer.echo(
            json_format.dumps(
                {"version": 1, "searches": [one for one in found if one["kind"] == "search"], "jobs": found},
                indent=2,
            )
        )
        return
    for job in found:
        what = job["study"] if job["kind"] == "search" else f"{job['kind']} {job['study']}"
        budgets = ", ".join(job["options"].get("budget", []))
        typer.echo(f"{job['id']}  {job['user']:<12}  {job['state']:<9}  {what}  {budgets}".rstrip())
    if not found:
        typer.echo("No job yet.")


@COMMAND.command("logs")
def logs(id: Id, server: Server = None) -> None:  # noqa: A002 -- what the service calls it
    """Print the end of the log of a job.

    Example: nas jobs logs 3f0c2a9d5b7e1846
    """
    from nas.service.client import Client

    typer.echo(Client(server or SERVER.get()).log(id), nl=False)


@COMMAND.command("cancel")
def cancel(
    id: Id,  # noqa: A002 -- what the service calls it
    now: Annotated[
        bool, typer.Option("--now", help="Stop running trainings too.", show_default=False)
    ] = False,
    server: Server = None,
) -> None:
    """End a job; its results are kept.

    Example: nas jobs cancel 3f0c2a9d5b7e1846 --now
    """
    from nas.service.client import Client

    job = Client(server or SERVER.get()).cancel(id, now=now)
    ending = "is cancelled" if job["state"] == "cancelled" else f"ends ({job['cancel'] or job['state']})"
    typer.echo(f"The {_NOUNS[job['kind']]} '{job['study']}' {ending}.")
