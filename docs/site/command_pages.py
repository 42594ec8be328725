"""Makes the reference of commands: a page for each, of what the command line itself says."""

import re
from collections.abc import Iterator
from typing import Any

import typer.main

from nas.__main__ import _app

_EXAMPLE = re.compile(r"^Example: (nas .*)$", re.MULTILINE | re.DOTALL)


def command_pages() -> dict[str, str]:
    """Return the page of each command by its path, and the page that lists them."""
    group: Any = typer.main.get_command(_app())
    pages = {f"reference/commands/{name}.md": _page(name, command) for name, command in _sorted(group)}
    rows = [f"| [`nas {name}`](commands/{name}.md) | {_first(command)} |" for name, command in _sorted(group)]
    index = [
        "# Reference",
        "",
        "This page lists the commands; the pages beside it list Python names, YAML fields, what can be",
        "chosen,",
        "files, exit statuses and environment variables. They are made of the code itself.",
        "",
        "| command | what it does |",
        "| --- | --- |",
        *rows,
    ]
    return {"reference/index.md": "\n".join(index) + "\n", **pages}


def _sorted(group: Any) -> list[tuple[str, Any]]:
    return sorted(group.commands.items())


def _page(name: str, command: Any) -> str:
    lines = [f"# nas {name}", "", *_text(command), *_usage(f"nas {name}", command), *_parameters(command)]
    for inner, part in _sorted(command) if hasattr(command, "commands") else ():
        lines += ["", f"## nas {name} {inner}", "", *_text(part), *_usage(f"nas {name} {inner}", part)]
        lines += _parameters(part)
    return "\n".join(lines) + "\n"


def _first(command: Any) -> str:
    return escaped((command.help or "").split("\n\n")[0])


def _text(command: Any) -> Iterator[str]:
    """Yield the help as paragraphs, and its example as a block that can be copied."""
    text = command.help or ""
    example = _EXAMPLE.search(text)
    yield escaped(_EXAMPLE.sub("", text).strip(), table=False)
    if example:
        yield from ("", "```sh", " ".join(example[1].split()), "```")


def _usage(name: str, command: Any) -> Iterator[str]:
    words = [_metavar(p) if p.required else f"[{_metavar(p)}]" for p in command.params if _positional(p)]
    inner = ["COMMAND"] if hasattr(command, "commands") else []
    yield from ("", f"Usage: `{' '.join([name, *words, *inner, '[OPTIONS]'])}`", "")


def _positional(parameter: Any) -> bool:
    return str(parameter.param_type_name) == "argument"


def _metavar(parameter: Any) -> str:
    return str(parameter.metavar or parameter.name.upper())


def _parameters(command: Any) -> Iterator[str]:
    shown = [p for p in command.params if not p.hidden and p.name != "help"]
    if not shown:
        return
    yield from ("| option | default | meaning |", "| --- | --- | --- |")
    for parameter in shown:
        yield f"| {_written(parameter)} | {_default(parameter)} | {_meaning(parameter)} |"


def _written(parameter: Any) -> str:
    if _positional(parameter):
        return f"`{_metavar(parameter)}`"
    value = "" if parameter.is_flag else f" {_metavar(parameter)}"
    return ", ".join(f"`{name}{value}`" for name in [*parameter.opts, *parameter.secondary_opts])


def _default(parameter: Any) -> str:
    if parameter.required:
        return "required"
    if parameter.default is None or parameter.is_flag if not _positional(parameter) else True:
        return ""
    return f"`{parameter.default}`"


def _meaning(parameter: Any) -> str:
    variable = f" Also read from `${parameter.envvar}`." if parameter.envvar else ""
    return escaped(parameter.help or "") + variable


def escaped(text: str, *, table: bool = True) -> str:
    """Return plain text of the code as Markdown that shows it as it is.

    Args:
        text: Text in which backquotes, and only these, are markup.
        table: Whether it stands in a cell of a table, on one line.
    """
    text = re.sub(r"``(.+?)``", r"`\1`", text)
    parts = re.split(r"(`[^`]*`)", text)
    plain = [re.sub(r"([<>*_$\[\]])", r"\\\1", p) if n % 2 == 0 else p for n, p in enumerate(parts)]
    whole = "".join(plain)
    return " ".join(whole.split()).replace("|", "\\|") if table else whole
