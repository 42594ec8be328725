"""To add a search space, a mixer, a cost, ... is to add one file, or one entry point of another package.

Every alternative of tests/contracts/alternatives is added both ways, to a copy of the packages and to a
package of somebody else's, and a program uses each of them the public way.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from search_spaces.errors import UnknownNameError
from search_spaces.shelf import Shelf

ROOT: Final = Path(__file__).parents[2]
ALTERNATIVES: Final = Path(__file__).parent / "alternatives"
PACKAGES: Final = ("search_spaces", "trials", "dashboards", "nas")
REGISTRIES: Final = {  # kind: the package it is added to, and what its file binds
    "space": ("search_spaces.catalog", "SPACE"),
    "mixer": ("search_spaces.mixers", "MIXER"),
    "block": ("search_spaces.blocks", "BLOCK"),
    "network": ("search_spaces.networks", "NETWORK"),
    "pattern": ("search_spaces.patterns", "PATTERN"),
    "family": ("search_spaces.published", "FAMILY"),
    "cost": ("search_spaces.costs", "COST"),
    "memory": ("search_spaces.costs", "COST"),
    "dataset": ("trials.datasets", "DATASET"),
    "recipe": ("trials.recipes", "RECIPE"),
    "target": ("trials.targets", "TARGET"),
    "score": ("trials.scores", "SCORE"),
    "sampler": ("nas.samplers", "SAMPLER"),
    "rule": ("nas.scaling.rules", "RULE"),
    "exporter": ("nas.exports.formats", "EXPORTER"),
    "figure": ("dashboards.figures", "draw"),
    "report": ("dashboards.reports", "REPORT"),
    "command": ("nas.commands", "COMMAND"),
}
EXPECTED: Final = {
    "space": True,
    "mixer": [2, 3],
    "block": [2, 3],
    "network": [2, 3],
    "pattern": [7, 3, 3],
    "family": ["added_family_16"],
    "cost": "Cannot read the budget '300M-nothing': expected "
    "<number><k|M|G>-<MACs|params|activations|Added_cost>, "
    "<number><KiB|MiB|GiB>-<peak|weights|added_memory>[@int8] or <number>ms[-median|-p90]@<target>, for "
    "example 300M-MACs.",
    "memory": True,
    "dataset": ["dark", "bright"],
    "recipe": 1,
    "target": 7.0,
    "score": 7.0,
    "sampler": ["added_sampler", True],
    "rule": ["added_rule", True],
    "exporter": "exported.params.txt",
    "figure": True,
    "report": "searched: 1 networks",
    "command": "added",
}


def add_files(root: Path) -> None:
    """Copy the packages to `root` and put each alternative into the folder of its kind."""
    for package in PACKAGES:
        shutil.copytree(ROOT / package, root / package, ignore=shutil.ignore_patterns("__pycache__"))
    for kind, (package, _) in REGISTRIES.items():
        shutil.copy(ALTERNATIVES / f"added_{kind}.py", root / package.replace(".", "/"))


def add_entry_points(root: Path) -> None:
    """Install a package that offers each alternative as an entry point into `root`."""
    shutil.copytree(ALTERNATIVES, root / "theirs")
    groups: dict[str, list[str]] = {}
    for kind, (package, binds) in REGISTRIES.items():
        groups.setdefault(package, []).append(f"added_{kind} = theirs.added_{kind}:{binds}")
    entry_points("theirs", root, groups)


def entry_points(name: str, root: Path, groups: dict[str, list[str]]) -> None:
    """Write what an installed package says of itself."""
    info = root / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    lines = [line for group, points in groups.items() for line in (f"[{group}]", *points)]
    (info / "entry_points.txt").write_text("\n".join(lines) + "\n")


def run_in(folder: Path, paths: list[Path], *arguments: str) -> str:
    """Return what Python prints with `paths` in front of where it finds packages."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths)), "OMP_NUM_THREADS": "1"}
    environment.pop("NAS_STORAGE", None)
    ran = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


IN_A_SEARCH: Final = ("sampler", "exporter", "figure", "report")  # used of a search, or in one
WITHOUT_SEARCH: Final = {kind: found for kind, found in EXPECTED.items() if kind not in IN_A_SEARCH}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("add", "expected"),
    [
        # Every other search takes a sampler, an exporter, a figure and a report by their files.
        (add_files, WITHOUT_SEARCH | {"searching": [True] * 4}),
        (add_entry_points, EXPECTED),
    ],
)
def test_an_alternative_of_each_kind_is_usable_once_it_is_there(
    add: Callable[[Path], None], expected: dict[str, object], tmp_path: Path
):
    packages, work = tmp_path / "packages", tmp_path / "work"
    work.mkdir()
    add(packages)
    program = str(Path(__file__).parent / "use_alternatives.py")
    printed = run_in(work, [packages, ROOT], program, *expected)
    assert json.loads(printed.splitlines()[-1]) == expected
    assert sorted(EXPECTED) == sorted(REGISTRIES)


def taken(root: Path, *packages: tuple[str, str]) -> str:
    """Return what Python says to the mixer ``added`` with packages that each offer one."""
    for name, place in packages:
        entry_points(name, root, {"search_spaces.mixers": [place]})
    code = (
        "from search_spaces.errors import UserError\nfrom search_spaces.mixers import MIXERS\n"
        "try:\n    print(len(MIXERS), MIXERS['added'])\nexcept UserError as error:\n    print(error)"
    )
    return run_in(root, [root, ROOT], "-c", code)


def test_two_packages_with_one_name_are_told_apart_in_one_line(tmp_path: Path):
    said = taken(tmp_path, ("one", "added = one.place:MIXER"), ("other", "added = other:MIXER"))
    assert said == (
        "Cannot take the mixer 'added': one 1.0 (one.place:MIXER) and other 1.0 (other:MIXER) both offer "
        "one. Expected one of them; uninstall the other or write module:NAME.\n"
    )


def test_an_entry_point_that_leads_nowhere_says_whose_it_is(tmp_path: Path):
    assert taken(tmp_path, ("one", "added = nowhere:MIXER")) == (
        "Cannot take the mixer 'added': No module named 'nowhere'. It is an entry point of one 1.0 "
        "(nowhere:MIXER); repair or uninstall that.\n"
    )


def test_an_entry_point_that_breaks_the_contract_says_what_it_lacks(tmp_path: Path):
    assert taken(tmp_path, ("one", "added = json:JSONDecoder")) == (
        "Cannot take the mixer 'added': expected Mixer with kind, layers, as search_spaces.mixers describes "
        "it. It is an entry point of one 1.0 (json:JSONDecoder); repair or uninstall that.\n"
    )


def test_a_file_of_ours_wins_over_an_entry_point_of_its_name(tmp_path: Path):
    said = taken(tmp_path, ("one", "attention = nowhere:MIXER"), ("two", "added = torch.nn:Identity"))
    assert "expected Mixer" in said
    shelf: Shelf[object] = Shelf("search_spaces.mixers", "MIXER", "mixer")
    assert shelf.owns("attention")
    assert not shelf.owns("added")
    with pytest.raises(UnknownNameError, match="No mixer is called 'added'"):
        shelf["added"]
