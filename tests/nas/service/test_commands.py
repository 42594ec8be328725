"""Commands are answered and run as jobs for a user: as local ones, and without files or studies of others."""

import hashlib
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from nas.commands._remote import SEARCHED, _as_data, _said_since
from nas.commands._remote_files import Place, with_places, written
from nas.service.client import Client
from nas.service.command_options import MODELS, ExportOptions, MeasureOptions, ScaleOptions, ShowOptions
from nas.service.command_words import words_of
from nas.service.connection import Connection, ServiceError
from nas.service.search_options import Allowed, SearchOptions, check_data
from search_spaces.errors import ExportError, InvalidValueError
from tests.in_process import nas_in_process
from tests.nas.service.test_api import ask
from trials.recipes import load_recipe
from trials.training.recipe import Recipe


def posted(served, path, user="ann", **body):
    """Return status and record of an answer to what is sent as JSON."""
    status, _, answer = ask(served, "POST", f"/v1{path}", token=served[2][user], body=json.dumps(body))
    return status, json.loads(answer)


def test_options_become_the_words_of_a_command(tmp_path):
    options = ScaleOptions(network={"a": 1}, budget=["1M-MACs", "2M-MACs"], to="family", json_output=False)
    assert words_of("scale", options, tmp_path) == [
        *("scale", "--budget=1M-MACs", "--budget=2M-MACs", "--to=family", "--", "network.json")
    ]
    assert json.loads((tmp_path / "network.json").read_text()) == {"a": 1}
    measured = MeasureOptions(network="first#2", scores=False, layers=True)
    assert words_of("measure", measured, tmp_path) == [
        *("measure", "--layers", "--no-scores", "--json", "--", "first#2")
    ]
    assert "--json" not in words_of("show", ShowOptions(csv=True), tmp_path)
    both = ShowOptions(csv=True, json_output=True)
    assert words_of("show", both, tmp_path) == ["show", "--csv", "--json"]
    assert words_of("export", ExportOptions(trial=3), tmp_path) == [
        "export",
        "--to=network",
        "--trial=3",
        "--json",
    ]


def test_every_option_is_one_of_its_command():
    import inspect

    from nas.commands import COMMANDS

    for name, model in MODELS.items():
        known = set(inspect.signature(COMMANDS[name]).parameters)
        added = {"json_output", "width", "color", "priority"}
        assert set(model.model_fields) - added <= known, name
    assert set(inspect.signature(COMMANDS["search"]).parameters) >= SEARCHED
    assert set(SearchOptions.model_fields) - {"priority"} == SEARCHED


@pytest.mark.parametrize(
    ("path", "body", "status", "expected"),
    [
        ("/answers/scale", {"network": "/etc/passwd"}, 422, "may name a file"),
        ("/answers/scale", {"network": "~/x.json"}, 422, "may name a file"),
        ("/answers/export", {"study": "os:system"}, 403, "runs no code"),
        ("/answers/export", {"to": "../x"}, 422, "to"),
        ("/answers/show", {"fits": ["9ms@command:./run.sh"]}, 403, "runs no code"),
        ("/answers/show", {"storage": "sqlite:///x"}, 422, "storage"),
        ("/answers/explain", {"budget": ["1M-flops"]}, 422, "Cannot read the budget"),
        ("/measurements", {"network": "mobilenet_v2_1.0_224", "on": "ssh://root@host"}, 403, "runs no code"),
        ("/measurements", {"network": "mobilenet_v2_1.0_224", "on": "toaster"}, 422, "No target is called"),
        ("/retrainings", {"study": "first", "recipe": "/etc/passwd"}, 422, "No recipe is called"),
        ("/retrainings", {"study": "first", "recipe": {"teacher": "x"}}, 422, "names a file"),
        ("/comparisons", {"networks": ["a"], "data": "/etc"}, 422, "No data set of this server"),
        ("/comparisons", {"networks": []}, 422, "networks"),
    ],
)
def test_what_would_run_code_or_read_files_is_refused(served, path, body, status, expected):
    before = served[1].table.counts()
    answered = posted(served, path, **body)
    assert (answered[0], answered[1]["status"]) == (status, status)
    assert expected in answered[1]["detail"]
    assert served[1].table.counts() == before


@pytest.mark.parametrize("sent", ['"\\ud800"', "NaN", "1e999"])
@pytest.mark.parametrize("path", ["/retrainings", "/searches"])
def test_data_that_no_answer_can_hold_is_refused(served, path, sent):
    name = '"study": "first"' if path == "/retrainings" else '"budget": ["1M-MACs"]'
    body = f'{{{name}, "recipe": {{"x": {sent}}}}}'
    status, _, answer = ask(served, "POST", f"/v1{path}", token=served[2]["ann"], body=body)
    assert (status, b"expected text in UTF-8 and finite" in answer) == (422, True), answer
    assert ask(served, "GET", "/v1/jobs", token=served[2]["admin"])[0] == 200


@pytest.mark.parametrize("path", ["/jobs/{}", "/jobs/{}/log", "/jobs/{}/result"])
def test_jobs_of_others_answer_as_if_they_did_not_exist(served, path):
    _, job = posted(served, "/measurements", network="mobilenet_v2_1.0_224")
    assert (job["kind"], job["state"]) == ("measure", "queued")
    theirs, nobodys = (
        ask(served, "GET", f"/v1{path.format(one)}", token=served[2]["bob"]) for one in (job["id"], "0" * 16)
    )
    assert (theirs[0], theirs[2]) == (404, nobodys[2])
    assert ask(served, "DELETE", f"/v1/jobs/{job['id']}", token=served[2]["bob"])[0] == 404
    assert ask(served, "GET", f"/v1/searches/{job['id']}", token=served[2]["ann"])[0] == 404
    assert ask(served, "GET", f"/v1/jobs/{job['id']}", token=served[2]["ann"])[0] == 200
    assert ask(served, "DELETE", f"/v1/jobs/{job['id']}", token=served[2]["ann"])[0] == 202


def test_jobs_of_every_kind_are_listed_and_searches_alone_as_searches(served):
    client = Client(served[0], served[2]["bob"])
    search = client.search("1M-MACs", study="one of two")
    _, job = posted(served, "/retrainings", "bob", study="one of two", top=2)
    _, listed = posted(served, "/retrainings", "bob", study="one of two")
    assert listed["status"] == 409
    status, _, body = ask(served, "GET", "/v1/jobs", token=served[2]["bob"])
    kinds = {one["id"]: one["kind"] for one in json.loads(body)["jobs"]}
    assert (status, kinds[search["id"]], kinds[job["id"]]) == (200, "search", "retrain")
    _, _, body = ask(served, "GET", "/v1/searches", token=served[2]["bob"])
    assert job["id"] not in {one["id"] for one in json.loads(body)["searches"]}


@pytest.mark.slow
def test_what_a_command_answers_is_what_it_prints_here(served, tmp_path):
    _, answered = posted(served, "/answers/networks", fits=["100M-MACs"])
    assert answered["output"] == nas_in_process(tmp_path, "networks", "--fits", "100M-MACs", "--json").out
    _, refused = posted(served, "/answers/show", study=["nothing"])
    assert (refused["status"], refused["exit_status"]) == (409, 2)
    assert "No search in the service yet" in refused["detail"]


@pytest.mark.slow
def test_the_files_of_a_command_are_had_by_their_hash(served):
    network = "mobilenet_v2_1.0_224"
    _, answered = posted(served, "/answers/scale", network=network, budget=["100M-MACs"], to="family")
    path, ann, bob = f"/v1/exports/{answered['sha256']}", served[2]["ann"], served[2]["bob"]
    status, headers, archive = ask(served, "GET", path, token=ann)
    assert (status, headers["etag"]) == (200, f'"{answered["sha256"]}"')
    assert hashlib.sha256(archive).hexdigest() == answered["sha256"]
    with zipfile.ZipFile(io.BytesIO(archive)) as packed:
        assert all(name.startswith("family/") for name in packed.namelist())
    assert ask(served, "GET", path, token=ann, headers={"If-None-Match": headers["etag"]})[0] == 304
    assert ask(served, "GET", path, token=bob)[0] == 404


def test_a_viewer_submits_no_job(served):
    assert posted(served, "/measurements", "viewer", network="mobilenet_v2_1.0_224")[0] == 403
    with pytest.raises(ServiceError):
        Client(served[0], served[2]["viewer"]).search("1M-MACs")


@pytest.fixture
def remote(served, monkeypatch, tmp_path):
    """Run a command on the server as it is typed in an empty folder."""
    monkeypatch.setenv("NAS_TOKEN", served[2]["ann"])
    return lambda *words: nas_in_process(tmp_path, "--server", served[0], *words)


def test_a_command_that_cannot_run_on_a_server_says_so_in_a_line(remote):
    refused = [
        remote("studies"),
        remote("show", "--storage", "sqlite:///other.db"),
        remote("search", "--budget", "1M-MACs", "--learn-from", "first"),
        remote("export", "first"),
    ]
    assert [(ended.status, ended.out, ended.err.count("\n")) for ended in refused] == [(2, "", 1)] * 4
    assert "Cannot run nas studies on a server" in refused[0].err
    assert "Cannot use --storage with a server" in refused[1].err


def test_a_server_is_refused_by_commands_on_the_database_and_named_by_those_that_ask_it(served, remote):
    for words in (("users", "list"), ("tokens", "list"), ("serve",), ("mcp",)):
        ended = remote(*words)
        assert (ended.status, ended.out, ended.err.count("\n")) == (2, "", 1), words
    assert "Cannot run nas users on a server" in remote("users", "list").err
    assert "Cannot use --server alone: expected it with --allow-submit" in remote("mcp").err
    named = remote("retrain")
    assert f"List yours with: nas --server {served[0]} jobs\n" in named.err
    assert remote("jobs").status == 0


def test_a_server_of_the_environment_is_asked_by_jobs_without_its_address(monkeypatch):
    monkeypatch.setenv("NAS_SERVER", "http://nas.example")
    assert Connection().jobs == "nas jobs"
    assert Connection("http://nas.example/").jobs == "nas --server http://nas.example jobs"


def test_a_server_of_the_environment_is_named_before_anything_runs_there(served, monkeypatch, tmp_path):
    monkeypatch.setenv("NAS_SERVER", served[0])
    ended = nas_in_process(tmp_path, "show", "--storage", "sqlite:///other.db")
    first, second = ended.err.splitlines()
    assert (ended.status, ended.out, first) == (2, "", f"on {served[0]} (NAS_SERVER)")
    assert "Cannot use --storage with a server" in second


@pytest.mark.slow
def test_a_job_measures_on_a_target_that_the_server_knows_by_name(tmp_path):
    (tmp_path / "targets.yaml").write_text(
        "version: 1\ntargets:\n  phone: {kind: command, address: no-such-program}\n"
    )
    code = (
        "from pathlib import Path; from types import SimpleNamespace as Of; "
        "from nas.service.command_job import run_job_command as run; "
        "Path('runs/service').mkdir(parents=True); Path('runs/service/1.log').touch(); "
        "options = {'network': 'mobilenet_v2_1.0_224', 'on': 'phone'}; "
        "print(run(Of(id='1', kind='measure', user='ann', options=options), 'sqlite:///nas.db', "
        "Path('runs').resolve(), 'digits').status)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert ended.stdout == "2\n"
    assert "no-such-program" in ended.stderr
    assert "No target is called" not in ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize("form", [(), ("--json",)])
def test_a_command_prints_on_a_server_what_it_prints_here(remote, tmp_path, form):
    for words in [
        ("networks", "--fits", "60M-MACs"),
        ("profile", "--budget", "1M-MACs", "--space", "hybrid_small"),
    ]:
        assert remote(*words, *form) == nas_in_process(tmp_path, *words, *form)


@pytest.mark.slow
def test_files_of_a_command_are_written_here(remote, tmp_path):
    ended = remote("scale", "mobilenet_v2_1.0_224", "--budget", "100M-MACs", "--to", "made/family")
    assert ended.status == 0, ended.err
    written = next((tmp_path / "made" / "family").glob("*.json"))
    again = remote("scale", str(written), "--budget", "60M-MACs", "--json")
    assert again.out == nas_in_process(tmp_path, "scale", str(written), "--budget", "60M-MACs", "--json").out


def test_a_recipe_on_the_base_of_others_is_sent_in_full(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("short.yaml").write_text("base: proxy\nepochs: 3\n")
    Path("mine.yaml").write_text("base: short.yaml\nbatch_size: 16\n")
    sent = _as_data("recipe", "mine.yaml")
    assert "base" not in sent
    assert Recipe.model_validate(sent) == load_recipe("mine.yaml")
    allowed = Allowed()
    check_data(sent, "recipe", allowed)
    check_data({"base": "proxy", "epochs": 1}, "recipe", allowed)
    for base in ("short.yaml", "../proxy", "", ["proxy"]):
        with pytest.raises(InvalidValueError, match="names a file of the server"):
            check_data({"base": base}, "recipe", allowed)


def test_names_of_files_alone_are_those_of_this_machine():
    places = {"net/net.py": "/here/net/net.py"}
    table = "net  1\nnetwork 2\nnet/net.py\nnet/net.py.\n"
    assert with_places(table, places) == "net  1\nnetwork 2\n/here/net/net.py\nnet/net.py.\n"
    record = {"net/net.py": 1, "network": "net", "networks": ["net/net.py"]}
    read = json.loads(with_places(json.dumps(record, indent=2), places))
    assert read == {"net/net.py": 1, "network": "net", "networks": ["/here/net/net.py"]}


def packed(folder, *names):
    archive = folder / "files.zip"
    with zipfile.ZipFile(archive, "w") as made:
        for name in names:
            made.writestr(name, name)
    return archive


def test_files_of_an_answer_are_written_whole_or_not_at_all(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    place = Place.of("export", {"to": "a/net"})
    archive = packed(tmp_path, "net/net.py", "net/architecture.json")
    folder = tmp_path / "a" / "net"
    assert written(archive, place) == {
        "net/net.py": str(folder / "net.py"),
        "net/architecture.json": str(folder / "architecture.json"),
    }
    assert (folder / "net.py").read_text() == "net/net.py"
    assert written(packed(tmp_path, "x.md"), Place.of("report", {"to": "./b/x.md"})) == {"x.md": "b/x.md"}
    (tmp_path / "c" / "x").mkdir(parents=True)
    (tmp_path / "c" / "x" / "kept").touch()
    with pytest.raises(ExportError, match="Nothing was written"):
        written(packed(tmp_path, "c/a", "c/x"), Place.of("scale", {"to": "c"}))
    assert [path.name for path in (tmp_path / "c").iterdir()] == ["x"]


@pytest.mark.parametrize("names", [("../x",), ("/x",), ("net/../../x",), ("net/a", "other/b"), ()])
def test_files_of_an_answer_that_lie_elsewhere_are_refused(tmp_path, names):
    with pytest.raises(InvalidValueError, match="The server sent the files"):
        written(packed(tmp_path, *names), Place.of("scale", {"to": str(tmp_path / "net")}))
    assert not (tmp_path / "net").exists()


def test_where_nothing_can_be_written_is_said_before_the_server_is_asked(remote, tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "afile").touch()
    for words in (("report", "first", "--to", "folder"), ("report", "first", "--to", "afile/r.html")):
        there, here = remote(*words), nas_in_process(tmp_path, *words)
        assert (there.status, there.out, there.err.count("\n")) == (2, "", 1)
        assert here.status == 2
        assert "Cannot write the report to" in there.err
    family = ("scale", "mobilenet_v2_1.0_224", "--budget", "100M-MACs", "--to", "afile")
    assert remote(*family) == nas_in_process(tmp_path, *family)


@pytest.mark.slow
def test_a_folder_is_no_part_of_what_a_command_prints(remote, tmp_path):
    words = ("scale", "mobilenet_v2_1.0_224", "--budget", "100M-MACs")
    for form in ((), ("--json",)):
        printed = remote(*words, *form)
        assert remote(*words, "--to", str(tmp_path / "net"), *form).out == printed.out


@pytest.mark.slow
def test_what_is_wrong_ends_a_command_on_a_server_as_here(remote, tmp_path):
    for words in [
        ("show", "nothing"),
        ("profile", "--budget", "1k-MACs"),
        ("networks", "--fits", "3M-flops"),
    ]:
        there, here = remote(*words), nas_in_process(tmp_path, *words)
        assert (there.status, there.out) == (here.status, here.out)
        assert there.err.partition(" in ")[0] == here.err.partition(" in ")[0]


def test_of_a_long_log_only_what_is_new_is_printed():
    lines = [f"line {number}\n" for number in range(20_000)]
    said = "".join(lines[:18_000])[-65_536:]
    assert _said_since("", said) == said
    assert _said_since(said, said) == ""
    assert _said_since(said, "".join(lines[:18_005])[-65_536:]) == "".join(lines[18_000:18_005])
    assert _said_since(said[:100], said[:150]) == said[100:150]
