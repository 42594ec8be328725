"""A search by a supernet from the shell: killed while it trains, gone on with, and used by another search."""

import json
import signal
import sqlite3
import time

import pytest

from tests.end_to_end.conftest import LIMIT_S, Desk

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1800)]

SPACE = """
version: 1
name: few
resolution: [8]
width: [0.5, 1.0]
divisor: 8
conv_depth: [0.5, 1.0]
options: {stem_channels: 16, stem_stride: 1}
stages:
  - {channels: 16, depth: [1], options: {mixer: [depthwise], kernel: [3, 5], expansion: [1, 2]}}
  - {channels: 32, depth: [2], stride: 2, options: {mixer: [depthwise], kernel: [3, 5]}}
"""
ASKED = ("--budget", "150k-MACs", "--space", "space.yaml", "--trials", "2")


def test_a_killed_supernet_goes_on_to_the_same_bytes_and_serves_another_search_untrained(desk: Desk):
    (desk.folder / "space.yaml").write_text(SPACE)
    whole = desk.search(*ASKED, "--evaluator", "supernet", "--study", "whole")
    assert whole.status == 0, whole.err
    assert "it pays from" in whole.err
    runs = desk.folder / "nas-runs"
    killed = desk.start(
        "search", "--recipe", "quick.yaml", *ASKED, "--evaluator", "supernet", "--study", "cut"
    )
    checkpoint, deadline = runs / "cut" / "supernet" / "checkpoint.pt", time.monotonic() + LIMIT_S
    while not checkpoint.exists() and time.monotonic() < deadline:
        assert killed.poll() is None
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()  # closes its pipes
    checked = desk.nas("studies", "check", "cut")
    assert "cut: its supernet is trained for" in checked.out
    assert "epochs by sandwich" in desk.nas("show", "cut").out
    assert not (runs / "cut" / "supernet" / "supernet.safetensors").exists()
    ended = desk.search(*ASKED, "--evaluator", "supernet", "--study", "cut")
    assert ended.status == 0, ended.err
    for name in ("supernet.safetensors", "readings.json"):
        one, other = (runs / study / "supernet" / name for study in ("whole", "cut"))
        assert one.read_bytes() == other.read_bytes()

    shown = json.loads(desk.nas("show", "whole", "--json").out)["supernet"]
    assert (shown["epochs"], shown["compared"]) == (shown["of_epochs"], 2)
    retrained = desk.nas("retrain", "whole", "--weights", "supernet", "--recipe", "quick.yaml")
    assert retrained.status == 0, retrained.err
    assert "starts from its slice of the supernet of 'whole'" in retrained.err

    reused = desk.search("--budget", "100k-MACs", *ASKED[2:], "--supernet", "whole", "--study", "other")
    assert reused.status == 0, reused.err
    assert "Supernet epoch" not in reused.err
    assert "networks read" in reused.err
    assert not (runs / "other" / "supernet" / "supernet.safetensors").exists()
    with sqlite3.connect(desk.folder / "nas.db") as connection:
        rows = connection.execute(
            "select value_json from study_user_attributes where key = 'nas:expected'"
        ).fetchall()
    assert {json.loads(row[0])["source"] for row in rows} == {"supernet", "supernet of whole"}
