"""nas tokens: makes, lists and revokes tokens for the service."""

import json as json_format
from typing import Annotated, Final

import typer

from nas.commands._group import Group
from nas.commands._options import Json, Storage

COMMAND: Final = typer.Typer(cls=Group, add_completion=False, rich_markup_mode=None, no_args_is_help=True)


@COMMAND.callback()
def tokens() -> None:
    """Make, list and revoke the tokens of users of nas serve.

    Example: nas tokens create alice --days 90
    """


@COMMAND.command("create")
def create(
    user: Annotated[str, typer.Argument(metavar="USER", help="Name of the user, new or known.")],
    role: Annotated[
        str,
        typer.Option(
            "--role",
            metavar="ROLE",
            help="viewer reads the user's searches, user also submits and cancels, admin does so for all.",
        ),
    ] = "user",
    days: Annotated[float, typer.Option("--days", metavar="D", help="Days for which it is valid.")] = 90.0,
    jobs_at_once: Annotated[
        int | None,
        typer.Option(
            "--jobs-at-once",
            metavar="N",
            help="Searches of the user that run at once, at most. Default: as for nas serve.",
            show_default=False,
        ),
    ] = None,
    storage: Storage = None,
) -> None:
    """Make a token and print it; it is stored as a hash, so nobody can print it again.

    Example: nas tokens create alice --days 90
    """
    from nas.service.job_table import JobTable
    from nas.service.tokens import Tokens
    from nas.storage.optuna_storage import storage_url

    with JobTable(storage_url(storage)) as table:
        secret, token = Tokens(table).create(user, role, days=days, jobs_at_once=jobs_at_once)
    typer.echo(secret)
    typer.echo(
        f"Token {token.id} of {user}, role {role}. Give it by $NAS_TOKEN; it is not shown again.", err=True
    )


@COMMAND.command("list")
def list_tokens(storage: Storage = None, json: Json = False) -> None:
    """List the tokens without their secrets.

    Example: nas tokens list
    """
    from datetime import UTC, datetime

    from nas.service.job_table import JobTable
    from nas.service.quotas import Quotas
    from nas.service.tokens import Tokens
    from nas.storage.optuna_storage import storage_url

    with JobTable(storage_url(storage)) as table:
        found, used_s = Tokens(table).listed(), Quotas(table).used_s()
    if json:
        typer.echo(json_format.dumps({"version": 1, "tokens": [one.to_json() for one in found]}, indent=2))
        return
    for one in found:
        until = "always" if one.expires_at is None else f"until {one.expires_at:%Y-%m-%d}"
        state = "revoked" if one.revoked_at is not None else until
        state = state if one.revoked_at is not None or one.is_valid(datetime.now(UTC)) else "expired"
        used = f"{used_s.get(one.user, 0.0) / 3600:.2f} h this month"
        typer.echo(f"{one.id}  {one.user:<32}  {one.role:<6}  {state:<16}  {used}")
    if not found:
        typer.echo("No token yet. Make one with: nas tokens create USER")


@COMMAND.command("revoke")
def revoke(
    id: Annotated[str, typer.Argument(metavar="ID", help="Id of the token, from nas tokens list.")],  # noqa: A002
    storage: Storage = None,
) -> None:
    """Revoke a token; whoever has it is refused from now on.

    Example: nas tokens revoke 1f3a90bc
    """
    from nas.service.job_table import JobTable
    from nas.service.tokens import Tokens
    from nas.storage.optuna_storage import storage_url

    with JobTable(storage_url(storage)) as table:
        token = Tokens(table).revoke(id)
    typer.echo(f"Token {token.id} of {token.user} is revoked.")
