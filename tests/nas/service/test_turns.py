"""Nobody takes all turns: commands, streams of events and archives are limited for each user."""

import http.client
import os
import time
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from nas.service import command_process, events, upload_routes
from nas.service.client import Client
from nas.service.refusals import RefusedError, TooManyError
from nas.service.turns import Turns
from tests.nas.service.test_api import ask


def refused(turns, caller):
    with pytest.raises(TooManyError) as error, turns.turn(caller):
        pass
    return str(error.value)


def test_a_caller_has_some_turns_and_leaves_the_others():
    turns = Turns("trains", 3, each=2)
    with turns.turn("ann"), turns.turn("ann"):
        assert "You have 2 trains" in refused(turns, "ann")
        with turns.turn("bob"):
            assert "of others" in refused(turns, "eve")
        with turns.turn("eve"):
            pass
    with turns.turn("ann"), turns.turn("ann"):
        pass


def test_who_waits_gets_the_turn_that_ends_or_is_refused():
    turns = Turns("trains", 1, each=1, waiting=1, wait_s=0.05)
    with turns.turn("ann"):
        began = time.monotonic()
        assert "of others" in refused(turns, "bob")
        assert time.monotonic() - began >= 0.05
    with turns.turn("bob"):
        pass


@pytest.mark.parametrize(
    ("turns", "method", "path", "body"),
    [
        (command_process.TURNS, "POST", "/v1/answers/spaces", "{}"),
        (upload_routes._TURNS, "PUT", "/v1/data/flowers", "an archive"),
    ],
)
def test_a_user_with_all_own_turns_is_refused_at_once(served, turns, method, path, body):
    with ExitStack() as held:
        for _ in range(turns._each):
            held.enter_context(turns.turn("ann"))
        began = time.monotonic()
        status, headers, answer = ask(served, method, path, token=served[2]["ann"], body=body)
        assert (status, headers["retry-after"]) == (429, "5"), answer
        assert time.monotonic() - began < 5.0


def test_a_user_follows_only_so_many_searches_at_once(served):
    job = Client(served[0], served[2]["ann"]).search("1M-MACs", study="followed")
    path, sent = f"/v1/searches/{job['id']}/events", {"Authorization": f"Bearer {served[2]['ann']}"}
    followed = [http.client.HTTPConnection(urlsplit(served[0]).netloc, timeout=60) for _ in range(16)]
    for connection in followed:
        connection.request("GET", path, headers=sent)
        assert connection.getresponse().status == 200
    assert ask(served, "GET", path, token=served[2]["ann"])[0] == 429
    for connection in followed:
        connection.close()
    ends_s = time.monotonic() + 30.0
    while events._STREAMS._places.total() and time.monotonic() < ends_s:
        time.sleep(0.1)
    assert events._STREAMS._places.total() == 0


def test_a_command_that_takes_too_long_is_ended_with_what_it_began(tmp_path, monkeypatch):
    monkeypatch.setattr(command_process, "LIMIT_S", 0.5)
    began = time.monotonic()
    with pytest.raises(RefusedError, match=r"more than 0\.5 s"):
        command_process.run_process(
            "http.server", ["0"], folder=tmp_path, environment=dict(os.environ), caller="ann"
        )
    assert time.monotonic() - began < 30.0
    assert not command_process._RUNNING
