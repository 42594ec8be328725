"""Runs the command line ``nas``: prints errors in one line and sets the exit status."""

import os
import sys
from pathlib import Path

if __name__ == "__main__" and not sys.flags.safe_path and Path(sys.path[0]) != Path(__file__).parents[1]:
    del sys.path[0]  # the working folder, where a file may be called like a package; `Shelf` looks there last

from typing import Annotated

import typer

from dashboards.plain_text import write_any_text
from nas.commands import COMMANDS, SERVER, Group, check_server, remotely
from nas.ray_backend.daemon_threads import left_behind
from search_spaces.errors import UserError
from search_spaces.own_version import own_version
from trials.usable_cores import cpu_quota, usable_cores

_INTERRUPTED = 130
_SELF_CONTAINED = {"--help", "-h", "--version"}
_NO_FOLDER = "The working folder has been deleted: expected one that exists. Change to it with cd."


def main() -> None:
    """Run the command line and exit: 0 done, 2 user error, 3 nothing fits, 130 interrupted, 1 a bug."""
    write_any_text()
    if cpu_quota() is not None:  # torch would take all cores of the machine
        os.environ.setdefault("OMP_NUM_THREADS", str(len(usable_cores())))
    status = run(sys.argv[1:])
    if left_behind():  # threads stuck in a lost Ray cluster: a normal exit would hang or crash
        for stream in (sys.stdout, sys.stderr):
            stream.flush()
        os._exit(status)
    sys.exit(status)


def run(arguments: list[str]) -> int:
    """Run a command line and return its exit status.

    Args:
        arguments: Words after ``nas``.
    """
    if _folder_is_gone() and not _SELF_CONTAINED & {*arguments}:
        return _print_error(_NO_FOLDER, 2)  # torch would end the process
    try:
        status = _app()(arguments or ["--help"], prog_name="nas", standalone_mode=False)
    except UserError as error:
        return _print_error(str(error), error.exit_status)
    except typer.TyperException as error:
        return _print_error(" ".join(error.format_message().split()) + _hint(error), 2)
    except (KeyboardInterrupt, typer.Abort):
        return _print_error("Interrupted. Run the same command to resume.", _INTERRUPTED)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader of the pipe has exited
        return 0
    except Exception as error:
        if (line := _without_room(error)) is None:
            raise
        return _print_error(line, 2)
    return status if isinstance(status, int) else 0


def _without_room(error: Exception) -> str | None:
    """Return in a line that a file could not grow, None for every other error."""
    from nas.storage.retry import is_full, no_room  # noqa: PLC0415 -- half a second that other commands spare

    return no_room(error) if is_full(error) else None


def _folder_is_gone() -> bool:
    """Return whether the working folder has been deleted."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def _app() -> typer.Typer:
    app = typer.Typer(
        name="nas",
        cls=Group,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(_nas)
    for name in COMMANDS:
        command = COMMANDS[name]
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(remotely(name, command))
    return app


def _print_version(requested: bool) -> bool:
    if requested:
        typer.echo(f"nas {own_version()}")
        raise typer.Exit
    return requested


def _nas(
    context: typer.Context,
    server: Annotated[
        str | None,
        typer.Option(
            "--server",
            metavar="URL",
            help="Run the command on a service, with the token in $NAS_TOKEN. Default: $NAS_SERVER, else "
            "this machine.",
            show_default=False,
        ),
    ] = None,
    show_version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Show the version and exit.",
            is_eager=True,
            callback=_print_version,
            show_default=False,
        ),
    ] = False,
) -> None:
    """Find the most accurate vision network that fits your budget.

    Example: nas search --budget 300M-MACs
    """
    del show_version  # its callback has answered
    SERVER.set(server or None)
    if context.invoked_subcommand is not None:
        check_server(context.invoked_subcommand)


def _hint(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f" See: {context.command_path if context is not None else 'nas'} --help"


def _print_error(message: str, status: int) -> int:
    typer.echo(message, err=True)
    return status


if __name__ == "__main__":
    main()
