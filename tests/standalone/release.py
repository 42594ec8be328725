"""Builds wheel and source distribution, and searches with each in a bare environment: `make release`.

    python tests/standalone/release.py                     # into dist/, checked by the Python that runs this
    python tests/standalone/release.py --python python3.14

Each of the two is installed alone, with the versions of constraints.txt, into a new virtual environment. In
an empty folder it lists spaces, searches with one tiny training, and reports and exports what it found, so
that a template, a migration or a space of the catalog that the archive lacks is noticed.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
DIST = ROOT / "dist"
_TORCH = "torch==2.13.0"  # first and by its exact pin, as in the Makefile
_RECIPE = "version: 1\nname: short\nepochs: 1\nrungs: [1]\nepoch_images: 256\n"
_COMMANDS = (
    "--version",
    "spaces",
    "networks --fits 20M-MACs",
    "profile --budget 2M-MACs --space mobile_small",
    "search --budget 2M-MACs --space mobile_small --trials 1 --recipe short.yaml",
    "show --json",
    "report --to report.html",
    "export --to my_net",
    "studies check",
)


def main() -> None:
    """Build both archives and check them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--python", default=sys.executable, help="Interpreter of the bare environments.")
    python = parser.parse_args().python
    for archive in built():
        check(archive, python)
        sys.stdout.write(f"{archive.relative_to(ROOT)}: installs and searches\n")


def built() -> list[Path]:
    """Return the wheel and the source distribution, newly built."""
    with tempfile.TemporaryDirectory() as scratch:
        builder = environment(Path(scratch), sys.executable)
        run([builder, "-m", "pip", "install", "--quiet", "hatchling", "hatch-vcs"], ROOT)
        made = Path(scratch) / "made"
        run([builder, "-m", "hatchling", "build", "--directory", str(made)], ROOT)
        DIST.mkdir(exist_ok=True)
        return [archive.replace(DIST / archive.name) for archive in sorted(made.iterdir())]


def check(archive: Path, python: str) -> None:
    """Install one archive into a bare environment and run the commands in an empty folder."""
    with tempfile.TemporaryDirectory() as scratch:
        installed = environment(Path(scratch), python)
        pip = [installed, "-m", "pip", "install", "--quiet"]
        run([*pip, _TORCH], ROOT)
        run([*pip, "--constraint", str(ROOT / "constraints.txt"), str(archive)], ROOT)
        search_there(installed, Path(scratch))


def search_there(python: str, scratch: Path) -> None:
    """Run the commands with an installed package, in an empty folder below `scratch`."""
    folder = scratch / "work"
    folder.mkdir()
    (folder / "short.yaml").write_text(_RECIPE, encoding="utf-8")
    for line in _COMMANDS:
        run([python, "-P", "-m", "nas", *line.split()], folder)
    if not (folder / "my_net" / "my_net.py").exists():
        raise SystemExit(f"The export lacks my_net.py: {sorted(folder.rglob('*'))}")


def environment(scratch: Path, python: str) -> str:
    """Return the interpreter of a new virtual environment below `scratch`."""
    run([python, "-m", "venv", str(scratch / "venv")], ROOT)
    return str(scratch / "venv" / "bin" / "python")


def run(command: list[str], folder: Path) -> None:
    """Run a command, which has to succeed; nothing of this folder is importable by accident."""
    surroundings = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    subprocess.run(command, cwd=folder, env={**surroundings, "RAY_USAGE_STATS_ENABLED": "0"}, check=True)


if __name__ == "__main__":
    main()
