"""Checks options of commands and makes the words of a command line of them; users name data alone, no files.

A command runs in a folder of its own with the studies of its user (`nas.storage.user_view`). So it checks the
names of studies itself, and names that lead out of the folder or to code are refused here.
"""

import json
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, Final

from nas.service.command_options import CommandOptions, JobOptions
from nas.service.refusals import ForbiddenError
from nas.service.search_options import Allowed, check_data, check_target_name
from search_spaces.budget import Budget
from search_spaces.catalog import SPACES
from search_spaces.errors import InvalidValueError, UnknownNameError
from trials.recipes import RECIPES

_BUDGETS: Final = frozenset({"budget", "fits"})
_CATALOGS: Final[dict[str, Collection[str]]] = {"space": SPACES, "recipe": RECIPES}
_NOT_TYPED: Final = {*CommandOptions.model_fields, *JobOptions.model_fields}
_NOT_JSON: Final = frozenset({"report"})


def check_command(options: CommandOptions, allowed: Allowed) -> None:
    """Check that options name neither code nor files.

    Raises:
        UserError: if they do, or a budget, space, recipe or data set cannot be used.
    """
    for name in type(options).model_fields:
        given = getattr(options, name)
        if given is None or name in _NOT_TYPED:
            continue
        for one in given if isinstance(given, list) else [given]:
            _check(name, one, allowed)


def _check(name: str, given: object, allowed: Allowed) -> None:
    if isinstance(given, dict):
        check_data(given, name, allowed)
    elif not isinstance(given, str):
        return
    elif name in _BUDGETS:
        budget = Budget.parse(given)
        if not budget.counted:
            check_target_name(str(budget.target), allowed)
    elif name == "on":
        check_target_name(given, allowed)
    elif name == "data":
        if given not in allowed.data:
            raise UnknownNameError.of("data set of this server", given, allowed.data)
    elif name in _CATALOGS and given not in allowed.names:
        if given not in _CATALOGS[name]:
            raise UnknownNameError.of(name, given, _CATALOGS[name])
    elif given not in allowed.names:
        _check_plain(name, given)


def _check_plain(name: str, given: str) -> None:
    if ":" in given:
        raise ForbiddenError(
            f"Cannot use '{given}': this server runs no code of its users. Expected a name without a colon, "
            f"or one that its administrator allows with --allow."
        )
    if given.startswith((".", "~", "-")) or {"/", "\\", "$"} & {*given}:
        raise InvalidValueError(
            f"Cannot use '{given}' as {name}: it may name a file of the server. Expected a name; send an "
            f"architecture as data."
        )


def words_of(command: str, options: CommandOptions, folder: Path, data: str | None = None) -> list[str]:
    """Return the words that follow ``nas``.

    Args:
        command: Name of the command.
        options: Its options, checked.
        folder: Existing folder for the files of what was sent as data.
        data: Images in the place of the name of a data set.
    """
    words, positional = [command], []
    for name, field in type(options).model_fields.items():
        given = getattr(options, name)
        if name in _NOT_TYPED or (given == field.default and name != "to"):
            continue
        given = data if name == "data" and data is not None else given
        typed = [_typed(name, one, folder) for one in (given if isinstance(given, list) else [given])]
        if name in options.positional:
            positional += typed
        else:
            words += _options(name, given, typed)
    as_csv = getattr(options, "csv", False) and "json_output" not in options.model_fields_set
    if options.json_output and command not in _NOT_JSON and not as_csv:
        words.append("--json")
    return [*words, "--", *positional] if positional else words


def _options(name: str, given: object, typed: list[str]) -> Iterator[str]:
    option = f"--{name.strip('_').replace('_', '-')}"
    if given is True:
        yield option
    elif given is False:
        yield f"--no-{option.removeprefix('--')}"
    elif given is not None:
        yield from (f"{option}={one}" for one in typed)


def _typed(name: str, given: Any, folder: Path) -> str:
    if not isinstance(given, dict):
        return str(given)
    ending = "yaml" if name in _CATALOGS else "json"
    kept = sorted(folder.glob(f"{name}*.{ending}"))
    content = json.dumps(given)  # JSON is YAML
    for file in kept:
        if file.read_text(encoding="utf-8") == content:
            return file.name
    file = folder / f"{name}{len(kept) or ''}.{ending}"
    file.write_text(content, encoding="utf-8")
    return file.name
