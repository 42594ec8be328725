"""Latency measured on nodes of a real Ray cluster, also on one without a slot for trainings."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.havoc import furnish
from tests.chaos.nodes import Nodes

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]  # a busy host takes several times as long


@pytest.fixture(scope="module")
def cluster():
    with Nodes() as nodes:
        nodes.start(1, cpus=0, resources={"board": 1})  # the driver's node trains nothing
        nodes.start(2, cpus=1)
        yield nodes


@pytest.fixture
def nas(cluster, tmp_path):
    """Return a function that runs nas beside the cluster and returns its status and what it said."""

    def run(*words):
        ended = subprocess.run(
            [sys.executable, "-m", "nas", *words, "--address", cluster.address],
            cwd=tmp_path,
            env=cluster.environment | {"PYTHONPATH": str(Path.cwd())},
            capture_output=True,
            text=True,
            check=False,
            timeout=900,
        )
        return ended.returncode, ended.stdout, ended.stderr

    return run


def test_a_network_is_timed_on_the_node_with_that_address(cluster, nas):
    name = f"node:{cluster.at(2)}"
    status, out, err = nas("measure", "tinynet_e_106", "--on", name, "--json")
    assert status == 0, err
    found = json.loads(out)
    assert 0 < found["low_ms"] <= found["median_ms"] <= found["high_ms"]
    assert found["conditions"]["target"] == name
    assert {"device", "runtime", "version", "threads", "drift"} <= set(found["conditions"])


def test_a_node_with_a_name_of_ones_own_answers_and_times_layers_or_says_why_it_cannot(nas, tmp_path):
    (tmp_path / "targets.yaml").write_text(
        "version: 1\ntargets:\n"
        "  pixel: {kind: node, address: board, dtype: int8}\n"
        "  bare: {kind: node, address: board, python: 'false'}\n"
        "  slow: {kind: node, address: board, provider: NoSuchProvider}\n"
    )
    status, out, err = nas("targets", "--json")
    assert status == 0, err
    targets = json.loads(out)["targets"]
    assert targets["pixel"]["runtime"] == "onnxruntime"
    assert "could not run the timing (status 1)" in targets["bare"]
    assert "NoSuchProvider" in targets["slow"]
    status, out, err = nas("measure", "tinynet_e_106", "--on", "pixel", "--layers", "--json")
    assert status == 0, err
    assert json.loads(out)["conditions"]["dtype"] == "int8"


def test_a_node_that_is_not_there_is_named_in_one_line(nas):
    status, out, err = nas("measure", "tinynet_e_106", "--on", "node:nowhere")
    assert (status, out) == (2, "")
    assert "No node of the Ray cluster has" in err
    assert len(err.strip().splitlines()) == 1


def test_a_search_trains_on_what_the_nodes_have_what_keeps_a_latency_on_one_of_them(nas, tmp_path):
    furnish(tmp_path)
    files = ("--space", "tiny.yaml", "--data", "tiny.npz", "--recipe", "short.yaml")
    budgets = ("--budget", "8M-MACs", "--budget", "50ms@node:board")
    words = (*budgets, *files, "--sampler", "random", "--trials", "2", "--study", "mine")
    status, out, err = nas("search", *words, "--json")
    assert status == 0, err
    told = json.loads(out)
    assert told["trained"] == 2
    best = told["networks"][0]
    assert best["state"] == "complete"
    assert 0 < best["latency_ms"]["node:board"] < 50
    assert "2 networks, 1 at a time on cpu" in (tmp_path / "nas-runs" / "mine" / "search.log").read_text()
