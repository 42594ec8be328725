"""A trusted proxy says who calls; nobody else does."""

import http.client
import json
import urllib.parse
from dataclasses import replace

import pytest

from nas.service.proxy_login import GROUPS_HEADER, USER_HEADER, ProxyLogin
from nas.service.refusals import ForbiddenError
from search_spaces.errors import InvalidValueError

GROUPS = ("user=nas-users", "admin=nas-admins", "viewer=guests")


@pytest.fixture
def behind(served):
    """Return a function that asks a server which trusts some networks."""

    def ask(trust, method, path, headers, body=None, groups=GROUPS):
        proxy = replace(ProxyLogin.parse(trust, groups if trust else ()), secret="of one server")
        service = served[1]
        object.__setattr__(service, "proxy", proxy)
        connection = http.client.HTTPConnection(urllib.parse.urlsplit(served[0]).netloc, timeout=60)
        connection.request(method, path, body=body, headers=headers)
        answer = connection.getresponse()
        read = answer.status, answer.read().decode()
        connection.close()
        return read

    yield ask
    object.__setattr__(served[1], "proxy", ProxyLogin())


def named(user="carol", groups="nas-users"):
    return {USER_HEADER: user, GROUPS_HEADER: groups, "Content-Type": "application/json"}


def test_a_trusted_proxy_names_a_user_who_submits_and_cancels(behind):
    status, text = behind(["127.0.0.0/8"], "GET", "/v1/me", named())
    assert (status, json.loads(text)["user"], json.loads(text)["role"]) == (200, "carol", "user")
    status, text = behind(["127.0.0.1"], "POST", "/v1/searches", named(), json.dumps({"budget": ["1M-MACs"]}))
    job = json.loads(text)
    assert (status, job["user"]) == (201, "carol")
    assert behind(["127.0.0.1"], "GET", f"/v1/searches/{job['id']}", named("dave"))[0] == 404
    assert behind(["127.0.0.1"], "GET", f"/v1/searches/{job['id']}", named("dave", "x, nas-admins"))[0] == 200
    assert behind(["127.0.0.1"], "DELETE", f"/v1/searches/{job['id']}", named("carol", "guests"))[0] == 403
    assert behind(["127.0.0.1"], "DELETE", f"/v1/searches/{job['id']}", named())[0] == 202


@pytest.mark.parametrize("headers", [named(), {USER_HEADER: "root"}, {GROUPS_HEADER: "nas-admins"}])
def test_headers_from_any_other_address_are_refused_even_with_a_token(behind, served, headers):
    sent = {**headers, "Authorization": f"Bearer {served[2]['ann']}"}
    status, text = behind(["10.0.0.0/8", "fd00::/8"], "GET", "/v1/me", sent)
    assert (status, "may not say who calls" in text) == (403, True)
    status, text = behind([], "GET", "/v1/me", sent)
    assert json.loads(text)["user"] == "ann"


def test_tokens_work_beside_a_proxy_and_nothing_else_does(behind, served):
    with_token = {"Authorization": f"Bearer {served[2]['ann']}"}
    assert behind(["127.0.0.1"], "GET", "/v1/me", with_token)[0] == 200
    assert behind(["127.0.0.1"], "GET", "/v1/me", {})[0] == 401


@pytest.mark.parametrize(
    ("user", "groups", "expected"),
    [
        ("carol", "", "is in no group"),
        ("carol", "nas-users-too", "is in no group"),
        ("Carol@example.org", "nas-users", "Cannot take the user"),
        ("../root", "nas-users", "Cannot take the user"),
        ("", "nas-users", "Cannot take the user"),
    ],
)
def test_a_user_without_a_role_or_a_usable_name_is_refused(behind, user, groups, expected):
    status, text = behind(["127.0.0.1"], "GET", "/v1/me", named(user, groups))
    assert (status, expected in text) == (403, True)


def test_another_site_changes_nothing_by_the_browser_of_a_user(behind):
    sent = {**named(), "Origin": "https://evil.example"}
    body = json.dumps({"budget": ["1M-MACs"]})
    assert behind(["127.0.0.1"], "POST", "/v1/searches", sent, body)[0] == 403
    own = {**named(), "Origin": "https://nas.example", "X-Forwarded-Host": "nas.example"}
    status, text = behind(["127.0.0.1"], "POST", "/v1/searches", own, body)
    assert status == 201
    assert behind(["127.0.0.1"], "DELETE", f"/v1/searches/{json.loads(text)['id']}", named())[0] == 202


def test_the_page_needs_no_token_behind_a_proxy(behind):
    status, text = behind(["127.0.0.1"], "GET", "/", named())
    assert (status, "New search" in text) == (200, True)
    key = text.partition('name="key" value="')[2].partition('"')[0]
    form = {**named(), "Content-Type": "application/x-www-form-urlencoded"}
    sent = urllib.parse.urlencode({"key": "wrong", "budget": "1M-MACs", "data": "digits"})
    assert behind(["127.0.0.1"], "POST", "/searches", form, sent)[0] == 403
    sent = urllib.parse.urlencode({"key": key, "budget": "1M-MACs", "data": "digits", "study": "by form"})
    assert behind(["127.0.0.1"], "POST", "/searches", form, sent)[0] == 303


def test_a_proxy_without_groups_says_how_browsers_call_the_server_and_not_who_calls(behind, served):
    form = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Origin": "https://nas.example",
        "X-Forwarded-Host": "nas.example",
    }
    token = urllib.parse.urlencode({"token": served[2]["ann"]})
    assert behind([], "POST", "/login", form, token)[0] == 403
    assert behind(["10.0.0.0/8"], "POST", "/login", form, token, groups=())[0] == 403
    assert behind(["127.0.0.1"], "POST", "/login", form, token, groups=())[0] == 303
    assert behind(["127.0.0.1"], "GET", "/v1/me", named("root", "nas-admins"), groups=())[0] == 401
    sent = {**named("root", "nas-admins"), "Authorization": f"Bearer {served[2]['ann']}"}
    status, text = behind(["127.0.0.1"], "GET", "/v1/me", sent, groups=())
    assert (status, json.loads(text)["user"]) == (200, "ann")


def test_two_names_of_a_user_are_refused():
    login = ProxyLogin.parse(["10.0.0.1"], GROUPS)
    with pytest.raises(ForbiddenError, match="Cannot take the user"):
        login.token(["carol", "root"], ["nas-admins"], "10.0.0.1")
    found = login.token(["carol"], ["nas-users", "guests,nas-admins"], "::ffff:10.0.0.1")
    assert found is not None
    assert found.role == "admin"


@pytest.mark.parametrize(
    ("trust", "groups", "expected"),
    [
        ([], ["user=x"], "with --trust-proxy"),
        (["10.0.0.1/8"], ["user=x"], "Cannot read --trust-proxy"),
        (["everyone"], ["user=x"], "Cannot read --trust-proxy"),
        (["10.0.0.0/8"], ["root=x"], "Cannot read --proxy-group"),
        (["10.0.0.0/8"], ["user="], "Cannot read --proxy-group"),
    ],
)
def test_what_cannot_be_trusted_is_refused_in_one_line(trust, groups, expected):
    with pytest.raises(InvalidValueError, match=expected):
        ProxyLogin.parse(trust, groups)
