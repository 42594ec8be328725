"""Whatever is given at any entry, the answer is one line and exit status 2 or 3, or it can be used."""

import json
import string

import numpy as np
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import nas
from nas.__main__ import run
from nas.study.network_lookup import find_network
from search_spaces.architecture import Architecture
from search_spaces.errors import UserError
from search_spaces.loading import load
from trials.recipes import load_recipe
from trials.target_names import find_target, read_targets
from trials.training.checkpoint import load_checkpoint
from trials.training.checkpoint_file import MAGIC
from trials.training.errors import CheckpointError

ENTRIES = 9
FEW = 12
MANY = 10_000 // ENTRIES + 1

words = st.text(alphabet=string.printable + "é☃\u0000\u202e", max_size=30)
numbers = st.one_of(st.integers(-(2**70), 2**70), st.floats(), st.booleans(), st.none())
values = st.recursive(
    st.one_of(numbers, words),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(words, inner, max_size=4)),
    max_leaves=12,
)
quantities = ("MACs", "params", "activations", "peak", "peak@int8", "weights", "flops", "")
budgets = st.one_of(
    words,
    st.builds(
        "{}{}-{}".format,
        st.one_of(st.integers(-9, 10**12), st.floats(), words),
        st.sampled_from(["", "k", "M", "G", "KiB", "x"]),
        st.sampled_from(quantities),
    ),
    st.builds("{}ms@{}".format, st.floats(), words),
)
storages = st.one_of(
    words,
    st.builds(
        "{}://me:secret@{}/{}".format,
        st.sampled_from(["mysql", "sqlite", "http", "s3", "", "redis", "postgresql+absent"]),
        words,
        words,
    ),
)

SPACE = {
    "version": 1,
    "name": "own",
    "resolution": [32, 64],
    "stages": [{"channels": 16, "stride": 2, "options": {"mixer": ["depthwise"], "kernel": [3, 5]}}],
}
RECIPE = {"version": 1, "epochs": 2, "rungs": [1, 2], "batch_size": 32, "learning_rate": 0.01}
TARGETS = {"version": 1, "targets": {"phone": {"kind": "command", "address": "run", "threads": 2}}}
STAGE = {"block": "metaformer", "channels": 16, "depth": 1, "stride": 1, "options": {"mixer": "depthwise"}}
NETWORK = {"version": 1, "network": "pyramid", "resolution": 32, "stages": [STAGE], "options": {}}


@st.composite
def changed(draw, whole):
    """Return a document with something in it removed, replaced or added, or another one altogether."""
    if draw(st.integers(0, 9)) == 0:
        return draw(values)
    document = json.loads(json.dumps(whole))
    places = list(_places(document))
    for _ in range(draw(st.integers(1, 3))):
        holder, key = draw(st.sampled_from(places))
        what = draw(st.sampled_from(["replace", "remove", "add"]))
        if what == "replace" and (isinstance(holder, dict) or key < len(holder)):
            holder[key] = draw(values)
        elif what == "remove" and isinstance(holder, dict):
            holder.pop(key, None)
        elif isinstance(holder, dict):
            holder[draw(words)] = draw(values)
    return document


def _places(document):
    pairs = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(pairs):
        yield document, key
        if isinstance(value, dict | list):
            yield from _places(value)


def written(document):
    """Return a document as YAML, as JSON, or cut short."""
    return st.one_of(
        document.map(lambda d: yaml.safe_dump(d, allow_unicode=True)),
        document.map(lambda d: yaml.safe_dump(d)[:-7]),
        words,
        st.just("a: &a [*a]"),
        st.just("[" * 5000),
        st.just("- " * 3000 + "x"),
        st.just("!!python/object/apply:os.system ['true']"),
    )


def fuzz(check, strategy, examples):
    """Call `check` with so many examples of `strategy`."""
    quiet = [HealthCheck.too_slow, HealthCheck.function_scoped_fixture, HealthCheck.filter_too_much]
    wrapped = given(strategy)(check)
    chosen = settings(
        max_examples=examples, deadline=None, database=None, derandomize=True, suppress_health_check=quiet
    )
    chosen(wrapped)()


def answers(call):
    """Check that a call succeeds or complains in one line."""
    error = None
    try:
        call()
    except UserError as complaint:
        error = complaint
    assert error is None or (len(str(error).splitlines()) == 1 and error.exit_status in {2, 3})


def of_command(capsys, folder, *given_words):
    """Check that a command line is answered by one line, without a traceback, and begins nothing."""
    status = run(list(given_words))
    out, err = capsys.readouterr()
    assert status in {2, 3}, (status, err)
    assert len(err.strip().splitlines()) == 1, err
    assert "Traceback" not in out + err
    assert "secret" not in out + err
    assert not list(folder.glob("*.db*")) + list(folder.glob("nas-runs/*/search.log")), "a search began"


def _write(path, text):
    path.write_text(text, encoding="utf-8", errors="surrogatepass")


def check_budget(tmp_path, capsys):
    def check(text):
        answers(lambda: nas.profile(text, space="hybrid_small"))

    del tmp_path, capsys
    return check, budgets


def check_space(tmp_path, capsys):
    del capsys

    def check(text):
        _write(tmp_path / "own.yaml", text)
        answers(lambda: load(str(tmp_path / "own.yaml")))

    return check, written(changed(SPACE))


def check_recipe(tmp_path, capsys):
    del capsys

    def check(text):
        _write(tmp_path / "own.yaml", text)
        answers(lambda: load_recipe(str(tmp_path / "own.yaml")))

    return check, written(changed(RECIPE))


def check_targets(tmp_path, capsys):
    del capsys

    def check(given_text):
        text, name = given_text
        _write(tmp_path / "targets.yaml", text)
        answers(lambda: read_targets(tmp_path / "targets.yaml"))
        answers(lambda: find_target(name))

    return check, st.tuples(written(changed(TARGETS)), words)


def check_architecture(tmp_path, capsys):
    def check(text):
        answers(lambda: Architecture.from_json(text))
        path = tmp_path / "network.json"
        _write(path, text)
        answers(lambda: find_network(str(path), "sqlite:////absent/nas.db"))

    del capsys
    documents = changed(NETWORK).map(json.dumps)
    return check, st.one_of(documents, documents.map(lambda d: d[:-3]), words, st.just("[" * 100_000))


def check_checkpoint(tmp_path, capsys):
    import torch

    def check(content):
        path = tmp_path / "checkpoint.pt"
        path.write_bytes(content)
        with pytest.raises(CheckpointError) as caught:
            load_checkpoint(path, torch.device("cpu"))
        assert len(str(caught.value).splitlines()) == 1

    del capsys
    import hashlib

    sealed = st.binary(max_size=200).map(lambda b: MAGIC + hashlib.sha256(b).digest() + b)
    return check, st.one_of(st.binary(max_size=200), sealed, st.binary().map(lambda b: MAGIC + b))


def check_storage(tmp_path, capsys):
    def check(url):
        if not url or "sqlite:///" in url:
            return
        of_command(capsys, tmp_path, "show", f"--storage={url}")

    return check, storages


def check_data(tmp_path, capsys):
    def check(given_bytes):
        kind, content = given_bytes
        path = tmp_path / f"images{kind}"
        path.write_bytes(content)
        of_command(capsys, tmp_path, "search", "--budget", "30M-MACs", "--data", str(path))

    kinds = st.sampled_from([".npz", ".parquet", ".gz", "", ".csv", ".bin", ".zip"])
    (tmp_path / "nas-runs" / "images").mkdir(parents=True)
    array = tmp_path.parent / "a.npz"
    np.savez(array, images=np.zeros((3, 2, 2), np.uint8), labels=np.arange(3))
    some = array.read_bytes()
    cut = st.integers(0, len(some)).map(lambda n: some[:n])
    return check, st.tuples(kinds, st.one_of(st.binary(max_size=300), cut))


def check_options(tmp_path, capsys):
    option = st.sampled_from(
        ["--space", "--sampler", "--recipe", "--trials", "--hours", "--seed", "--gpus-per-trial", "--data"]
    )

    def check(pairs):
        name, value = pairs
        if value.strip().isdigit() or value == "." or value.startswith(("-", ".", "/")):
            return
        of_command(capsys, tmp_path, "search", "--budget", "1k-MACs", f"{name}={value}")

    (tmp_path / "nas-runs" / "images").mkdir(parents=True)
    return check, st.tuples(option, words)


CHECKS = {
    name.removeprefix("check_"): entry for name, entry in list(globals().items()) if name.startswith("check_")
}


@pytest.fixture(autouse=True)
def _desk(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NAS_STORAGE", raising=False)


@pytest.mark.slow
@pytest.mark.parametrize("entry", list(CHECKS))
def test_bad_input_is_answered_in_a_line(entry, tmp_path, capsys):
    check, strategy = CHECKS[entry](tmp_path, capsys)
    fuzz(check, strategy, FEW)


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("entry", list(CHECKS))
def test_ten_thousand_bad_inputs_are_answered_in_a_line(entry, tmp_path, capsys):
    check, strategy = CHECKS[entry](tmp_path, capsys)
    fuzz(check, strategy, MANY)


def test_a_search_that_cannot_begin_leaves_the_number_of_threads_as_it_was():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        with pytest.raises(UserError):
            nas.search(budget="5 apples")
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)
