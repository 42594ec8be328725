"""The structure of the code: packages, sizes and references; import-linter checks the layers."""

import ast
import graphlib
import re
import statistics
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGES = ("search_spaces", "trials", "dashboards", "nas")
FILES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
REFERENCE = re.compile(r"`((?:search_spaces|trials|dashboards|nas)(?:\.\w+)+)`")

LAZY = {  # modules that import another of ours inside a function, and why
    "nas/__main__.py": "SQLAlchemy is for errors alone, and help needs none",
    "nas/exports/formats/_litert_file.py": "LiteRT is an extra",
    "nas/api/_joined_cluster.py": "Ray takes a second, and most targets need none",
    "nas/service/server.py": "Ray takes a second, and most servers need none",
    "nas/samplers/__init__.py": "a sampler alone needs no registry, nor anything else of search_spaces",
    "nas/study/network_lookup.py": "torch takes seconds, and networks by name need none",
    "search_spaces/loading.py": "pydantic and PyYAML are for files of users alone",
    "trials/latency/litert_model.py": "LiteRT is an extra",
    "trials/latency/runtimes.py": "LiteRT is an extra",
    "trials/latency/timing_agent.py": "it runs on boards, where a missing runtime is an answer",
    "trials/training/int8_evaluation.py": "its runtime changes sys.path, which fp32 does not need",
}


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def module(path: Path) -> str:
    return name(path).removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(node: ast.AST) -> Iterator[str]:
    """Yield the modules of ours that a statement imports, with the names taken from them."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.split(".")[0] in PACKAGES)
    if isinstance(node, ast.ImportFrom) and node.module and node.module.split(".")[0] in PACKAGES:
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_nas_has_no_files_outside_its_packages():
    assert {path.name for path in (ROOT / "nas").glob("*.py")} == {
        "__init__.py",
        "__main__.py",
        "resources.py",
    }


def test_no_module_imports_a_private_module_of_another_folder():
    strangers = [
        f"{name(path)} imports {target}"
        for path in FILES
        for node in ast.walk(tree(path))
        for target in imported(node)
        for folder, _, rest in [target.partition("._")]
        if rest and not rest.startswith("_") and folder != module(path.parent / "__init__.py")
    ]
    assert strangers == []


def test_no_files_import_each_other_in_a_circle():
    known = {module(path) for path in FILES}
    graph = {
        module(path): {
            found
            for node in ast.walk(tree(path))
            for target in imported(node)
            for found in (target, target.rpartition(".")[0])
            if found in known and found != module(path)
        }
        for path in FILES
    }
    sorter = graphlib.TopologicalSorter(graph)
    sorter.prepare()  # raises CycleError, which names the circle


def test_modules_of_ours_are_imported_at_the_top():
    """Commands import what they run when they run, so that help is instant; nothing else hides an import."""
    hidden = {
        name(path)
        for path in FILES
        if not name(path).startswith("nas/commands/")
        for function in ast.walk(tree(path))
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for node in ast.walk(function)
        for _ in imported(node)
    }
    assert hidden == set(LAZY)


def test_files_have_at_most_300_lines_and_functions_about_ten():
    lengths = {name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in FILES}
    assert {path: lines for path, lines in lengths.items() if lines > 300} == {}
    functions = sorted(
        (node.end_lineno or 0) - node.lineno + 1
        for path in FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.FunctionDef)
    )
    assert statistics.median(functions) <= 8
    assert functions[int(0.9 * len(functions))] <= 25


def test_every_file_says_in_its_first_line_what_is_inside():
    silent = [name(path) for path in FILES if not (ast.get_docstring(tree(path)) or "").split("\n")[0]]
    assert silent == []


def test_names_of_modules_in_docstrings_exist():
    known = {module(path): path for path in FILES}

    def exists(reference: str) -> bool:
        if reference in known:
            return True
        parent, _, member = reference.rpartition(".")
        if parent in known:
            return re.search(rf"\b{member}\b", known[parent].read_text(encoding="utf-8")) is not None
        grandparent, _, owner = parent.rpartition(".")
        return (
            grandparent in known
            and re.search(rf"\b{owner}\b", known[grandparent].read_text("utf-8")) is not None
        )

    dangling = [
        f"{name(path)}: {reference}"
        for path in FILES
        for reference in REFERENCE.findall(path.read_text(encoding="utf-8"))
        if not exists(reference)
    ]
    assert dangling == []
