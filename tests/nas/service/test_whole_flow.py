"""A person's way through the page in a real browser: from the form to a network that runs elsewhere."""

import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nas.service.client import Client
from nas.service.job_table import JobTable
from nas.service.tokens import Tokens
from tests.chromium import chromium
from tests.nas.exports.bare import bare_python

LIMIT_S = 1500
SCREENSHOTS = Path(__file__).parents[2] / "screenshots"
SIZES = {"wide": {"width": 1280, "height": 900}, "phone": {"width": 390, "height": 800}}
POINTS = "[...document.querySelectorAll('#curves polyline')].reduce((n, line) => n + line.points.length, 0)"
# Where torch, safetensors and what they need can be imported, and nothing else.
BARE = """
import importlib.util, sys
sys.path[:0] = sys.argv[1:]
ours = ('nas', 'trials', 'dashboards', 'search_spaces', 'optuna', 'ray', 'timm')
assert not [name for name in ours if importlib.util.find_spec(name)]
import torch
import network
print(tuple(network.network().eval()(torch.zeros(1, 1, 8, 8)).shape))
"""

pytestmark = [pytest.mark.long, pytest.mark.timeout(2 * LIMIT_S)]


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[tuple[str, str]]:
    """Return address and token of a service that runs jobs."""
    folder = tmp_path_factory.mktemp("site")
    url = f"sqlite:///{folder}/nas.db"
    with JobTable(url) as table:
        secret, _ = Tokens(table).create("ann")
    with subprocess.Popen(
        [sys.executable, "-m", "nas", "serve", "--port", "0", "--storage", url],
        cwd=folder,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "NAS_STORAGE": ""},
    ) as server:
        assert server.stderr is not None
        yield server.stderr.readline().split()[0], secret
        server.send_signal(signal.SIGTERM)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as driver:
        yield driver


def logged_in(browser: Any, site: tuple[str, str], size: str = "wide", scheme: str = "light") -> Any:
    """Return a page of someone who has logged in with the keyboard, and what its console complains about."""
    page = browser.new_context(viewport=SIZES[size], color_scheme=scheme, reduced_motion="reduce").new_page()
    page.set_default_timeout(1000 * LIMIT_S)
    page.complaints = []
    refused = "status of 422"  # the answer to a budget that nothing fits, which the browser notes too
    page.on(
        "console",
        lambda m: page.complaints.append(m.text) if m.type == "error" and refused not in m.text else None,
    )
    page.on("pageerror", lambda error: page.complaints.append(str(error)))
    page.goto(site[0])
    page.wait_for_function("document.activeElement.name === 'token'")  # the field has the focus
    page.keyboard.type(site[1])
    page.keyboard.press("Enter")
    page.wait_for_selector("#new")
    page.wait_for_load_state()
    return page


def more_points(page: Any, seen: int) -> int:
    """Return how many epochs the curves show, once they are more than `seen`."""
    ends_s = time.monotonic() + LIMIT_S
    while (shown := int(page.evaluate(POINTS))) <= seen:
        assert time.monotonic() < ends_s
        page.wait_for_timeout(100)
    return shown


def look(page: Any, name: str) -> list[str]:
    """Keep what a page looks like, and return what is wrong for eye, keyboard or screen reader."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed").Axe()
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"service-{name}.png", full_page=True)
    faults = [
        f"{one['id']} {one['nodes'][0]['html'][:200]}"
        for one in axe.run(page).response["violations"]
        if one["impact"] in {"moderate", "serious", "critical"}
    ]
    if page.evaluate("document.documentElement.scrollWidth > innerWidth"):
        faults.append("wider than the screen")
    return [f"{name}: {fault}" for fault in faults]


def test_a_search_is_made_watched_and_taken_home_with_a_browser(site, browser, tmp_path):
    page = logged_in(browser, site)
    page.keyboard.press("Tab")  # nas
    page.keyboard.press("Tab")  # Dashboard
    page.keyboard.press("Tab")  # Log out
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.name") == "budget"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.type("1k-MACs")
    page.wait_for_selector("#fits:has-text('No network in hybrid_small fits')")
    page.select_option("select[name=space]", "mobile_small")
    page.fill("input[name=budget]", "200k-MACs")
    page.wait_for_selector("#fits:has-text('networks of mobile_small fit')")
    page.select_option("select[name=recipe]", "fine_tune")
    page.fill("input[name=trials]", "2")
    page.fill("input[name=study]", "by hand")
    page.keyboard.press("Enter")
    page.wait_for_url("**/searches/*")
    page.evaluate("window.loaded = 'once'")
    seen = more_points(page, 1)
    faults = look(page, "running")
    more_points(page, seen)
    page.wait_for_selector("#state:text('done')")
    page.wait_for_selector("a:text('Download the best network')")
    assert page.inner_text("#trained") == "2"
    assert page.inner_text("#best").endswith("%") or "±" in page.inner_text("#best")
    assert page.evaluate("window.loaded") == "once"

    with page.expect_download() as loading:
        page.click("text=Download the best network")
    with zipfile.ZipFile(loading.value.path()) as packed:
        packed.extractall(tmp_path)
    packages = tmp_path / "packages"
    packages.mkdir()
    ran = subprocess.run(
        [*bare_python(packages), "-c", BARE, tmp_path / "network", packages],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "(1, 10)\n"), ran.stderr

    here = page.url
    page.click("text=Picture >> nth=0")
    page.wait_for_selector("svg title", state="attached")
    assert page.locator("rect").count() > 5
    assert (faults, page.complaints) == ([], [])
    for size in SIZES:
        for scheme in ("light", "dark"):
            page = logged_in(browser, site, size, scheme)
            page.wait_for_selector("#fits:has-text('fit;')")
            faults += look(page, f"home-{size}-{scheme}")
            page.goto(here)
            page.wait_for_selector("#curves polyline.best")
            faults += look(page, f"done-{size}-{scheme}")
            assert page.complaints == []
    assert faults == []


def test_jobs_of_other_kinds_have_a_page_that_shows_what_they_print(site, browser):
    client = Client(*site)
    measured = client.measure("mobilenet_v2_1.0_224", json_output=False, width=80, color=True)
    failing = client.retrain("no such study")
    compared = client.compare("mobilenet_v2_1.0_224", data="digits")
    page = logged_in(browser, site, "phone", "dark")
    assert page.locator("#jobs tbody tr").count() >= 3
    page.click(f"text={measured['study']}")
    page.wait_for_url("**/jobs/*")
    page.evaluate("window.loaded = 'once'")
    faults = look(page, "measurement-waits")
    page.wait_for_selector("#state:text('done')")
    page.wait_for_selector("#result pre:has-text('mobilenet_v2_1.0_224')")
    assert page.evaluate("window.loaded") == "once"
    assert "\x1b" not in page.inner_text("#result")
    faults += look(page, "measurement")
    page.goto(f"{site[0]}/searches/{failing['id']}")  # leads to the page of its kind
    page.wait_for_selector("#state:text('failed')")
    page.wait_for_selector(".problem:has-text('no such study')")
    faults += look(page, "retraining-failed")
    page.goto(f"{site[0]}/jobs/{compared['id']}")
    page.click("text=Stop now")
    page.wait_for_selector("#state:text('cancelled')")
    assert (faults, page.complaints) == ([], [])
