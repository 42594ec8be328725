"""Makes the page of exit statuses, errors and environment variables."""

import re
from pathlib import Path

import yaml

from docs.site.command_pages import escaped
from search_spaces import errors

_ROOT = Path(__file__).parents[2]
_READ = re.compile(r"""os\.environ(?:\.(?:get|pop)\(|\[)"(\w+)"|envvar="(\w+)\"""")
_STATUSES = (
    ("0", "done"),
    (
        "2",
        "an input cannot be used; one line on standard error says what was given, what is expected and "
        "what to do",
    ),
    ("3", "no network fits the budgets"),
    ("130", "interrupted; the same command goes on"),
    ("1", "a bug: a traceback is shown"),
)


def environment_page() -> str:
    """Return the page."""
    variables: dict[str, str] = yaml.safe_load(
        (Path(__file__).parent / "environment.yaml").read_text("utf-8")
    )
    return "\n".join([
        "# Exit status, errors and environment variables",
        "",
        "This page lists what commands end with, the errors of the Python functions, and the variables",
        "that are read.",
        "",
        "## Exit status",
        "",
        "| status | meaning |",
        "| --- | --- |",
        *(f"| {status} | {meaning} |" for status, meaning in _STATUSES),
        "",
        "Results are written to standard output (as JSON with `--json`), everything else to standard error.",
        "",
        "## Errors in Python",
        "",
        "Functions raise these, all of which are a `search_spaces.errors.UserError`; `exit_status` is",
        "that of the command.",
        "",
        "| error | meaning |",
        "| --- | --- |",
        *(f"| `{kind.__name__}` | {escaped((kind.__doc__ or '').split(chr(10))[0])} |" for kind in _errors()),
        "",
        "## Environment variables",
        "",
        "| variable | meaning |",
        "| --- | --- |",
        *(f"| `{name}` | {meaning} |" for name, meaning in variables.items()),
        "",
    ])  # fmt: skip


def variables_read() -> set[str]:
    """Return the environment variables that the code reads by name."""
    files = [
        p
        for package in ("nas", "trials", "search_spaces", "dashboards")
        for p in (_ROOT / package).rglob("*.py")
    ]
    found = (match for path in files for match in _READ.finditer(path.read_text(encoding="utf-8")))
    return {match[1] or match[2] for match in found}


def _errors() -> list[type[errors.UserError]]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    return [kind for kind in kinds if issubclass(kind, errors.UserError)]
