"""Checks names of exported modules: importable, and not hiding the standard library, builtins or packages."""

import builtins
import keyword
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from nas.exports.formats import Exporter
from search_spaces.errors import ExportError


def check_name(name: str, exporters: Sequence[Exporter]) -> None:
    """Check that files and functions may be called `name`.

    Raises:
        ExportError: if it is not an identifier, or has a meaning in Python already.
    """
    if (
        not name.isidentifier()
        or not name.isascii()
        or keyword.iskeyword(name)
        or keyword.issoftkeyword(name)
    ):
        raise ExportError(
            f"Cannot call a network '{name}': expected a Python identifier, letters, digits and underscores "
            f"not starting with a digit, for example my_net."
        )
    if meaning := _meaning(name):
        raise ExportError(
            f"Cannot call a network '{name}': a file of that name would hide {meaning}. Choose another name, "
            f"for example {name}_net."
        )
    files = [file for exporter in exporters for file in exporter.files(name)]
    if len({file.lower() for file in files}) != len(files):
        raise ExportError(
            f"Cannot call a network '{name}': two of its files would have one name. Choose another, for "
            f"example {name}_net."
        )


def _meaning(name: str) -> str | None:
    """Return what a name already stands for in Python, None if nothing."""
    if name in sys.stdlib_module_names:
        return f"the standard library module {name}"
    if hasattr(builtins, name):
        return f"the builtin {name}"
    installed = {Path(sysconfig.get_path(kind)) for kind in ("purelib", "platlib")}
    if any((folder / file).exists() for folder in installed for file in (name, f"{name}.py")):
        return f"the installed package {name}"
    return None
