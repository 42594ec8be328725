"""The documentation as a site: its links, its search, accessibility, phones and dark mode."""

import html
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag, urljoin

import pytest

from tests.chromium import chromium

pytest.importorskip("mkdocs", reason="the group docs is not installed (make docs)")
pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
SCREENSHOTS = ROOT / "tests" / "screenshots"
PHONE, DESK = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
LOOKED_AT = ("", "how/surrogate/", "latency/", "reference/commands/search/", "evidence/", "reference/python/")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built site; every warning of MkDocs, dead links and anchors among them, is an error."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--strict", "-f", "docs/site/mkdocs.yml"]
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    subprocess.run([*command, "-d", str(folder)], cwd=ROOT, env=environment, check=True, timeout=540)
    return folder


@pytest.fixture(scope="module")
def pages(site: Path) -> list[str]:
    return sorted(f"{path.parent.relative_to(site)}/".removeprefix("./") for path in site.rglob("index.html"))


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def address(site: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(site)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


def test_every_link_and_anchor_of_the_site_leads_somewhere(site: Path, pages: list[str]):
    texts = {page: (site / page / "index.html").read_text(encoding="utf-8") for page in pages}
    anchors = {page: set(re.findall(r'\bid="([^"]+)"', text)) for page, text in texts.items()}
    dead = []
    for page, text in texts.items():
        for link in re.findall(r'<a [^>]*href="([^"]+)"', text):
            place, anchor = urldefrag(urljoin(f"/{page}", unquote(html.unescape(link))))
            if ":" in place:
                continue
            target = place.removeprefix("/")
            found = target in anchors or (site / target).is_file()
            if not found or (anchor and anchor not in anchors.get(target, set())):
                dead.append(f"{page}: {link}")
    assert dead == []


@pytest.mark.parametrize(
    ("word", "page"), [("latency", "latency/"), ("phone", "latency/"), ("resume", "resume/")]
)
def test_the_search_finds_a_word_on_its_page(address: str, word: str, page: str):
    with chromium() as browser:
        tab = browser.new_page(viewport=DESK)
        tab.goto(address)
        tab.keyboard.press("s")
        tab.keyboard.type(word)
        tab.wait_for_selector(".md-search-result__link", timeout=60_000)
        tab.wait_for_timeout(1_000)
        links = tab.eval_on_selector_all(".md-search-result__link", "found => found.map(one => one.href)")
    assert any(link.startswith(address + page) for link in links[:3])


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_accessible_fit_a_phone_and_load_nothing_from_elsewhere(
    address: str, pages: list[str], scheme: str
):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    SCREENSHOTS.mkdir(exist_ok=True)
    faults, wide, elsewhere = [], [], []
    with chromium() as browser:
        for size in (DESK, PHONE):
            tab = browser.new_page(viewport=size, color_scheme=scheme, reduced_motion="reduce")
            tab.on("request", lambda request: elsewhere.append(request.url))
            looked_at = [page for page in pages if not page.startswith("evidence/") or page == "evidence/"]
            for page in looked_at if size is DESK else LOOKED_AT:
                tab.goto(address + page)
                if tab.evaluate("document.documentElement.scrollWidth > innerWidth"):
                    wide.append(page)
                if page in LOOKED_AT:
                    name = f"docs-{page.strip('/').replace('/', '-') or 'home'}-{scheme}-{size['width']}.png"
                    tab.screenshot(path=SCREENSHOTS / name)
                faults += [f"{page}: {fault}" for fault in _serious(axe.run(tab).response["violations"])]
    assert faults == []
    assert wide == []
    assert [url for url in elsewhere if not url.startswith(address)] == []


def _serious(violations: list[dict[str, Any]]) -> list[str]:
    found = [one for one in violations if one["impact"] in {"serious", "critical"}]
    return [f"{one['id']} {json.dumps(one['nodes'][0]['html'])[:200]}" for one in found]
