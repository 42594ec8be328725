"""What is inconsistent in a study is found and named, and nothing else is."""

import json
from pathlib import Path

import pytest
from optuna.storages import RDBStorage
from sqlalchemy import text

import nas
from nas.__main__ import run
from nas.administration.consistency import findings
from nas.coordination.leases import Driver, Leases
from nas.storage.optuna_internals import study_id_of
from nas.storage.store import Store
from nas.study.study import find
from tests.golden.test_golden_study import laid_out


@pytest.fixture
def url(tmp_path):
    return f"sqlite:///{laid_out(tmp_path).folder}/nas.db"


def change(url, statement, **values):
    storage = RDBStorage(url)
    with storage.engine.begin() as connection:
        connection.execute(text(statement), values)
    storage.engine.dispose()


pytestmark = pytest.mark.slow


def test_what_was_not_changed_is_consistent(url, capsys):
    assert nas.check_studies("first", storage=url) == ()
    assert run(["studies", "check", "first", "--storage", url]) == 0
    assert "Everything is consistent" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("statement", "expected"),
    [
        ("delete from trial_intermediate_values where step = 1", "gap"),
        ("update trial_values set value = 0.123", "not that of its last epoch"),
        ("update trial_user_attributes set value_json = '\"0123\"' where key = 'fingerprint'", "fingerprint"),
        (
            "update study_user_attributes set value_json = '\"/absent\"' where key = 'nas:folder'",
            "'/absent' is not on this host",
        ),
        (
            "insert into nas_drivers values ('d', 1, 'h', 1, 'm', 0, '2026-01-01'); ",
            None,
        ),
    ],
)
def test_what_was_changed_is_named(url, statement, expected, capsys):
    change(url, statement)
    found = nas.check_studies("first", storage=url)
    assert [f for f in found if expected in f.problem] if expected else not found
    status = run(["studies", "check", "first", "--storage", url, "--json"])
    assert status == (2 if expected else 0)
    assert len(json.loads(capsys.readouterr().out)["findings"]) == len(found)


def test_a_damaged_checkpoint_of_a_running_trial_is_named(url):
    change(url, "update trials set state = 'RUNNING' where number = 0")
    (checkpoint,) = Path(nas.show("first", storage=url).folder).glob("trials/00000")
    before = (checkpoint / "checkpoint.pt").read_bytes() if (checkpoint / "checkpoint.pt").exists() else None
    (checkpoint / "checkpoint.pt").write_bytes(b"nas-ckp\x01 cut short")
    try:
        assert any("damaged" in f.problem for f in nas.check_studies("first", storage=url))
    finally:
        (checkpoint / "checkpoint.pt").unlink()
        if before is not None:
            (checkpoint / "checkpoint.pt").write_bytes(before)


@pytest.mark.parametrize("dropped", [False, True])
def test_a_lease_that_its_driver_drops_a_moment_later_is_in_order(storage, kept, monkeypatch, dropped: bool):
    kept("mine")
    study = find(storage, "mine")
    study.tell(study.ask(), 0.5)
    with Store(storage.url):
        pass  # creates the tables of leases
    driver = Driver(id="d", host="elsewhere", process=1, machine="elsewhere 1")
    with Leases(storage.url, study_id_of(study), driver) as leases:
        leases.take(0)
        monkeypatch.setattr("time.sleep", lambda _: leases.drop(0) if dropped else None)
        problems = [finding.problem for finding in findings(study, storage.url)]
    assert ("has a lease but does not run" in problems) is not dropped
