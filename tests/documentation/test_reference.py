"""The generated reference: it leaves nothing out."""

import ast
import re
from pathlib import Path
from typing import Any

import pytest
import typer.main
import yaml

from docs.site.command_pages import command_pages
from docs.site.environment_page import variables_read
from docs.site.python_page import names
from docs.site.registry_page import registry_page
from docs.site.yaml_page import yaml_page
from nas.__main__ import _app
from search_spaces.blocks import BLOCKS
from search_spaces.mixers import MIXERS
from search_spaces.patterns import PATTERNS
from trials.targets import TARGETS
from trials.training.recipe import Recipe

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_every_command_has_a_page_with_all_its_options():
    group: Any = typer.main.get_command(_app())
    for name, command in group.commands.items():
        page = command_pages()[f"reference/commands/{name}.md"]
        inner = getattr(command, "commands", {}).values()
        for parameter in [p for one in (command, *inner) for p in one.params if p.name != "help"]:
            written = parameter.opts[-1] if parameter.param_type_name == "option" else parameter.metavar
            assert f"`{written or parameter.name.upper()}" in page
        assert "| |\n" not in page  # every option has a meaning


def test_every_variable_that_is_read_is_explained():
    explained = set(yaml.safe_load((ROOT / "docs/site/environment.yaml").read_text(encoding="utf-8")))
    assert variables_read() <= explained
    assert explained - variables_read() <= {"HOME", "TMPDIR", "OMP_NUM_THREADS", "RAY_AUTH_TOKEN_PATH"}


def test_every_name_that_a_page_imports_is_in_the_reference_of_python():
    public = {name for group in names().values() for name in group}
    used = set()
    for block in (
        b
        for page in PAGES
        for b in re.findall(r"^```python\n(.*?)^```", page.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    ):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] in {
                "nas",
                "trials",
                "search_spaces",
            }:
                used |= {f"{node.module}.{alias.name}" for alias in node.names}
    assert used <= public


def test_every_field_of_yaml_files_has_its_values_and_its_meaning():
    page = yaml_page()
    for field in [*Recipe.model_fields, *PATTERNS, "resolution", "depth_of", "heads", "skeleton"][:-1]:
        assert f"| `{field}` |" in page
    assert all(f"| `{kind}` |" in page for kind in TARGETS)
    fields = [line for line in page.splitlines() if line.startswith("| `")]
    assert [line for line in fields if line.endswith("|  |")] == []


@pytest.mark.parametrize("registry", [MIXERS, BLOCKS, PATTERNS, TARGETS])
def test_every_alternative_is_listed(registry):
    page = registry_page()
    assert [name for name in registry if f"| `{name}` |" not in page] == []


def test_the_navigation_has_every_page():
    listed = re.findall(r"[\w/]+\.md", (ROOT / "docs" / "site" / "mkdocs.yml").read_text(encoding="utf-8"))
    written = [path.relative_to(ROOT / "docs").as_posix() for path in PAGES[1:]]
    assert [page for page in written if page not in listed] == []
    assert len(listed) == len(set(listed))
