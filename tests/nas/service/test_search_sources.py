"""What a search on a service begins with and learns from: studies of its user, and networks by name."""

import json

import optuna
import pytest

from nas.service.client import Client
from nas.service.connection import ServiceError
from nas.service.job_table import JobTable
from nas.service.tokens import Tokens
from search_spaces.published import reference
from tests.nas.service.test_service import LIMIT_S, TINY
from tests.nas.service.test_two_services import started

QUICK = {**TINY, "epochs": 1, "rungs": [1]}
NEEDED = 10
"""Trained networks that are enough to learn from."""


@pytest.mark.parametrize(
    ("options", "status", "expected"),
    [
        ({"learn_from": ["first"]}, 422, "No study of yours is called 'first'"),
        ({"learn_from": ["first"], "sampler": "random"}, 422, "cannot learn from a study"),
        ({"supernet": "ann.first"}, 422, "No study of yours is called 'ann.first'"),
        ({"supernet": "first", "evaluator": "train"}, 422, "Cannot use the supernet of 'first'"),
        ({"seed_with": ["#0"]}, 422, "Cannot use '#0' as seed_with"),
        ({"seed_with": ["first#best"]}, 422, "expected STUDY#NUMBER"),
        ({"seed_with": [{"version": 1, "stages": "os:system"}]}, 403, "runs no code"),
        ({"seed_with": [{"version": 1}]}, 422, "Cannot read an architecture"),
        ({"weights": "first#0"}, 422, "No published network or study of yours is called 'first'"),
        ({"weights": "timm:mobilenetv3_small_100"}, 422, "study of yours"),
        ({"weights": "/etc/passwd"}, 422, "files are not sent"),
        ({"teacher": "tests/conftest.py"}, 422, "files are not sent"),
        ({"teacher": "os:system"}, 422, "study of yours"),
    ],
)
def test_only_what_is_the_users_own_or_published_can_be_named(served, options, status, expected):
    client, before = Client(served[0], served[2]["bob"]), served[1].table.counts()
    with pytest.raises(ServiceError) as refused:
        client.search("1M-MACs", **options)
    assert refused.value.status == status
    assert expected in str(refused.value)
    assert served[1].table.counts() == before


def test_a_published_network_and_an_architecture_are_taken(served):
    client, found = Client(served[0], served[2]["ann"]), "mobilenet_v2_1.0_224"
    sent = json.loads(reference(found).to_json())
    job = client.search("1M-MACs", study="named", seed_with=[found, sent], weights=found)
    assert client.job(job["id"])["options"]["seed_with"] == [found, sent]
    client.cancel(job["id"])


@pytest.mark.long
@pytest.mark.timeout(3 * LIMIT_S)
def test_a_search_goes_on_from_earlier_ones_of_its_user_alone(tmp_path):
    url = f"sqlite:///{tmp_path}/nas.db"
    with JobTable(url) as table:
        secrets = [Tokens(table).create(user)[0] for user in ("ann", "bob")]
    budget, space = "3M-MACs", "hybrid_small"
    with started(url, tmp_path, "--workers", "1") as (_, address):
        ann, bob = (Client(address, secret) for secret in secrets)
        first = ann.search(budget, space=space, trials=NEEDED, study="first", recipe=QUICK)
        assert ann.wait(first["id"])["state"] == "done", ann.log(first["id"])
        best = ann.networks(first["id"])["networks"][0]
        with pytest.raises(ServiceError, match="No study of yours is called 'first'"):
            bob.search(budget, space=space, learn_from=["first"])

        begun = f"first#{best['trial']}"
        second = ann.search(
            "2M-MACs",
            space=space,
            trials=2,
            study="second",
            recipe=QUICK,
            learn_from=["first"],
            weights=begun,
            teacher=begun,
        )
        third = ann.search(
            budget, space=space, trials=1, study="third", recipe=QUICK, seed_with=[best["architecture"]]
        )
        for job in (second, third):
            ended = ann.wait(job["id"])
            assert (ended["state"], ended["error"]) == ("done", None), ann.log(job["id"])
        log = ann.log(second["id"])
        assert "network #" in log
        assert "Study    second (seed 0)" in log
        (seeded,) = ann.networks(third["id"])["networks"]
        assert seeded["architecture"] == best["architecture"]
    learnt = optuna.load_study(study_name="ann.second", storage=url).user_attrs["nas:earlier"]
    assert (learnt["study"], len(set(learnt["networks"]))) == ("first", NEEDED)
    assert (tmp_path / "runs" / "ann.second" / "trials").is_dir()
    assert not (tmp_path / "runs" / "second").exists()
