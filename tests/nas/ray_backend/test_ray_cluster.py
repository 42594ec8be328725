"""Nodes of a cluster train when they have the same versions and see the same files."""

import sys

import pytest
import torch

from nas.ray_backend.node_info import node_facts
from nas.ray_backend.ray_cluster import difference, missing, nodes_of
from nas.resources import Machine

# As Ray 2.60 lists them, without what is not looked at: a head that gives nothing, a worker, one that died.
LISTED = [
    {
        "NodeID": "1b71f6a2dbe5276d260b054e3fa5b2a2424a8b3e46e59ebd768d88be",
        "Alive": True,
        "NodeManagerAddress": "127.0.0.2",
        "Resources": {
            "node:127.0.0.2": 1.0,
            "memory": 14164142900.0,
            "object_store_memory": 6070346956.0,
            "node:__internal_head__": 1.0,
        },
        "Labels": {"ray.io/node-id": "1b71f6a2dbe5276d260b054e3fa5b2a2424a8b3e46e59ebd768d88be"},
    },
    {
        "NodeID": "771076f76b8719e0d6f449a73bde410e91f1e2e62676c2d0785a9e99",
        "Alive": True,
        "NodeManagerAddress": "127.0.0.3",
        "Resources": {"node:127.0.0.3": 1.0, "CPU": 16.0, "GPU": 2.0, "accelerator_type:H100": 1.0},
        "Labels": {"ray.io/node-id": "771076f76b8719e0d6f449a73bde410e91f1e2e62676c2d0785a9e99"},
    },
    {
        "NodeID": "99",
        "Alive": False,
        "NodeManagerAddress": "127.0.0.4",
        "Resources": {},
        "Labels": {},
    },
]


@pytest.fixture(scope="module")
def facts():
    return node_facts()


def test_nodes_that_live_give_what_they_were_started_with():
    head, worker = nodes_of(LISTED)
    assert (head.address, head.machine) == ("127.0.0.2", Machine(cpus=0, gpus=0))
    assert (worker.key, worker.machine) == (LISTED[1]["NodeID"], Machine(cpus=16, gpus=2))


def test_a_node_like_this_machine_may_train(facts):
    assert difference(facts, node_facts()) is None
    assert facts["torch"] == torch.__version__
    built_for_gpus = {**facts, "torch": facts["torch"].partition("+")[0] + "+cu130"}
    assert difference(facts, built_for_gpus) is None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"torch": "2.12.1"}, "has torch 2.12.1, this machine 2."),
        ({"python": "3.10.9"}, "has python 3.10.9, this machine 3."),
        ({"nas": "7.0.0"}, "has nas 7.0.0, this machine"),
        ({"source": "0badc0de"}, r"of other source \(0badc0de\) than this machine"),
        ({"source": None, "nas": None}, "lacks the package nas: expected"),
    ],
)
def test_a_node_of_another_version_is_named_with_both(facts, change, words: str):
    with pytest.raises(AssertionError, match=words):
        raise AssertionError(difference(facts, {**facts, **change}))


def test_what_a_node_does_not_share_is_found(tmp_path):
    token = tmp_path / "token"
    token.write_text("mine")
    whole = node_facts(str(token), "mine", str(tmp_path))
    assert missing(whole, tmp_path, str(tmp_path)) is None
    another = node_facts(str(token), "another's", str(tmp_path))
    assert "does not share the folder" in (missing(another, tmp_path, "") or "")
    unseen = node_facts(str(token), "mine", str(tmp_path / "images"))
    assert "does not see the images" in (missing(unseen, tmp_path, str(tmp_path / "images")) or "")
    assert "counts GPUs" in (missing({**whole, "gpus": False}, tmp_path, "") or "")


@pytest.mark.parametrize(
    ("images", "seen"),
    [("digits", True), ("json:loads", True), ("no_such_module:images", False), ("/no/such/folder", False)],
)
def test_images_are_looked_for_as_a_worker_will(images: str, seen: bool):
    assert node_facts("", "", images)["images"] is seen


def test_the_digest_of_the_source_changes_with_it(facts, tmp_path, monkeypatch):
    package = tmp_path / "trials"
    package.mkdir()
    (package / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "trials", raising=False)
    assert node_facts()["source"] not in {None, facts["source"]}
