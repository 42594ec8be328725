"""The service answers over HTTP as the commands do, and users see nothing of each other."""

import http.client
import json
import re
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from sqlalchemy import create_engine

import nas
from nas.service.client import Client
from nas.service.connection import ServiceError
from nas.service.rate_limit import RateLimit

SECRET_PATHS = ("", "/networks", "/log", "/report", "/export", "/events", "/networks/0/picture")


@pytest.fixture
def client(served):
    address, _, secrets = served
    return lambda user: Client(address, secrets[user])


def ask(served, method, path, *, token=None, body=None, headers=None):
    """Return status, headers and body of an answer."""
    address = urllib.parse.urlsplit(served[0]).netloc
    connection = http.client.HTTPConnection(address, timeout=60)
    sent = {} if body is None else {"Content-Type": "application/json"}
    if token is not None:
        sent["Authorization"] = f"Bearer {token}"
    connection.request(method, path, body=body, headers={**sent, **(headers or {})})
    answer = connection.getresponse()
    read = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return read


def test_a_search_is_submitted_listed_followed_and_cancelled(client):
    ann = client("ann")
    job = ann.search("1M-MACs", trials=2, study="first")
    assert (job["state"], job["user"], job["study"]) == ("queued", "ann", "first")
    assert job["options"] == {"budget": ["1M-MACs"], "trials": 2}
    assert job in list(ann.jobs())
    assert ann.networks(job["id"])["networks"] == []
    assert ann.log(job["id"]) == ""
    assert ann.cancel(job["id"])["state"] == "cancelled"
    assert [name for name, _ in ann.events(job["id"])] == ["job", "end"]
    assert ann.wait(job["id"])["exit_status"] is None


def test_pages_have_every_search_once(client):
    bob = client("bob")
    made = [bob.search("1M-MACs", study=f"page {number}")["id"] for number in range(3)]
    page = bob.connection.json("GET", "/searches", limit=2)
    following = bob.connection.json("GET", "/searches", limit=2, before=page["next"])
    assert [job["id"] for job in (*page["searches"], *following["searches"])] == made[::-1]


def test_ids_of_others_answer_as_if_they_did_not_exist(client, served):
    job = client("ann").search("1M-MACs", study="secret")
    token = served[2]["bob"]
    for path in SECRET_PATHS:
        theirs = ask(served, "GET", f"/v1/searches/{job['id']}{path}", token=token)
        nobodys = ask(served, "GET", f"/v1/searches/{'0' * 16}{path}", token=token)
        assert (theirs[0], theirs[2]) == (404, nobodys[2])
    for query in ("", "?now=1"):
        assert ask(served, "DELETE", f"/v1/searches/{job['id']}{query}", token=token)[0] == 404
    assert job["id"] not in {one["id"] for one in client("bob").jobs()}
    assert client("ann").job(job["id"])["state"] == "queued"
    assert client("admin").job(job["id"])["user"] == "ann"


def test_a_viewer_reads_and_changes_nothing(client):
    job = client("ann").search("1M-MACs", study="seen")
    assert client("viewer").job(job["id"])["id"] == job["id"]
    for act in (lambda c: c.search("1M-MACs"), lambda c: c.cancel(job["id"])):
        with pytest.raises(ServiceError, match="only reads") as refused:
            act(client("viewer"))
        assert refused.value.status == 403


@pytest.mark.parametrize("path", ["/v1/searches", "/v1/me", "/v1/audit", "/v1/profile?budget=1M-MACs"])
@pytest.mark.parametrize("token", [None, "", "nas_wrong"])
def test_without_a_valid_token_nothing_is_answered(served, path, token):
    status, headers, body = ask(served, "GET", path, token=token)
    assert status == 401
    assert headers["www-authenticate"] == "Bearer"
    assert json.loads(body)["title"] == "Unauthorized"


def test_wrong_tokens_of_an_address_do_not_lock_out_those_who_have_one(served, monkeypatch):
    few = RateLimit(0.01, 3)
    monkeypatch.setattr(served[1].failures, "take", few.take)
    found = [ask(served, "GET", "/v1/me", token="nas_wrong")[0] for _ in range(5)]
    assert found == [401, 401, 401, 429, 429]
    assert ask(served, "GET", "/v1/me", token=served[2]["ann"])[0] == 200


@pytest.mark.parametrize(
    ("options", "status", "expected"),
    [
        ({"budget": ["300M-flops"]}, 422, "Cannot read the budget '300M-flops'"),
        ({"budget": []}, 422, "budget"),
        ({"budget": "1M-MACs"}, 422, "budget"),
        ({"space": "hybird"}, 422, "Did you mean"),
        ({"space": "../secret.yaml"}, 422, "No space is called"),
        ({"recipe": "/etc/passwd"}, 422, "No recipe is called"),
        ({"recipe": {"base": "/etc/passwd"}}, 422, "names a file"),
        ({"recipe": {"name": "mine", "epochs": "many"}}, 422, "epochs"),
        ({"space": {"version": 1, "name": "mine"}}, 422, "Cannot read 'space.yaml', line 1: 'resolution'"),
        ({"space": {"stages": [{"options": {"mixer": ["os:system"]}}]}}, 403, "runs no code"),
        ({"sampler": "os:system"}, 403, "runs no code"),
        ({"sampler": "best"}, 422, "No sampler is called 'best'"),
        ({"metric": "loss"}, 422, "No metric is called 'loss'"),
        ({"data": "/etc"}, 422, "No data set of this server"),
        ({"data": "os:system"}, 422, "No data set of this server"),
        ({"budget": ["9ms@command:./run.sh"]}, 403, "runs no code"),
        ({"budget": ["9ms@ssh://root@host"]}, 403, "runs no code"),
        pytest.param(
            {"budget": ["1k-MACs"], "space": "hybrid_small"}, 422, "hybrid_small", marks=pytest.mark.slow
        ),
        ({"trials": 0}, 422, "trials"),
        ({"study": "../../etc"}, 422, "Cannot call a study"),
        ({"seed": -1}, 422, "seed"),
        ({"teacher": "os:system"}, 422, "study of yours"),
        ({"log_to": "tensorboard"}, 422, "log_to"),
    ],
)
def test_options_that_cannot_be_used_get_our_line_and_nothing_is_queued(served, options, status, expected):
    before = served[1].table.counts()
    body = json.dumps({"budget": ["1M-MACs"], **options})
    answer = ask(served, "POST", "/v1/searches", token=served[2]["ann"], body=body)
    found = json.loads(answer[2])
    assert (answer[0], answer[1]["content-type"]) == (status, "application/problem+json")
    assert expected in found["detail"]
    assert "\n" not in found["detail"]
    assert found["exit_status"] == (3 if options.get("budget") == ["1k-MACs"] else 2)
    assert served[1].table.counts() == before


@pytest.mark.parametrize("body", ["", "{", "[]", '{"budget": ["\\ud800"]}', "[" * 5000, '{"trials": NaN}'])
def test_what_is_no_search_is_a_problem(served, body):
    status, headers, _ = ask(served, "POST", "/v1/searches", token=served[2]["ann"], body=body)
    assert status in {400, 422}
    assert headers["content-type"] == "application/problem+json"


def test_a_long_body_is_refused(served):
    body = json.dumps({"budget": ["1M-MACs"], "space": {"name": "x" * 300_000}})
    assert ask(served, "POST", "/v1/searches", token=served[2]["ann"], body=body)[0] == 413


def test_a_deep_body_is_refused(served):
    body = '{"budget": ["1M-MACs"], "space": ' + '{"a":' * 300 + "1" + "}" * 301
    status, _, found = ask(served, "POST", "/v1/searches", token=served[2]["ann"], body=body)
    assert status == 422
    assert b"levels deep" in found


def test_other_names_of_this_server_are_refused(served):
    answer = ask(served, "GET", "/v1/health", headers={"Host": "evil.example"})
    assert answer[0] == 421


@pytest.mark.slow
def test_the_profile_is_that_of_the_command(client):
    from tests.in_process import nas_in_process

    printed = nas_in_process(Path.cwd(), "profile", "--budget", "30M-MACs", "--json")
    assert client("ann").profile("30M-MACs") == json.loads(printed.out)


def test_who_did_what_is_written_down_for_administrators(client):
    job = client("bob").search("1M-MACs", study="audited")
    client("bob").cancel(job["id"], now=True)
    acts = client("admin").connection.json("GET", "/audit", limit=2)["acts"]
    assert [(act["user"], act["act"], act["subject"]) for act in acts] == [
        ("bob", "cancel now", job["id"]),
        ("bob", "submit", job["id"]),
    ]
    with pytest.raises(ServiceError, match="administrators"):
        client("bob").connection.json("GET", "/audit")


def test_a_revoked_token_is_refused_at_once(served):
    secret, token = served[1].tokens.create("eve")
    eve = Client(served[0], secret)
    assert list(eve.jobs()) == []
    served[1].tokens.revoke(token.id)
    with pytest.raises(ServiceError, match="no valid token"):
        list(eve.jobs())


def test_a_client_names_no_token_and_says_where_nobody_answers():
    client = nas.Client("http://127.0.0.1:9", "nas_secret")
    assert "secret" not in repr(client)
    with pytest.raises(ServiceError, match="does not answer") as failed:
        client.job("1")
    assert "secret" not in str(failed.value)


def test_the_commands_list_and_cancel(served, monkeypatch, capsys):
    from nas.__main__ import run

    monkeypatch.setenv("NAS_TOKEN", served[2]["ann"])
    monkeypatch.setenv("NAS_SERVER", served[0])
    job = Client().search("1M-MACs", study="typed")
    assert run(["jobs", "--server", "http://127.0.0.1:9", "logs", job["id"]]) == 2
    assert "http://127.0.0.1:9 does not answer" in capsys.readouterr().err
    assert run(["jobs"]) == 0
    assert f"{job['id']}  ann           queued     typed  1M-MACs" in capsys.readouterr().out
    assert run(["jobs", "cancel", job["id"], "--now"]) == 0
    assert capsys.readouterr().out == "The search 'typed' is cancelled.\n"
    assert run(["jobs", "logs", "nothing"]) == 2
    assert "There is no such job" in capsys.readouterr().err


def test_a_token_made_by_the_command_opens_the_service(served, capsys):
    from nas.__main__ import run

    storage = ["--storage", served[1].table.url]
    assert run(["tokens", "create", "joe", *storage]) == 0
    secret = capsys.readouterr().out.strip()
    assert Client(served[0], secret).connection.json("GET", "/me")["user"] == "joe"
    assert run(["tokens", "list", *storage]) == 0
    line = next(one for one in capsys.readouterr().out.splitlines() if " joe " in one)
    assert secret not in line
    assert run(["tokens", "revoke", line.split()[0], *storage]) == 0
    with pytest.raises(ServiceError):
        Client(served[0], secret).job("1")


def test_nothing_of_a_token_is_in_the_database(served):
    address, service, secrets = served
    Client(address, secrets["ann"]).search("1M-MACs", study="dumped")
    file = Path(service.table.url.removeprefix("sqlite:///"))
    stored = b"".join(one.read_bytes() for one in file.parent.glob(f"{file.name}*"))
    assert b"dumped" in stored
    assert not [user for user, secret in secrets.items() if secret.encode() in stored]


class Page:
    """A browser without a script that keeps its cookies."""

    def __init__(self, served):
        self._address = served[0]
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())

    def get(self, path):
        return self._opener.open(self._address + path).read().decode()

    def post(self, path, **fields):
        data = urllib.parse.urlencode(fields).encode()
        try:
            return self._opener.open(self._address + path, data).read().decode()
        except urllib.error.HTTPError as error:
            error.msg = error.read().decode()
            raise

    def key(self):
        return self.get("/").partition('name="key" value="')[2].partition('"')[0]


def test_the_page_submits_shows_and_cancels_a_search(served, client):
    page = Page(served)
    assert 'name="token"' in page.get("/")
    assert "New search" in page.post("/login", token=served[2]["ann"])
    shown = page.post(
        "/searches", key=page.key(), budget="1M-MACs, 20k-params", study="by form", data="digits"
    )
    assert "by form" in shown
    job = next(job for job in client("ann").jobs() if job["study"] == "by form")
    assert job["options"] == {"budget": ["1M-MACs", "20k-params"]}
    page.post(f"/searches/{job['id']}/cancel", key=page.key(), now="1")
    assert client("ann").job(job["id"])["state"] == "cancelled"
    assert 'name="token"' in (page.post("/logout") or page.get("/"))


def test_a_form_of_another_site_changes_nothing(served):
    page = Page(served)
    page.post("/login", token=served[2]["ann"])
    before = served[1].table.counts()
    with pytest.raises(urllib.error.HTTPError) as refused:
        page.post("/searches", key="guessed", budget="1M-MACs", data="digits")
    assert refused.value.code == 403
    cookie = f"nas_service_{urllib.parse.urlsplit(served[0]).port}={served[2]['ann']}"
    body = urllib.parse.urlencode({"key": page.key(), "budget": "1M-MACs", "data": "digits"})
    headers = {"Cookie": cookie, "Origin": "http://evil.example"}
    assert ask(served, "POST", "/searches", body=body, headers=headers)[0] == 403
    headers["Origin"] = "http://["
    assert ask(served, "POST", "/searches", body=body, headers=headers)[0] == 403
    assert ask(served, "POST", "/v1/searches", body="{}", headers={"Cookie": cookie})[0] == 401
    assert served[1].table.counts() == before


def test_what_users_type_is_text_on_the_page(served):
    page = Page(served)
    page.post("/login", token=served[2]["ann"])
    fields = {"key": page.key(), "budget": "<script>alert(1)</script>", "data": "digits"}
    with pytest.raises(urllib.error.HTTPError) as refused:
        page.post("/searches", **fields)
    shown = refused.value.msg
    assert refused.value.code == 422
    assert "<script>alert" not in shown
    assert "&lt;script&gt;alert" in shown


ALL = ("--exclude-path-regex", "/answers/", "--phases", "examples,coverage,fuzzing", "--max-examples")
COMMANDS = ("--include-path-regex", "/answers/", "--phases", "fuzzing", "--max-examples")  # a process each


@pytest.mark.slow
@pytest.mark.parametrize(
    ("asked", "requests"),
    [
        ((*ALL, "5"), 300),
        ((*COMMANDS, "2"), 8),
        pytest.param((*ALL, "250"), 5_000, marks=[pytest.mark.long, pytest.mark.timeout(3600)]),
        pytest.param((*COMMANDS, "20"), 100, marks=[pytest.mark.long, pytest.mark.timeout(3600)]),
    ],
)
def test_every_request_that_the_description_allows_gets_an_answer_that_it_names(served, asked, requests):
    schemathesis = pytest.importorskip("schemathesis")
    schema = schemathesis.openapi.from_url(f"{served[0]}/v1/openapi.json")
    assert len(list(schema.get_all_operations())) >= 30
    command = [
        str(Path(sys.executable).with_name("schemathesis")), "run", f"{served[0]}/v1/openapi.json", *asked,
        "--seed", "0", "--request-timeout", "120", "--header", f"Authorization: Bearer {served[2]['ann']}",
        "--checks", "not_a_server_error,status_code_conformance,content_type_conformance,"
        "response_schema_conformance",
    ]  # fmt: skip
    ended = subprocess.run(command, capture_output=True, text=True, timeout=3500, check=False)
    assert ended.returncode == 0, ended.stdout[-4000:]
    assert int(re.findall(r"([0-9]+) generated", ended.stdout)[-1]) >= requests, ended.stdout[-1000:]


@pytest.mark.parametrize("path", ["/v1/health", "/metrics", "/v1/me"])
def test_during_an_outage_nobody_learns_where_the_database_is(served, monkeypatch, path, caplog):
    away = create_engine("sqlite:////nowhere/on this machine/nas.db")
    monkeypatch.setattr(served[1].table, "_engine", away)
    status, _, body = ask(served, "GET", path, token=served[2]["admin"])
    assert (status, json.loads(body)["detail"]) == (
        503,
        "The database of this service does not answer: try again later, or tell its administrator.",
    )
    assert served[1].table.url in caplog.text
