"""The public names, and that asking for help costs no torch."""

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

import search_spaces
from search_spaces.blocks import BLOCKS
from search_spaces.errors import UnknownNameError
from search_spaces.mixers import MIXERS
from search_spaces.networks import NETWORKS
from search_spaces.shelf import Shelf
from search_spaces.units import format_bytes, format_count, format_seconds


def test_every_public_name_is_there_and_a_wrong_one_is_not():
    for name in search_spaces.__all__:
        assert getattr(search_spaces, name) is not None
    assert dir(search_spaces) == search_spaces.__all__
    with pytest.raises(AttributeError, match="no attribute 'laod'"):
        search_spaces.laod  # noqa: B018


def test_the_package_itself_imports_no_torch():
    code = (
        "import sys, search_spaces; from search_spaces.budget import Budget; sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_listing_a_registry_imports_nothing_and_an_unknown_name_offers_the_nearest():
    shelf: Shelf[object] = Shelf("search_spaces.mixers", "MIXER", "mixer")
    assert "attention" in shelf
    assert len(shelf) == len(list(shelf)) >= 12
    with pytest.raises(UnknownNameError, match=r"'atention'\. Did you mean 'attention'\?"):
        shelf["atention"]
    with pytest.raises(UnknownNameError, match="Expected module:NAME"):
        shelf["search_spaces.mixers.attention:NOBODY"]
    assert shelf["search_spaces.mixers.attention:MIXER"] is MIXERS["attention"]


@pytest.mark.parametrize("shelf", [MIXERS, BLOCKS, NETWORKS], ids=["mixers", "blocks", "networks"])
def test_what_an_export_copies_imports_torch_and_the_standard_library_alone(shelf):
    for name in shelf:
        tree = ast.parse(Path(inspect.getfile(shelf[name])).read_text())
        for node in ast.walk(tree):
            modules: list[str] = []
            if isinstance(node, ast.Import):
                modules = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                modules = [str(node.module)]
            for module in modules:
                root = module.partition(".")[0]
                assert root == "torch" or root in sys.stdlib_module_names, f"{name} imports {module}"


@pytest.mark.parametrize(
    ("text", "written"),
    [
        (format_count(300_774_272), "301M"),
        (format_count(999_700), "1M"),
        (format_count(12), "12"),
        (format_count(7_155_785_728), "7.16G"),
        (format_bytes(512 * 1024), "512 KiB"),
        (format_bytes(1023), "1023 B"),
        (format_seconds(245), "4 min 05 s"),
        (format_seconds(7260), "2 h 01 min"),
        (format_seconds(59.4), "59 s"),
    ],
)
def test_numbers_are_written_as_people_read_them(text, written):
    assert text == written
