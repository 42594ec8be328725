"""README and docs: every command and Python block on them is valid, every link leads somewhere."""

import os
import re
import shlex
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import typer.main

from docs.site.generated_pages import generated_pages as all_generated_pages
from nas.__main__ import _app
from nas.tabular.table import load as load_table
from search_spaces.loading import load as load_space
from trials.recipes import load_recipe
from trials.target_names import read_targets

ROOT = Path(__file__).parents[2]
generated_pages = cache(all_generated_pages)
README = ROOT / "README.md"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(
        rf"^```{language}\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def commands() -> list[tuple[str, str]]:
    lines = [(p.name, line) for p in PAGES for block in blocks(p, "sh") for line in block.splitlines()]
    return [(name, line) for name, line in lines if line.startswith("nas ")]


@pytest.mark.parametrize(("page", "line"), commands())
def test_every_command_on_a_page_has_only_options_that_exist(page: str, line: str):
    del page
    words = shlex.split(line, comments=True)
    if words[1] == "--server":  # of nas itself
        del words[1:3]
    command: Any = typer.main.get_command(_app())
    while words[1:] and words[1] in getattr(command, "commands", {}):
        words = words[1:]
        command = command.commands[words[0]]
    assert words[0] != "nas"
    command.make_context(words[0], [word for word in words[1:] if word != "--help"])  # parses, runs nothing


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_python_on_a_page_compiles(page: Path):
    for block in blocks(page, "python"):
        compile(block, str(page), "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_of_a_page_leads_to_a_file(page: Path):
    links = re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8"))
    places = {link: Path(os.path.normpath(page.parent / link)) for link in links}
    made = {ROOT / "docs" / uri for uri in generated_pages()}
    assert [link for link, place in places.items() if not place.exists() and place not in made] == []


@pytest.mark.parametrize(
    ("name", "language", "load"),
    [
        ("spaces.md", "yaml", load_space),
        ("recipes.md", "yaml", load_recipe),
        ("latency.md", "yaml", lambda path: read_targets(Path(path))),
        ("bench.md", "json", lambda path: load_table(Path(path))),
    ],
)
def test_each_file_on_a_page_can_be_read(
    name: str, language: str, load: Callable[[str], object], tmp_path: Path
):
    texts = blocks(ROOT / "docs" / name, language)
    assert texts
    for number, text in enumerate(texts):
        path = tmp_path / f"own_{number}.{language}"
        path.write_text(text, encoding="utf-8")
        assert load(str(path))


def test_the_readme_is_short_and_links_every_page():
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 180
    linked = [*(ROOT / "docs").glob("*.md"), ROOT / "docs" / "how" / "index.md"]
    assert not [page.name for page in linked if page.relative_to(ROOT).as_posix() not in text]


@pytest.mark.parametrize("page", PAGES[1:], ids=lambda page: page.name)
def test_a_page_begins_with_what_it_answers(page: Path):
    title, blank, first = page.read_text(encoding="utf-8").splitlines()[:3]
    assert title.startswith("# ")
    assert not blank
    assert first.startswith("This page ")
