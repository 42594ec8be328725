"""Every report is written of an empty, a short and a long search, and needs nothing from elsewhere."""

import csv
import re
import shutil
from pathlib import Path

import pytest

from dashboards.reports import REPORTS
from search_spaces.errors import ExportError
from tests.dashboards.searches import findings, many, network, search

TEXTS = [name for name in REPORTS if name != "png"]


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("networks", [[], [network()], [network(0, state="running", epochs=0)]])
def test_a_report_is_one_file_whatever_there_is(name: str, networks, tmp_path: Path):
    path = tmp_path / f"report.{name}"
    assert REPORTS[name](findings(*networks), path) == (path,)
    assert path.stat().st_size > 0


@pytest.mark.parametrize("name", ["html", "md"])
def test_an_empty_search_says_so(name: str, tmp_path: Path):
    (path,) = REPORTS[name](findings(), tmp_path / "report")
    assert "Nothing has been tried yet" in path.read_text()


@pytest.mark.parametrize("name", ["html", "md"])
def test_a_report_names_the_winner_its_costs_and_how_to_repeat_it(name: str, tmp_path: Path):
    (path,) = REPORTS[name](findings(network(3), network(4, accuracy=0.9)), tmp_path / "report")
    text = path.read_text()
    for expected in ("#3", "299M", "nas search --budget 300M-MACs", "tinynet_e_106", "proxy"):
        assert expected in text


@pytest.mark.parametrize("name", ["html", "md"])
def test_a_report_compares_the_best_networks_with_the_winner(name: str, tmp_path: Path):
    (path,) = REPORTS[name](findings(*many(40)), tmp_path / "report")
    text = path.read_text()
    assert "Best networks after the search" in text
    assert text.count("against the best") == 2
    listed = text.partition("against the best: ")[2]
    assert len(re.findall(r"(?:<td>|\n\| )#\d+", listed)) >= 12


@pytest.mark.parametrize("latency_ms", [None, {"cpu": 2.0}])
def test_two_columns_of_figures_have_no_hole(latency_ms: dict[str, float] | None, tmp_path: Path):
    shown = findings(*(network(n, latency_ms=latency_ms) for n in range(3)))
    (path,) = REPORTS["html"](shown, tmp_path / "report.html")
    found = re.findall(r'<div( class="wide")?>\s*<div[^>]*>\s*<div id="figure-(\w+)"', path.read_text())
    assert len(found) >= 4
    filled = 0
    for wide, _ in found:
        assert not wide or filled % 2 == 0
        filled += 0 if wide else 1
    assert filled % 2 == 0


def test_the_page_fetches_nothing_and_escapes_what_it_is_given(tmp_path: Path):
    odd = findings(network(), result=search(network(), study="<script>alert(1)</script>"))
    (path,) = REPORTS["html"](odd, tmp_path / "report.html")
    text = path.read_text()
    assert "<script>alert(1)" not in text
    assert not re.findall(r"<(?:script|img|link|iframe)[^>]*(?:src|href)=", text)
    assert "default-src 'none'" in text


def test_the_table_holds_every_network_once(tmp_path: Path):
    networks = many(50)
    (path,) = REPORTS["csv"](findings(*networks), tmp_path / "networks.csv")
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert sorted(int(row["trial"]) for row in rows) == list(range(50))
    assert rows[0]["fits"] == "1"
    assert float(rows[0]["latency_ms@cpu"]) > 0
    assert rows[0]["architecture"].startswith("{")


@pytest.mark.slow
@pytest.mark.skipif(
    shutil.which("chromium") is None, reason="no chromium is installed (apt-get install chromium)"
)
def test_pictures_are_drawn_of_every_figure(tmp_path: Path):
    from PIL import Image

    files = REPORTS["png"](findings(*many(12)), tmp_path / "pictures")
    assert {"pareto_macs", "convergence"} <= {path.stem for path in files}
    for path in files:
        with Image.open(path) as image:
            assert image.size == (1800, 1040)
            assert len(image.convert("L").getcolors() or [0] * 9) > 5  # not blank


def test_pictures_of_nothing_are_refused_in_a_line(tmp_path: Path):
    with pytest.raises(ExportError, match="nothing to draw"):
        REPORTS["png"](findings(), tmp_path / "pictures")
    assert not (tmp_path / "pictures").exists()


def test_without_chromium_a_line_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("BROWSER_PATH", str(tmp_path / "none"))
    with pytest.raises(ExportError, match="apt-get install chromium"):
        REPORTS["png"](findings(network()), tmp_path / "pictures")
