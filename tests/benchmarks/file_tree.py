"""Print the tree of the Python files git tracks, each with the first line of its module docstring."""

import ast
import subprocess
import sys
from pathlib import Path

FOLDERS = ("nas", "trials", "search_spaces", "dashboards")


def first_line(source: str) -> str:
    """The first line of a module's docstring, or nothing where it has none."""
    doc = (ast.get_docstring(ast.parse(source)) or "").strip()
    return doc.splitlines()[0].strip() if doc else ""


def main(repository: Path) -> None:
    """Print one line a file: its path, then two spaces, a hyphen and its docstring's first line."""
    listed = subprocess.run(
        ["git", "-C", str(repository), "ls-files", "-z", "--", *FOLDERS],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    for path in sorted(path for path in listed.split("\0") if path.endswith(".py")):
        line = f"{path}  - {first_line((repository / path).read_text(encoding='utf-8'))}"
        sys.stdout.write(line.rstrip() + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
