"""A search on a cluster loses nothing when nodes die and are cut off, and trains on no node that differs."""

import random
import re
import shutil
import time
from pathlib import Path

import pytest

from tests.benchmarks.filing import file_result
from tests.chaos import havoc
from tests.chaos.nodes import Nodes, can_be_cut_off
from tests.chaos.test_kills import check_weights

ROOT = Path(__file__).parents[2]


def errors(folder):
    return (folder / "err.txt").read_text()


def died(folder):
    """Return the trials whose training died and was begun again, in order."""
    log = (folder / "nas-runs/chaos/search.log").read_text()
    return re.findall(r"What trained trial (\d+) died; it goes on", log)


def trains(nodes, number):
    """Return whether a worker of Ray Tune runs on a node."""
    return any(words.startswith("ray::ImplicitFunc") for _, words in havoc.below(nodes.processes(number)[0]))


def _wait_for(true, what):
    deadline = time.monotonic() + 120
    while not true():
        assert time.monotonic() < deadline, f"waited too long for {what}"
        time.sleep(0.2)


@pytest.mark.chaos
def test_a_node_with_other_source_is_refused_before_anything_is_trained(tmp_path):
    havoc.furnish(tmp_path)
    url = f"sqlite:///{tmp_path}/nas.db"
    _copy_of_another_version(tmp_path / "other")
    with Nodes() as nodes:
        nodes.start(1, cpus=1)
        nodes.start(2, environment={"PYTHONPATH": str(tmp_path / "other")})
        search = havoc.started(tmp_path, url, 3, "--address", nodes.address, environment=nodes.environment)
        search.communicate(timeout=havoc.LIMIT_S)
        last = errors(tmp_path).strip().splitlines()[-1]
        assert search.returncode == 2
        assert f"The node {nodes.at(2)} of the Ray cluster at '{nodes.address}' has nas" in last
        assert "of other source" in last
    assert havoc.trials_of(url) == []


@pytest.mark.chaos
def test_a_second_search_gets_its_turns_on_a_node_that_is_taken(tmp_path):
    with Nodes() as nodes:
        nodes.start(1, cpus=1)
        searches = []
        for name, trials in (("long", 400), ("short", 4)):
            folder = tmp_path / name
            folder.mkdir()
            havoc.furnish(folder)
            url = f"sqlite:///{folder}/nas.db"
            search = havoc.started(
                folder, url, trials, "--address", nodes.address, environment=nodes.environment
            )
            searches.append(search)
            if name == "long":
                havoc.wait_for(url, search, 1)
        long, short = searches
        short.communicate(timeout=havoc.LIMIT_S)
        assert short.returncode == 0, errors(tmp_path / "short")
        assert long.poll() is None, "it was over before the other was let in"
        long.terminate()
        long.communicate(timeout=30)


@pytest.mark.chaos
def test_a_node_that_joins_trains_beside_the_others_and_one_that_leaves_is_not_missed(tmp_path):
    havoc.furnish(tmp_path, images=640)
    url = f"sqlite:///{tmp_path}/nas.db"
    with Nodes() as nodes:
        nodes.start(1, cpus=0)
        nodes.start(2)
        search = havoc.started(tmp_path, url, 30, "--address", nodes.address, environment=nodes.environment)
        havoc.wait_for(url, search, 2)
        nodes.start(3)
        said = "The nodes of the cluster have room for {} trainings now"
        _wait_for(lambda: said.format(2) in errors(tmp_path), "the node that joined")
        _wait_for(lambda: all(trains(nodes, number) for number in (2, 3)), "trainings on both nodes at once")
        nodes.kill(2)
        _wait_for(lambda: said.format(1) in errors(tmp_path), "the node that left")
        search.communicate(timeout=havoc.LIMIT_S)
        assert search.returncode == 0, errors(tmp_path)
    havoc.check_counts(havoc.trials_of(url), 30, {})


@pytest.mark.chaos
def test_nodes_that_differ_and_join_later_train_nothing_and_fail_nothing(tmp_path):
    havoc.furnish(tmp_path, images=640)
    url = f"sqlite:///{tmp_path}/nas.db"
    _copy_of_another_version(tmp_path / "other")
    (tmp_path / "lacking").mkdir()
    (tmp_path / "lacking/nas.py").write_text("")  # hides the package
    with Nodes() as nodes:
        nodes.start(1, cpus=0)
        nodes.start(2, cpus=2)
        search = havoc.started(tmp_path, url, 24, "--address", nodes.address, environment=nodes.environment)
        havoc.wait_for(url, search, 3)
        nodes.start(3, environment={"PYTHONPATH": str(tmp_path / "other")})
        nodes.start(4, environment={"PYTHONPATH": str(tmp_path / "lacking")})
        nodes.kill(2)  # what was trained there has only the wrong nodes to go to
        search.communicate(timeout=havoc.LIMIT_S)
        assert search.returncode == 2
        for number, words in ((3, "of other source"), (4, "lacks the package nas")):
            assert re.search(
                rf"The node {nodes.at(number)} .*{words}.* Nothing is trained there", errors(tmp_path)
            )
        assert "No node is left that can train" in errors(tmp_path).strip().splitlines()[-1]
        seen = havoc.finished(havoc.trials_of(url))
        nodes.kill(3)
        nodes.kill(4)
        nodes.start(2, cpus=2)
        again = havoc.started(tmp_path, url, 24, "--address", nodes.address, environment=nodes.environment)
        again.communicate(timeout=havoc.LIMIT_S)
    ended = havoc.check_counts(havoc.trials_of(url), 24, seen)
    assert "FAIL" not in ended
    assert "Traceback" not in errors(tmp_path)


def _copy_of_another_version(folder):
    for package in ("search_spaces", "trials", "dashboards", "nas"):
        shutil.copytree(ROOT / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    with (folder / "trials/training/loop.py").open("a") as file:
        file.write("\n# changed\n")


@pytest.mark.chaos
@pytest.mark.timeout(1800)
@pytest.mark.skipif(not can_be_cut_off(), reason="network namespaces can only be made by root")
def test_a_node_that_is_killed_and_one_that_is_cut_off_lose_nothing(tmp_path):
    trials = 60
    havoc.furnish(tmp_path, images=1600)  # or all is trained before the second node is missed
    url = f"sqlite:///{tmp_path}/nas.db"
    began = time.monotonic()
    with Nodes(networks=True) as nodes:
        for number in (1, 2, 3):
            nodes.start(number)
        search = havoc.started(
            *(tmp_path, url, trials, "--address", nodes.address),
            inside=nodes.inside(1),
            environment=nodes.environment,
        )
        seen = {}

        def until(wanted):
            havoc.wait_for(url, search, wanted)
            assert search.poll() is None, errors(tmp_path)[-2000:]
            seen.update(havoc.finished(havoc.trials_of(url)))

        until(8)
        nodes.kill(2)
        until(16)
        nodes.cut_off(3)
        _wait_for(lambda: len(died(tmp_path)) >= 2, "a training on the node that was cut off to go on")
        until(len(seen) + 2)
        nodes.reconnect(3)
        nodes.start(2)
        until(len(seen) + 8)
        nodes.kill(3)
        nodes.start(3)
        search.communicate(timeout=havoc.LIMIT_S)
    assert search.returncode == 0, errors(tmp_path)[-2000:]
    assert "3 at a time on cpu" in errors(tmp_path)
    assert "Traceback" not in errors(tmp_path)
    ended = havoc.check_counts(havoc.trials_of(url), trials, seen)
    hashes = check_weights(tmp_path, url, 10, random.Random(0))
    file_result(
        "chaos_cluster",
        command="make chaos (tests/chaos/test_cluster.py)",
        seed=0,
        lines=[
            f"A search of {trials} tiny networks on three Ray nodes, each in a network namespace of its own "
            f"with one CPU: one node killed with SIGKILL, one cut off by its link while its processes went "
            f"on and reached the storage, both joined again; {time.monotonic() - began:.0f} s. Trainings "
            f"that died and went on: {len(died(tmp_path))}. Finished trials lost: 0; "
            f"networks trained twice: 0; trials left running: 0; {hashes} sampled networks trained again "
            f"undisturbed: the same weights to the byte. Ends of its trials: {dict(ended)}.",
        ],
    )
