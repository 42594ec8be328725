"""nas studies: lists, checks, renames and deletes the searches of a storage."""

import json as json_format
import sys
from typing import Annotated, Final

import typer

from nas.commands._group import Group
from nas.commands._options import Json, Storage

COMMAND: Final = typer.Typer(
    cls=Group, add_completion=False, rich_markup_mode=None, invoke_without_command=True
)

Name = Annotated[str, typer.Argument(metavar="STUDY", help="Name of a study.", show_default=False)]


@COMMAND.callback()
def studies(context: typer.Context, storage: Storage = None, json: Json = False) -> None:
    """List, rename or delete the searches of a storage.

    The list shows how much disk space each uses.

    Example: nas studies
    """
    if context.invoked_subcommand is not None:
        return
    from dashboards.tables import print_studies
    from nas import api

    found = api.studies(storage=storage)
    if json:
        typer.echo(json_format.dumps({"version": 1, "studies": [s.to_json() for s in found]}, indent=2))
    else:
        print_studies([s.to_json() for s in found])


@COMMAND.command("check")
def check(
    study: Annotated[
        str | None, typer.Argument(metavar="STUDY", help="Name of a study. Default: all.", show_default=False)
    ] = None,
    storage: Storage = None,
    json: Json = False,
) -> None:
    """Find inconsistencies in studies; nothing is changed.

    Checks the database and the folders of the studies. The exit status is 2 if anything is inconsistent.

    Example: nas studies check
    """
    from nas import api

    found = api.check_studies(study, storage=storage)
    summaries = api.studies(storage=storage)
    states = {kept.study: kept.state for kept in summaries if study in {None, kept.study}}
    begun = {
        kept.study: kept.supernet
        for kept in summaries
        if study in {None, kept.study} and kept.supernet is not None and not kept.supernet.trained
    }
    if json:
        record = {
            "version": 1,
            "findings": [f.to_json() for f in found],
            "states": {name: None if state is None else state.to_json() for name, state in states.items()},
            "supernets_in_training": {name: supernet.to_json() for name, supernet in begun.items()},
        }
        typer.echo(json_format.dumps(record, indent=2))
    else:
        for f in found:
            where = f.study if f.trial is None else f"{f.study}#{f.trial}"
            typer.echo(f"{where}: {f.problem.removesuffix('.')}.")
        count = "1 inconsistency." if len(found) == 1 else f"{len(found)} inconsistencies."
        typer.echo(count if found else "Everything is consistent.")
        for name, state in states.items():
            if state is not None and state.state != "ended":
                typer.echo(f"{name}: {state}.")
        for name, half in begun.items():
            typer.echo(
                f"{name}: its supernet is trained for {half.epochs:.3g} of {half.of_epochs} epochs; the same "
                f"search goes on with it."
            )
    if found:
        raise typer.Exit(2)


@COMMAND.command("rename")
def rename(
    study: Name,
    new: Annotated[str, typer.Argument(metavar="NEW", help="New name.")],
    storage: Storage = None,
) -> None:
    """Rename a study and its folder.

    To continue the search afterwards, add --study NEW to its command.

    Example: nas studies rename hybrid_small-digits-300M-MACs-proxy-seed0 digits
    """
    from nas import api

    api.rename_study(study, new, storage=storage)
    typer.echo(f"'{study}' is now called '{new}'.")


@COMMAND.command("delete")
def delete(
    study: Name,
    yes: Annotated[
        bool, typer.Option("--yes", help="Do not ask for confirmation.", show_default=False)
    ] = False,
    storage: Storage = None,
) -> None:
    """Delete a study with its checkpoints, weights and log.

    Latency measurements are kept. Files that belong to the storage that this one was copied from are left.

    Example: nas studies delete digits
    """
    from nas import api

    if not yes:
        _confirm(study, storage)
    left = api.delete_study(study, storage=storage)
    typer.echo(f"'{study}' is deleted.")
    for place in left:
        typer.echo(
            f"Files in '{place}' are left: nothing there says that they belong to this storage. Delete them "
            f"yourself if no other study uses them.",
            err=True,
        )


def _confirm(study: str, storage: str | None) -> None:
    """Ask for confirmation.

    Raises:
        StudyError: if there is no such study, or standard input is no terminal.
        Exit: if the answer is no.
    """
    from nas.administration.study_admin import deletion_question
    from nas.storage.optuna_storage import existing_storage, storage_url
    from search_spaces.errors import StudyError

    question = deletion_question(existing_storage(storage_url(storage)), study)
    if not sys.stdin.isatty():
        raise StudyError(f"Cannot ask for confirmation to delete '{study}': expected a terminal. Add --yes.")
    if not typer.confirm(question, err=True):
        raise typer.Exit
