"""Every command of the documentation runs as it stands on its page, with few and short trainings."""

import json
import re
import shlex
import shutil
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.end_to_end.conftest import UNSTOPPED, Desk, draw_images

pytestmark = [pytest.mark.long, pytest.mark.timeout(7200)]  # a busy host takes several times as long

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]

SHORT: Final = ("--recipe", "quick.yaml")
SHORTER: Final = {
    "search --budget 20M-MACs --data path/to/images --teacher": (*SHORT, "--trials", "10"),  # then explained
    "search": (*SHORT, "--trials", "3"),
    "retrain": SHORT,
    "compare": (*SHORT, "--seeds", "1"),
    "profile --proxy": (*SHORT, "--full", "longer.yaml", "--networks", "3"),
}
"""Options that are added to a command, so that it trains little."""

ELSEWHERE: Final = {
    "make ": ".ci/run",
    "pip install ": "Makefile",
    "python3 -m pip install ": "Makefile",
    "ray start ": "tests/end_to_end/test_hosts.py",
    "nas search --budget 300M-MACs --address HEAD:6379": "tests/end_to_end/test_hosts.py",
    "nas search --budget 300M-MACs --evaluator supernet": "tests/end_to_end/test_supernet.py",
    "nas search --budget 300M-MACs --data path/to/images --evaluator": "tests/end_to_end/test_supernet.py",
    "nas search --budget 200M-MACs --data path/to/images --supernet": "tests/end_to_end/test_supernet.py",
    "nas export --to my_net --int8 --litert": "tests/contracts/test_exporters.py",  # of better networks
    "nas --server ": "tests/nas/service/test_commands.py",
    "nas users ": "tests/nas/service/test_users.py",
    "nas mcp": "tests/nas/service/test_mcp.py",
    "nas retrain --weights timm:": "tests/trials/donors/test_open_donor.py",  # a hub has to be reachable
    "nas tokens ": "tests/nas/service/test_service.py",
    "nas serve ": "tests/nas/service/test_service.py",
    "nas jobs": "tests/nas/service/test_service.py",
    "python train.py ": "tests/nas/exports/formats/test_training_script.py",
}
"""First words of the lines that run elsewhere, and where that is."""


def lines_of(page: Path) -> list[str]:
    """Return the commands of a page that run here."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    blocks = [block for language, block in fenced if language in {"", "sh"}]
    typed = [line for block in blocks for line in block.splitlines() if line.startswith(("nas ", "python "))]
    return [line for line in typed if not line.startswith(tuple(ELSEWHERE))]


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Desk:
    """A folder with what the pages take for granted: images, earlier searches, a teacher, a table."""
    desk = Desk(tmp_path_factory.mktemp("pages"))
    (desk.folder / "quick.yaml").write_text(UNSTOPPED)
    (desk.folder / "longer.yaml").write_text(
        UNSTOPPED.replace("epochs: 2", "epochs: 3").replace("[2]", "[3]")
    )
    draw_images(desk.folder / "path" / "to" / "images")
    _write_parquet(desk.folder / "path" / "to" / "data.parquet")
    _write_table(desk.folder / "nas-bench-macro_cifar10.json")
    for study, trials in (("my_study", "10"), ("my_search", "3")):
        _succeeds(desk, "search", "--budget", "5M-MACs", *SHORT, "--trials", trials, "--study", study)
    _succeeds(desk, "export", "my_study", "--to", "my_net")
    taught_by = ("--data", "path/to/images", "--study", "of_images")
    _succeeds(desk, "search", "--budget", "5M-MACs", *SHORT, "--trials", "1", *taught_by)
    _succeeds(desk, "export", "of_images", "--to", "big")
    shutil.copy(desk.folder / "big" / "big.onnx", desk.folder / "big.onnx")
    for name in ("one_study", "another"):
        _succeeds(desk, "search", "--budget", "5M-MACs", *SHORT, "--trials", "1", "--study", name)
    return desk


def _succeeds(desk: Desk, *words: str) -> None:
    ended = desk.nas(*words)
    assert ended.status == 0, f"nas {shlex.join(words)}: {ended.err}"


def _write_parquet(path: Path) -> None:
    images = sorted((path.parent / "images").rglob("*.png"))
    pq.write_table(
        pa.table(
            {
                "photo": [image.read_bytes() for image in images],
                "species": [image.parent.name for image in images],
            }
        ),
        path,
    )


def _write_table(path: Path) -> None:
    rng = np.random.default_rng(0)
    menus = {f"stage{stage}": ["conv", "wide", "none"] for stage in range(4)}
    points = np.stack(np.meshgrid(*[np.arange(3)] * 4), -1).reshape(-1, 4)  # [81, 4]
    rows = [
        {
            "point": [["conv", "wide", "none"][code] for code in point],
            "values": [float(90 - point.sum() + rng.normal(0, 0.1))],
            "costs": {"macs": int(40_000_000 - 4_000_000 * point.sum())},
        }
        for point in points
    ]
    table = {"format": "nas-table", "version": 1, "name": "few", "direction": "maximize"}
    path.write_text(json.dumps({**table, "parameters": menus, "rows": rows}), encoding="utf-8")


@pytest.mark.parametrize(
    "page", [page for page in PAGES if lines_of(page)], ids=lambda page: str(page.relative_to(ROOT))
)
def test_every_command_of_a_page_ends_well(page: Path, desk: Desk):
    for line in lines_of(page):
        words = shlex.split(line, comments=True)[1:]
        if "--to" in words:
            _remove(desk.folder / words[words.index("--to") + 1])
        if words[0] == "dashboard":
            with _served(desk, *words) as address:
                assert "Optuna" in urllib.request.urlopen(address, timeout=60).read().decode()
            continue
        trains = words[-2:] != ["--trials", "0"]
        shorter = next((options for start, options in SHORTER.items() if line.startswith(f"nas {start}")), ())
        ended = desk.nas(*words, *(shorter if trains else ()))
        assert ended.status == 0, f"{line}: {ended.err}"
        assert ended.out, line


def test_what_runs_elsewhere_is_there():
    assert [place for place in ELSEWHERE.values() if not (ROOT / place).exists()] == []
    texts = "\n".join(page.read_text(encoding="utf-8") for page in PAGES)
    assert [start for start in ELSEWHERE if f"\n{start}" not in texts] == []


def _remove(place: Path) -> None:
    if place.is_dir():
        shutil.rmtree(place)
    place.unlink(missing_ok=True)


@contextmanager
def _served(desk: Desk, *words: str) -> Iterator[str]:
    """Start a server, wait until it answers, and stop it."""
    process = desk.start(*words)
    address, deadline = "http://127.0.0.1:8080/", time.monotonic() + 120
    try:
        while True:
            try:
                urllib.request.urlopen(address, timeout=10).close()
                break
            except (urllib.error.URLError, ConnectionError):
                assert process.poll() is None, process.communicate()
                assert time.monotonic() < deadline, "the server does not answer"
                time.sleep(0.5)
        yield address
    finally:
        process.terminate()
        process.communicate(timeout=60)
