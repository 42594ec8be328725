"""The Optuna dashboard of a service: behind the login, for reading alone, with studies of the user alone."""

import json

import optuna
import pytest

from nas.service.user_dashboards import UserDashboards
from nas.storage.optuna_storage import exists, open_storage
from nas.storage.read_only_storage import ReadOnlyError
from nas.storage.reader_view import ReaderView
from tests.chromium import chromium
from tests.nas.service.test_api import ask

PATHS = ["/api/studies/{}", "/api/studies/{}/param_importances", "/csv/{}", "/nas/studies/{}/trials/0.svg",
         "/api/studies/{}/plot/timeline", "/api/studies/{}?after=0"]  # fmt: skip
WRITES = [
    ("POST", "/api/studies"),
    ("POST", "/api/studies/{}/rename"),
    ("DELETE", "/api/studies/{}"),
    ("PUT", "/api/studies/{}/note"),
    ("POST", "/api/trials/1/tell"),
    ("POST", "/api/trials/1/user-attrs"),
    ("POST", "/api/artifacts/{}/1"),
    ("DELETE", "/api/artifacts/{}/1/0a0a"),
    ("POST", "/incompatible-rdb-schema"),
]


@pytest.fixture(scope="module")
def studies(served):
    """Return the number of a study with one trial for each of two users."""
    storage = open_storage(served[1].table.url)
    numbers = {}
    for user in ("ann", "bob"):
        study = optuna.create_study(storage=storage, study_name=f"{user}.secret of {user}")
        study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
        numbers[user] = study._study_id
    storage.engine.dispose()
    return numbers


def read(served, path, user):
    """Return status and body of an answer to a user."""
    status, _, body = ask(served, "GET", path, token=served[2][user])
    return status, body


def listed(served, user):
    """Return the names of the studies that a user is shown."""
    status, body = read(served, "/api/studies", user)
    assert status == 200, body
    return {one["study_name"] for one in json.loads(body)["study_summaries"]}


@pytest.mark.slow
def test_users_see_their_studies_and_administrators_all(served, studies):
    assert listed(served, "ann") == listed(served, "viewer") == {"secret of ann"}
    assert listed(served, "bob") == {"secret of bob"}
    assert listed(served, "admin") >= {"ann.secret of ann", "bob.secret of bob"}
    status, body = read(served, f"/api/studies/{studies['ann']}", "ann")
    assert (status, len(json.loads(body)["trials"])) == (200, 1)
    assert read(served, f"/csv/{studies['ann']}", "ann")[1].startswith(b"Number,State")


@pytest.mark.slow
@pytest.mark.parametrize("path", PATHS)
def test_a_study_of_somebody_else_answers_as_one_that_does_not_exist(served, studies, path):
    for _ in range(2):  # also once its user has filled every cache
        theirs, nobodys = (read(served, path.format(one), "bob") for one in (studies["ann"], 10**6))
        assert theirs == nobodys
        assert theirs[0] in {404, 500}
        assert b"secret" not in theirs[1]
        read(served, path.format(studies["ann"]), "ann")
        read(served, path.format(studies["ann"]), "admin")


@pytest.mark.slow
@pytest.mark.parametrize(("method", "path"), WRITES)
def test_nothing_is_changed_through_the_dashboard(served, studies, method, path):
    body = json.dumps({"study_name": "x", "directions": ["maximize"], "state": "FAIL", "user_attrs": {"a": 1},
                       "version": 1, "body": "x"})  # fmt: skip
    for user in ("ann", "admin"):
        status, _, _ = ask(served, method, path.format(studies["ann"]), token=served[2][user], body=body)
        assert status in {404, 405}
    assert listed(served, "ann") == {"secret of ann"}


@pytest.mark.slow
def test_before_the_first_search_the_dashboard_is_empty(url):
    dashboards = UserDashboards(url)
    assert not exists(url)
    assert dashboards.page(None, "/dashboard", "", "").status == 200
    assert json.loads(dashboards.page("ann", "/api/studies", "", "").body) == {"study_summaries": []}
    assert dashboards.study_id("ann.first") is None


@pytest.mark.usefixtures("studies")
def test_a_token_in_the_header_opens_the_dashboard(served):
    status, _, body = ask(served, "GET", "/dashboard", token=served[2]["ann"])
    assert (status, b"<html" in body.lower()) == (200, True)
    assert ask(served, "GET", "/dashboard", token="nas_wrong")[0] == 401


def test_without_a_login_nothing_is_shown(served):
    for path in ("/api/studies", "/static/bundle.js", "/csv/1", "/nas/studies/1/trials/0.svg"):
        assert ask(served, "GET", path)[0] == 401
        assert ask(served, "GET", path, token="nas_wrong")[0] == 401
    status, headers, _ = ask(served, "GET", "/dashboard")
    assert (status, headers["location"]) == (303, "/")


def test_a_view_for_readers_changes_nothing(served, studies):
    storage = open_storage(served[1].table.url)
    view = ReaderView(storage, "ann.")
    for change in (
        lambda: view.delete_study(studies["ann"]),
        lambda: view.create_new_study([optuna.study.StudyDirection.MINIMIZE], "x"),
        lambda: view.set_study_system_attr(studies["ann"], "note", "x"),
        lambda: view.create_new_trial(studies["ann"]),
        lambda: view.set_trial_user_attr(1, "a", 1),
    ):
        with pytest.raises(ReadOnlyError):
            change()
    for look in (view.get_all_trials, view.get_study_user_attrs, view.get_study_name_from_id):
        with pytest.raises(KeyError):
            look(studies["bob"])
    storage.engine.dispose()


@pytest.mark.slow
def test_the_page_opens_in_a_browser_and_cannot_be_framed(served, studies):
    complaints: list[str] = []
    with chromium() as driver:
        page = driver.new_page()
        page.set_default_timeout(60_000)
        page.on("console", lambda m: complaints.append(m.text) if m.type == "error" else None)
        page.goto(served[0])
        page.fill("input[name=token]", served[2]["ann"])
        page.click("button")
        page.click("text=Dashboard")
        page.wait_for_url("**/dashboard")
        page.wait_for_selector("text=secret of ann")
        assert page.locator("text=secret of bob").count() == 0
        page.goto(f"{served[0]}/dashboard/studies/{studies['ann']}")
        page.wait_for_selector("text=secret of ann")
    assert [one for one in complaints if "secret" not in one] == []
    _, headers, _ = ask(served, "GET", "/dashboard", token=served[2]["ann"])
    assert "frame-ancestors 'none'" in headers["content-security-policy"]


@pytest.mark.slow
@pytest.mark.parametrize("looked", [False, True])
def test_the_number_of_a_deleted_study_shows_nothing_of_it(url, looked):
    dashboards, storage = UserDashboards(url), open_storage(url)

    def searched(name, factor):
        study = optuna.create_study(storage=storage, study_name=name)
        study.optimize(lambda trial: trial.suggest_float(factor, 0, 1), n_trials=3)
        return study._study_id

    def shown(user, number):
        page = dashboards.page(user, f"/api/studies/{number}", "", "")
        weighed = dashboards.page(user, f"/api/studies/{number}/param_importances", "", "")
        factors = {f for trial in json.loads(page.body).get("trials", ()) for f in map(str, trial["params"])}
        return page.status, [f for f in ("width", "depth") if f in str(factors) + str(weighed.body)]

    number = searched("ann.first", "width")
    assert shown("ann", number) == shown(None, number) == (200, ["width"])
    optuna.delete_study(study_name="ann.first", storage=storage)  # as another process does
    if looked:
        assert [shown(user, number)[0] for user in ("ann", None)] == [404, 404]
    assert searched("bob.first", "depth") == number
    assert shown("bob", number) == shown(None, number) == (200, ["depth"])
    assert shown("ann", number) == (404, [])
    storage.engine.dispose()
