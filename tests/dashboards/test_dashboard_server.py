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

import nas
from dashboards.dashboard_server import dashboard_server
from dashboards.findings import Findings
from dashboards.web_access import with_token
from nas.storage.optuna_storage import open_storage
from search_spaces.errors import StorageError, UserError
from tests.dashboards.searches import findings, network
from tests.nas.study.test_study import begin

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
        with urllib.request.urlopen(urllib.request.Request(url, method=method), timeout=120) as answer:
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


def listening(storage: RDBStorage, **options) -> Iterator[str]:
    with dashboard_server(storage, port=0, **options) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def storage(tmp_path: Path) -> Iterator[RDBStorage]:
    opened = RDBStorage(f"sqlite:///{tmp_path / 'mine.db'}")
    study = optuna.create_study(storage=opened, study_name="mine", direction="maximize")
    for number in range(3):
        trial = study.ask()
        trial.set_user_attr("standard_errors", {"1": 0.1})
        study.tell(trial, [0.7, 0.99, 0.8][number])
    yield opened
    opened.engine.dispose()


FINDINGS = findings(network(0, accuracy=0.7), network(1, accuracy=0.99, fits=False), network(2, accuracy=0.8))


@pytest.fixture
def extended(storage: RDBStorage) -> Iterator[str]:
    yield from listening(storage, gather=lambda study: FINDINGS if study == 1 else None)


def test_notes_figures_and_verdicts_are_added(extended: str):
    answer = json.loads(ask(f"{extended}/api/studies/1")[1])
    trial = answer["trials"][0]
    assert trial["note"]["body"].startswith("**70.00%")
    assert {"key": "300M-MACs", "value": "fits, 0.3% to spare"} in trial["user_attrs"]
    assert "standard_errors" not in [attribute["key"] for attribute in trial["user_attrs"]]
    assert "standard_errors" not in [column["key"] for column in answer["union_user_attrs"]]
    figures = {f["id"]: json.loads(f["graph_object"]) for f in answer["plotly_graph_objects"]}
    assert figures["nas-pareto_macs"]["layout"]["title"]["text"] == "Accuracy and MACs"
    assert "networks trained" in answer["note"]["body"]


@pytest.mark.parametrize("query", ["", "?after=3"])
def test_the_best_is_one_that_fits(extended: str, query: str):
    (best,) = json.loads(ask(f"{extended}/api/studies/1{query}")[1])["best_trials"]
    assert best["number"] == 2


def test_where_none_fits_none_is_the_best_but_other_studies_keep_theirs(storage: RDBStorage):
    over = findings(network(0, fits=False), network(1, fits=False), network(2, fits=False))
    for address in listening(storage, gather=lambda _: over):
        assert json.loads(ask(f"{address}/api/studies/1")[1])["best_trials"] == []
    for address in listening(storage, gather=lambda _: None):
        assert json.loads(ask(f"{address}/api/studies/1")[1])["best_trials"] != []


def test_a_trial_that_went_on_since_is_shown_as_it_is_now(storage: RDBStorage):
    ended = network(0, accuracy=0.71)
    stale = findings(network(0, state="running", accuracy=0.5))
    for address in listening(
        storage, gather=lambda _: stale, fetch=lambda _, number: ended if not number else None
    ):
        first, second, _ = json.loads(ask(f"{address}/api/studies/1")[1])["trials"]
        assert first["note"]["body"].startswith("**71.00%")
        assert second["note"]["body"] == ""  # nothing is known of it yet


def test_the_picture_of_a_network_is_served(extended: str):
    status, picture = ask(f"{extended}/nas/studies/1/trials/2.svg")
    assert (status, picture[:4]) == (200, b"<svg")
    assert ask(f"{extended}/nas/studies/1/trials/99.svg")[0] == 404


def test_a_study_of_somebody_else_is_shown_as_it_is(storage: RDBStorage):
    other = optuna.create_study(storage=storage, study_name="other")
    other.tell(other.ask(), 1.0)
    for address in listening(storage, gather=lambda _: None):
        answer = json.loads(ask(f"{address}/api/studies/2")[1])
        assert answer["plotly_graph_objects"] == []
        assert answer["trials"][0]["note"]["body"] == ""


def test_other_names_of_this_machine_are_not_answered(extended: str):
    request = urllib.request.Request(f"{extended}/api/studies", headers={"Host": "elsewhere.example:80"})
    with pytest.raises(urllib.error.HTTPError) as refused, urllib.request.urlopen(request, timeout=120):
        pass
    refused.value.close()
    assert refused.value.code == 403


TOKEN = "0123456789abcdef"


def test_with_a_token_nothing_is_shown_without_it(storage: RDBStorage):
    for address in listening(storage, token=TOKEN):
        assert ask(f"{address}/api/studies")[0] == 401
        assert ask(f"{address}/api/studies?token=0123456789abcdeX")[0] == 401
        assert ask(f"{address}/static/bundle.js")[0] == 401
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with browser.open(f"{address}/dashboard?token={TOKEN}", timeout=120) as page:
            assert page.status == 200
            assert TOKEN not in page.url
        with browser.open(f"{address}/api/studies", timeout=120) as answer:
            assert answer.status == 200
        bearer = urllib.request.Request(
            f"{address}/api/studies", headers={"Authorization": f"Bearer {TOKEN}"}
        )
        with urllib.request.urlopen(bearer, timeout=120) as answer:
            assert answer.status == 200


def test_the_token_is_found_beside_cookies_of_other_programs(storage: RDBStorage):
    for address in listening(storage, token=TOKEN):
        port = address.rpartition(":")[2]
        own = f"nas_token_{port}={TOKEN}"
        for others in (
            "{}",
            "a/b=c; {}",
            '{}; theirs={{"x": [1, 2]}}',
            "=; ;; é; {}",
            "nas_token_1=other; {}",
        ):
            request = urllib.request.Request(f"{address}/api/studies")
            request.add_header("Cookie", others.format(own))
            with urllib.request.urlopen(request, timeout=120) as answer:
                assert answer.status == 200
        wrong = urllib.request.Request(f"{address}/api/studies", headers={"Cookie": f"nas_token_1={TOKEN}"})
        with pytest.raises(urllib.error.HTTPError, match="401"):
            urllib.request.urlopen(wrong, timeout=120)


def test_two_dashboards_of_one_host_keep_a_cookie_each():
    def cookie(environ: dict[str, str]) -> str:
        sent: list[tuple[str, str]] = []
        application = with_token(lambda *_: [], TOKEN)
        application(environ | {"QUERY_STRING": f"token={TOKEN}"}, lambda _, headers: sent.extend(headers))
        return dict(sent)["Set-Cookie"].partition("=")[0]

    assert cookie({"HTTP_HOST": "localhost:8080"}) == "nas_token_8080"
    assert cookie({"HTTP_HOST": "[::1]:9000", "SERVER_PORT": "80"}) == "nas_token_9000"
    assert cookie({"HTTP_HOST": "example.org", "SERVER_PORT": "80"}) == "nas_token_80"


@pytest.mark.parametrize(
    ("host", "token", "message"),
    [
        ("0.0.0.0", None, "without a token"),
        ("example.org", None, "without a token"),
        ("0.0.0.0", "short", "at least 16"),
        ("127.0.0.1", "sixteen letters;", "at least 16"),
    ],
)
def test_other_machines_are_let_in_with_a_good_token_only(
    storage: RDBStorage, host: str, token, message: str
):
    with pytest.raises(UserError, match=message):
        dashboard_server(storage, port=0, host=host, token=token)


def test_what_is_kept_of_a_study_is_made_anew_for_the_next_generation_of_studies(storage: RDBStorage):
    generation, asked = [0], []

    def gather(study: int) -> Findings:
        asked.append(study)
        return FINDINGS

    for address in listening(storage, gather=gather, generation=lambda: generation[0]):
        for expected in (1, 1, 2):
            generation[0] = expected
            ask(f"{address}/api/studies/1")
            assert len(asked) == expected


def test_without_its_database_the_dashboard_says_so_and_not_where_it_is(storage: RDBStorage):
    def away() -> int:
        raise StorageError("The storage 'postgresql://nas@db.example/nas' does not answer")

    for address in listening(storage, generation=away):
        assert ask(f"{address}/api/studies") == (503, b"The database does not answer: try again later.\n")


def test_nas_dashboard_shows_nothing_of_a_deleted_study_as_the_next_one(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'nas.db'}"
    opened = open_storage(url)
    first = begin(opened, name="first")
    first.tell(first.ask(), 0.5)
    _, server = nas.dashboard("first", storage=url, port=0)
    with server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        page = f"http://127.0.0.1:{server.server_port}/api/studies/1"
        assert len(json.loads(ask(page)[1])["trials"]) == 1
        optuna.delete_study(study_name="first", storage=opened)
        begin(opened, name="second")
        answer = json.loads(ask(page)[1])
        server.shutdown()
        thread.join()
    assert (answer["name"], answer["trials"]) == ("second", [])
    opened.engine.dispose()
