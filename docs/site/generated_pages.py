"""Makes all pages that are not written by hand, of the code itself and of filed results."""

from pathlib import Path

from docs.site.command_pages import command_pages
from docs.site.environment_page import environment_page
from docs.site.evidence_pages import evidence_pages
from docs.site.files_page import files_page
from docs.site.gallery_pages import gallery_pages
from docs.site.python_page import python_page
from docs.site.registry_page import registry_page
from docs.site.yaml_page import yaml_page

_ROOT = Path(__file__).parents[2]


def generated_pages() -> dict[str, str]:
    """Return the text of each page by its path among the pages of `docs`."""
    return {
        **command_pages(),
        **evidence_pages(),
        **gallery_pages(),
        "reference/environment.md": environment_page(),
        "reference/files.md": files_page(),
        "reference/python.md": python_page(),
        "reference/alternatives.md": registry_page(),
        "reference/yaml.md": yaml_page(),
        "contributing.md": (_ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8"),
        "changelog.md": (_ROOT / "CHANGELOG.md").read_text(encoding="utf-8"),
    }
