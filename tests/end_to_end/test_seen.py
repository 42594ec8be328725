"""What a person sees in a browser while a search runs and after it; screenshots stay in tests/screenshots."""

import re
import subprocess
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import optuna
import pytest

from tests.chromium import chromium
from tests.end_to_end.conftest import LIMIT_S, Desk

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a busy host takes several times as long

SCREENSHOTS = Path(__file__).parents[1] / "screenshots"
# Slower than the other tests' recipe: the curve is to grow while somebody looks.
SEEN = "epochs: 16\nrungs: [16]\nbatch_size: 64\nrecalibration_batches: 1\nwarmup_epochs: 0\n"
WIDE, NARROW = {"width": 1400, "height": 1000}, {"width": 420, "height": 900}
POINTS = (
    "(document.getElementById('graph-intermediate-values')?.data ?? []).reduce((n, t) => n + t.x.length, 0)"
)
PAGE_WIDTH = "document.documentElement.scrollWidth"
# Horizontal pixels between each card of the dashboard and the card to its left.
CARDS = """(() => {
  const all = [...document.querySelectorAll('.MuiCard-root')];
  const outer = all.filter((card) => !all.some((other) => other !== card && other.contains(card)));
  const cards = outer.map((card) => card.getBoundingClientRect());
  const beside = (a, b) => b.left > a.left && b.top < a.bottom && a.top < b.bottom;
  return cards.flatMap((a) => cards.filter((b) => beside(a, b)).map((b) => b.left - a.right));
})()"""
SIZES = "[...document.querySelectorAll('.js-plotly-plot')].map((d) => d.querySelectorAll('.trace').length)"


@dataclass
class Browser:
    """A real browser with what its console complained about."""

    driver: Any
    complaints: list[str] = field(default_factory=list)

    def open(self, address: str, size: dict[str, int] | None = None) -> Any:
        """Return a page that has been loaded."""
        page = self.driver.new_page(viewport=size or WIDE)
        page.set_default_timeout(1000 * LIMIT_S)  # a busy host trains slowly
        page.on("console", lambda m: self.complaints.append(m.text) if m.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on(
            "response", lambda r: self.complaints.append(f"{r.status} {r.url}") if r.status >= 400 else None
        )
        page.goto(address)
        return page


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as driver:
        yield Browser(driver)


def kept(page: Any, name: str, *, whole: bool = True) -> None:
    """Keep what a page looks like."""
    SCREENSHOTS.mkdir(exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=whole, timeout=60_000)


def misfit(desk: Desk, study: str) -> int:
    """Add a network that misses its budget, as a search records one, and return its number."""
    import search_spaces
    from nas.storage.optuna_storage import open_storage
    from nas.study import trial_attributes
    from search_spaces.counting import count
    from tests.nas.opened import opened

    storage = open_storage(f"sqlite:///{desk.folder / 'nas.db'}")
    found = optuna.load_study(study_name=study, storage=storage)
    architecture = search_spaces.reference("mobilevit_xxs_256")
    trial = found.ask()
    watched, costs = opened(found), count(architecture, num_classes=10, in_channels=1)
    trial_attributes.describe(watched, trial.number, architecture, costs, [0.25])
    trial_attributes.decide(watched, trial.number, optuna.trial.TrialState.PRUNED, "misses 2M-MACs")
    found.tell(trial, state=optuna.trial.TrialState.PRUNED)
    storage.engine.dispose()
    return trial.number


def served(process: subprocess.Popen[str]) -> str:
    """Return where a dashboard says that it listens."""
    assert process.stderr is not None
    line = process.stderr.readline()
    assert line.startswith("http://"), line + (process.stderr.read() if process.poll() is not None else "")
    return line.split()[0].partition("/dashboard")[0]


def test_a_search_is_watched_as_it_runs_and_reported(desk: Desk, browser: Browser):
    (desk.folder / "seen.yaml").write_text(SEEN)
    words = ("--budget", "2M-MACs", "--trials", "6", "--study", "seen", "--recipe", "seen.yaml")
    search = desk.start("search", *words)
    desk.wait_until(bool, search)
    dashboard = desk.start("dashboard", "seen", "--port", "0")
    desk.wait_until(lambda trials: any(trial["curve"] for trial in trials), search)
    try:
        address = served(dashboard)
        page = browser.open(f"{address}/dashboard/studies/1")
        page.evaluate("window.opened = 'once'")
        page.wait_for_function(f"{POINTS} > 0")
        before = page.evaluate(POINTS)
        page.wait_for_function(f"{POINTS} > {before}")
        assert search.poll() is None, "the search had ended before the new point was seen"
        assert page.evaluate("window.opened") == "once"  # nothing was loaded again by hand
        page.close()
        missing = misfit(desk, "seen")
        search.send_signal(2)  # the running networks finish
        search.communicate(timeout=LIMIT_S)
        _study_is_seen(browser, address)
        _networks_are_seen(browser, address, missing)
    finally:
        for process in (search, dashboard):
            process.kill()
            process.communicate()
    _report_is_seen(browser, desk)
    assert not browser.complaints


def _study_is_seen(browser: Browser, address: str) -> None:
    page = browser.open(f"{address}/dashboard/studies/1")
    page.get_by_text("Accuracy and MACs").wait_for()
    page.get_by_text("Best accuracy so far").wait_for()
    page.wait_for_timeout(1500)
    kept(page, "dashboard_study")
    assert page.evaluate(PAGE_WIDTH) <= WIDE["width"]
    frames = page.evaluate(CARDS)
    assert all(apart >= 8 for apart in frames)  # no card touches the one before it
    page.goto(f"{address}/dashboard/studies/1/note")
    page.get_by_text("To do this search again").wait_for()
    assert page.evaluate(PAGE_WIDTH) <= WIDE["width"]
    page.close()
    page = browser.open(f"{address}/dashboard/studies/1", NARROW)
    page.get_by_text("Best accuracy so far").wait_for()
    page.wait_for_timeout(1500)
    kept(page, "dashboard_study_narrow")
    assert page.evaluate(PAGE_WIDTH) <= NARROW["width"] + 20
    page.close()


def _networks_are_seen(browser: Browser, address: str, missing: int) -> None:
    page = browser.open(f"{address}/dashboard/studies/1/trials?numbers=0")
    picture = page.get_by_alt_text("The network from left to right")
    picture.wait_for()
    page.wait_for_function("document.querySelector('img[alt^=\"The network\"]').naturalWidth > 0")
    assert page.get_by_role("cell", name="stem", exact=True).count() >= 1
    assert page.get_by_text(re.compile("metaformer|mobilevit|inverted.residual")).count() >= 1
    assert page.get_by_text("weights.safetensors").count() >= 1
    kept(page, "dashboard_network")
    page.goto(f"{address}/dashboard/studies/1/trials?numbers={missing}")
    page.get_by_text("over budget; misses 2M-MACs").wait_for()
    page.get_by_role("cell", name="over by 25.0%").wait_for()
    kept(page, "dashboard_misfit")
    page.close()


def _report_is_seen(browser: Browser, desk: Desk) -> None:
    written = desk.here("report", "seen", "--to", "report.html")
    assert written.status == 0, written.err
    page = browser.open((desk.folder / "report.html").as_uri())
    page.wait_for_function(f"{SIZES}.length >= 4 && {SIZES}.every((traces) => traces > 0)")
    assert page.get_by_text("Best network: #").count() == 1
    page.wait_for_timeout(500)
    kept(page, "report")
    page.pdf(path=SCREENSHOTS / "report.pdf", format="A4")
    page.set_viewport_size(NARROW)
    page.wait_for_timeout(800)
    kept(page, "report_narrow")
    page.close()


def test_an_empty_study_says_so_in_the_browser_and_in_its_report(tmp_path: Path, browser: Browser):
    desk = Desk(tmp_path)
    from nas.storage.optuna_storage import open_storage
    from nas.study.settings import Settings
    from nas.study.study import begin
    from search_spaces.budget import Budget

    storage = open_storage(f"sqlite:///{tmp_path / 'nas.db'}")
    settings = Settings(
        space="hybrid_small",
        space_digest="0",
        budgets=(Budget.parse("2M-MACs"),),
        data="digits",
        data_fingerprint="0",
        recipe={"name": "proxy"},
        sampler="random",
        seed=0,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        begin(
            storage,
            "empty",
            settings,
            sampler=optuna.samplers.RandomSampler(),
            pruner=optuna.pruners.NopPruner(),
            images={"classes": ["a", "b"], "channels": 1, "mean": [0.5], "std": [0.5]},
            folder=str(tmp_path / "runs"),
        )
    storage.engine.dispose()
    ended = desk.here("report", "empty", "--to", "report.html")
    assert ended.status == 0, ended.err
    dashboard = desk.start("dashboard", "empty", "--port", "0")
    try:
        address = served(dashboard)
        page = browser.open(f"{address}/dashboard/studies/1/note")
        page.get_by_text("Nothing has been tried yet").wait_for()
        page.goto((tmp_path / "report.html").as_uri())
        page.get_by_text("Nothing has been tried yet").wait_for()
        page.close()
    finally:
        dashboard.kill()
        dashboard.communicate()
