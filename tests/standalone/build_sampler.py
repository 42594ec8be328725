"""Builds ``dist/factor_gp_sampler``: the sampler alone, as a package of OptunaHub's registry.

Run ``make package-sampler``. The package consists of the files in ``factor_gp_sampler`` beside this script
and of the modules of `nas` that the sampler needs, found by their imports. It needs Optuna, torch, GPyTorch
and BoTorch.
"""

import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
WRITTEN: Final = Path(__file__).parent / "factor_gp_sampler"
OFFERED: Final = ("nas.samplers.factor_gp", "nas.bayesopt.observations")
"""Modules that ``__init__.py`` of the package imports."""

_OURS: Final = ("nas", "dashboards", "trials", "search_spaces")
_STYLE: Final = ("--isolated", "--line-length", "99", "--quiet")  # of the registry


def build(target: Path) -> Path:
    """Write the package and return its folder; one that was there is replaced.

    Args:
        target: Folder of the package, by whose name it is imported.
    """
    new = target.with_name(f"{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    shutil.copytree(WRITTEN, new, ignore=shutil.ignore_patterns("__pycache__"))
    for module, source in needed(OFFERED).items():
        path = new / Path(*module.split(".")[1:]).with_suffix(".py")
        path.parent.mkdir(exist_ok=True)
        path.write_text(standalone(source), encoding="utf-8")
        _describe(path.parent, module.rpartition(".")[0])
    for command in (["check", "--select", "I", "--fix"], ["format"]):
        subprocess.run([sys.executable, "-m", "ruff", *command, *_STYLE, str(new)], check=True)
    shutil.rmtree(target, ignore_errors=True)
    return new.rename(target)


def needed(modules: tuple[str, ...]) -> dict[str, str]:
    """Return the sources of modules and of all that they import of ours, by name.

    Raises:
        ImportError: if one needs a package that is not to be part of it.
    """
    found: dict[str, str] = {}
    left = list(modules)
    while left:
        module = left.pop()
        if module in found:
            continue
        if not module.startswith("nas."):
            raise ImportError(f"The sampler imports {module}: expected modules of nas alone.")
        found[module] = _file(module).read_text(encoding="utf-8")
        left += _imported(found[module])
    return dict(sorted(found.items()))


def standalone(source: str) -> str:
    """Return the source of a module as one of the package: relative imports, annotations as text."""
    source = re.sub(r"^from nas\.", "from ..", source, flags=re.MULTILINE)
    source = re.sub(
        r"^(from jaxtyping import .*)$",
        r"from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    \1",
        source,
        flags=re.MULTILINE,
    )
    source = source.replace("`nas.", "`")
    lines = source.splitlines(keepends=True)
    after = ast.parse(source).body[0].end_lineno
    return "".join([*lines[:after], "\nfrom __future__ import annotations\n", *lines[after:]])


def _imported(source: str) -> list[str]:
    """Return the modules of ours that a module imports."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in _OURS:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            whole = _file(node.module).exists()
            found += [node.module] if whole else names
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names if alias.name.split(".")[0] in _OURS]
    return found


def _describe(folder: Path, package: str) -> None:
    """Write ``__init__.py`` of a folder of modules: the first line of the one that it comes from."""
    source = (ROOT / Path(*package.split(".")) / "__init__.py").read_text(encoding="utf-8")
    line = (ast.get_docstring(ast.parse(source)) or "").splitlines()[0]
    (folder / "__init__.py").write_text(f'"""{line}"""\n', encoding="utf-8")


def _file(module: str) -> Path:
    return ROOT / Path(*module.split(".")).with_suffix(".py")


if __name__ == "__main__":
    print(build(ROOT / "dist" / WRITTEN.name))  # noqa: T201
