"""nas users: lists users of the service with their use, gives quotas, backs data up and deletes it."""

import json as json_format
import sys
from pathlib import Path
from typing import Annotated, Final

import typer
from typer.core import TyperGroup

from nas.commands._options import Json, Storage


class _Group(TyperGroup):
    """Hands its commands a context of typer's public class."""

    context_class = typer.Context


COMMAND: Final = typer.Typer(cls=_Group, add_completion=False, rich_markup_mode=None, no_args_is_help=True)
User = Annotated[str, typer.Argument(metavar="USER", help="Name of the user, from nas users list.")]
StoragePath = Annotated[
    str, typer.Option("--storage-path", metavar="DIR", help="Folder of nas serve for checkpoints and data.")
]


@COMMAND.callback()
def users() -> None:
    """List users of nas serve, limit, back up and delete them.

    Example: nas users list
    """


@COMMAND.command("list")
def list_users(storage: Storage = None, storage_path: StoragePath = "nas-runs", json: Json = False) -> None:
    """List users with jobs, hours of this month and disk, each with the quota.

    Example: nas users list
    """
    from nas.service.job_table import JobTable
    from nas.service.user_data import users as all_users
    from nas.service.workers import Workers
    from nas.storage.optuna_storage import storage_url

    with JobTable(storage_url(storage)) as table:
        found = all_users(table, Workers(storage_path=Path(storage_path).expanduser().resolve()))
    if json:
        typer.echo(json_format.dumps({"version": 1, "users": [one.to_json() for one in found]}, indent=2))
        return
    for one in found:
        hours = "" if one.quota.slot_hours is None else f" of {one.quota.slot_hours:g}"
        disk = "" if one.quota.disk_gib is None else f" of {one.quota.disk_gib:g}"
        typer.echo(
            f"{one.user:<32}  {one.tokens} tokens  {one.open} open of {one.jobs} jobs  "
            f"{one.used_hours:.2f}{hours} h this month  {one.disk_bytes / 1024**3:.3f}{disk} GiB"
        )
    if not found:
        typer.echo("No user yet. Make one with: nas tokens create USER")


@COMMAND.command("quota")
def quota(
    user: User,
    slot_hours: Annotated[
        float | None,
        typer.Option(
            "--slot-hours",
            metavar="H",
            help="Hours in a month for which jobs hold workers, at most.",
            show_default=False,
        ),
    ] = None,
    disk_gib: Annotated[
        float | None,
        typer.Option(
            "--disk-gib",
            metavar="N",
            help="GiB of data sets, studies and exports, at most.",
            show_default=False,
        ),
    ] = None,
    jobs_at_once: Annotated[
        int | None,
        typer.Option("--jobs-at-once", metavar="N", help="Running jobs, at most.", show_default=False),
    ] = None,
    storage: Storage = None,
) -> None:
    """Give a user quotas; those that are left out stay as they are.

    Example: nas users quota alice --slot-hours 100 --disk-gib 50
    """
    from nas.service.job_table import JobTable
    from nas.service.quotas import Quotas
    from nas.storage.optuna_storage import storage_url
    from search_spaces.errors import InvalidValueError

    if slot_hours is None and disk_gib is None and jobs_at_once is None:
        raise InvalidValueError(
            f"No quota for {user}: expected --slot-hours, --disk-gib or --jobs-at-once. See those of all "
            f"users with: nas users list"
        )
    with JobTable(storage_url(storage)) as table:
        Quotas(table).change(user, slot_hours=slot_hours, disk_gib=disk_gib, jobs_at_once=jobs_at_once)
    typer.echo(f"Quotas of {user} are changed.")


@COMMAND.command("backup")
def backup(
    user: User,
    to: Annotated[Path, typer.Option("--to", metavar="DIR", help="Folder to write.", show_default=False)],
    storage: Storage = None,
    storage_path: StoragePath = "nas-runs",
) -> None:
    """Write jobs, data sets, studies and their files of a user to a folder.

    Example: nas users backup alice --to alice-backup
    """
    from nas.service.job_table import JobTable
    from nas.service.user_data import back_up
    from nas.service.workers import Workers
    from nas.storage.optuna_storage import storage_url

    workers = Workers(storage_path=Path(storage_path).expanduser().resolve())
    with JobTable(storage_url(storage)) as table:
        folder = back_up(table, workers, user, to)
    typer.echo(f"The data of {user} is in '{folder}'. See the studies with: nas studies --storage ...")


@COMMAND.command("delete")
def delete(
    user: User,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask for confirmation.", show_default=False)
    ] = False,
    storage: Storage = None,
    storage_path: StoragePath = "nas-runs",
) -> None:
    """Delete a user with tokens, jobs, data sets, studies and their files.

    Running jobs are stopped first. The audit log keeps what the user did.

    Example: nas users delete alice
    """
    from nas.service.job_table import JobTable
    from nas.service.user_data import delete_user
    from nas.service.workers import Workers
    from nas.storage.optuna_storage import storage_url

    if not yes:
        _confirm(user)
    workers = Workers(storage_path=Path(storage_path).expanduser().resolve())
    with JobTable(storage_url(storage)) as table:
        left = delete_user(table, workers, user, report_line=lambda line: typer.echo(line, err=True))
    typer.echo(f"{user} is deleted.")
    for place in left:
        typer.echo(
            f"Files in '{place}' are left: nothing there says that they belong to this storage.", err=True
        )


def _confirm(user: str) -> None:
    """Ask for confirmation.

    Raises:
        UserError: if standard input is no terminal.
        Exit: if the answer is no.
    """
    from search_spaces.errors import UserError

    if not sys.stdin.isatty():
        raise UserError(f"Cannot ask for confirmation to delete {user}: expected a terminal. Add --yes.")
    if not typer.confirm(f"Delete {user} with all jobs, data sets, studies and files?", err=True):
        raise typer.Exit
