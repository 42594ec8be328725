"""Hook of MkDocs: adds the generated pages, resolves links out of the folder, and typesets formulas."""

import re
import sys
from pathlib import Path

from latex2mathml.converter import convert
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from docs.site.figures import FIGURES  # noqa: E402 -- found from the root of the repository
from docs.site.generated_pages import generated_pages  # noqa: E402

_FORMULA = re.compile(r'<(span|div) class="arithmatex">\\([(\[])(.*?)\\[)\]]</\1>', re.DOTALL)
_RESULT = re.compile(r"`tests/benchmarks/results/(\w+)\.md`")
_RESULT_LINK = re.compile(r"\]\((?:\.\./)+tests/benchmarks/results/(\w+)\.md\)")
_PRIME = re.compile(r"<msup><mi>(\w)</mi><mi>&#x02032;</mi></msup>")
_FIGURE = re.compile(r"^FIGURE (\w+)$", re.MULTILINE)
_OUTSIDE = re.compile(r"\]\((?:\.\./)+(CONTRIBUTING|CHANGELOG)\.md\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Put the pages of commands and of filed results into the navigation."""
    parts = {name: pages for part in config.nav or [] for name, pages in part.items()}
    made = sorted(generated_pages())
    commands = [{f"nas {Path(uri).stem}": uri} for uri in made if uri.startswith("reference/commands/")]
    parts["Reference"][parts["Reference"].index("COMMANDS")] = {"Commands": commands}
    for part in ("Gallery", "Evidence"):
        folder = f"{part.lower()}/"
        parts[part] += [uri for uri in made if uri.startswith(folder) and uri != f"{folder}index.md"]
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages to those in the folder."""
    for uri, text in generated_pages().items():
        files.append(File.generated(config, uri, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Lead mentions of filed results and of files beside the folder to their pages here."""
    page.meta.setdefault(
        "title", markdown.lstrip("# ").partition("\n")[0].strip()
    )  # the navigation has a shorter one
    up = "../" * page.file.src_uri.count("/")
    if not page.file.src_uri.startswith("evidence/"):
        markdown = _RESULT.sub(lambda found: f"[`{found[1]}.md`]({up}evidence/{found[1]}.md)", markdown)
    markdown = _RESULT_LINK.sub(lambda found: f"]({up}evidence/{found[1]}.md)", markdown)
    markdown = _FIGURE.sub(lambda found: FIGURES[found[1]](), markdown)
    return _OUTSIDE.sub(lambda found: f"]({up}{found[1].lower()}.md)", markdown)


def on_page_content(html: str, **_: object) -> str:
    """Typeset formulas as MathML, which browsers show without a script."""
    return _FORMULA.sub(_typeset, html)


def on_post_page(output: str, **_: object) -> str:
    """Give the search of the theme the name that readers of screens need."""
    return output.replace(
        'data-md-component="search" role="dialog"',
        'data-md-component="search" role="dialog" aria-label="Search"',
    )


def _typeset(found: re.Match[str]) -> str:
    display = "block" if found[2] == "[" else "inline"
    text = found[3].replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return _PRIME.sub(r"<mi>\1′</mi>", str(convert(text.strip(), display=display)))
