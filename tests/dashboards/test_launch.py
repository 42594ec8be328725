"""The dashboard is served on this machine, and only for reading."""

import json
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import optuna
import pytest
from optuna.storages import RDBStorage

from dashboards.launch import dashboard_server
from search_spaces.errors import UserError

pytestmark = pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    storage = RDBStorage(f"sqlite:///{tmp_path / 'nas.db'}")
    study = optuna.create_study(storage=storage, study_name="mine", direction="maximize")
    study.tell(study.ask(), 0.9)
    with dashboard_server(storage, port=0) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()
    storage.engine.dispose()


def ask(url: str, method: str = "GET") -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_studies_are_shown(address: str):
    status, body = ask(f"{address}/api/studies")
    assert status == 200
    assert [s["study_name"] for s in json.loads(body)["study_summaries"]] == ["mine"]
    status, page = ask(f"{address}/dashboard/studies/1")
    assert status == 200
    assert b"<html" in page.lower()


@pytest.mark.parametrize("method", ["DELETE", "POST", "PUT", "PATCH"])
def test_nothing_can_be_changed(address: str, method: str):
    assert ask(f"{address}/api/studies/1", method)[0] == 403
    assert len(json.loads(ask(f"{address}/api/studies")[1])["study_summaries"]) == 1


def test_a_port_in_use_is_said_with_the_next_free_one(address: str, tmp_path: Path):
    port = int(address.rpartition(":")[2])
    storage = RDBStorage(f"sqlite:///{tmp_path / 'other.db'}")
    with pytest.raises(UserError, match=f"Port {port} is in use: expected a free one. Try --port"):
        dashboard_server(storage, port=port)


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_port_that_cannot_be_is_refused(port: int, tmp_path: Path):
    storage = RDBStorage(f"sqlite:///{tmp_path / 'nas.db'}")
    with pytest.raises(UserError, match=f"Cannot listen on 127.0.0.1:{port}"):
        dashboard_server(storage, port=port)
