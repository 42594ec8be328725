"""The store on SQLite and on a real PostgreSQL."""

import json
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import optuna
import pytest
import sqlalchemy
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from nas.storage.records import Export, Measurement
from nas.storage.schema import VERSION_TABLE, Base
from nas.storage.store import Store
from search_spaces.architecture import Architecture, Stage, options_of
from search_spaces.errors import StorageError
from trials.latency.latency import Latency

NOON = datetime(2026, 1, 2, 12, tzinfo=UTC)
CONDITIONS: dict[str, Any] = {
    "target": "cpu",
    "device": "Ä processor",
    "runtime": "onnxruntime",
    "version": "1.31",
    "threads": 1,
}


WRITER = """
import json, sys
from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from nas.storage.records import Measurement
from nas.storage.store import Store
from search_spaces.architecture import Architecture
from trials.latency.latency import Latency
url, *networks = sys.argv[1:]
stored = json.loads(networks.pop())
with Store(url) as store:
    for json in networks:
        network = Architecture.from_json(json)
        store.add_measurement(
            Measurement(architecture=network, num_classes=2, in_channels=1, latency=Latency.from_json(stored),
                        measured_at=datetime.now(UTC)))
"""


def architecture(seed=0):
    stage = Stage(block="metaformer", channels=16, depth=1, options=options_of({"mixer": "depthwise"}))
    return Architecture(network="pyramid", resolution=32 + seed, stages=(stage,))


def measurement(median_ms=10.0, *, seed=0, stable=True, num_classes=10, **conditions):
    latency = Latency(
        median_ms=median_ms,
        low_ms=0.99 * median_ms,
        high_ms=1.01 * median_ms,
        p90_ms=1.1 * median_ms,
        stable=stable,
        conditions=CONDITIONS | {"load": 0.5, "governor": None} | conditions,
    )
    return Measurement(
        architecture=architecture(seed),
        num_classes=num_classes,
        in_channels=1,
        latency=latency,
        measured_at=NOON,
    )


@pytest.fixture
def store(url):
    with Store(url) as opened:
        yield opened


@pytest.fixture
def connection(store, url):  # noqa: ARG001 -- the store has made its tables
    engine = sqlalchemy.create_engine(url)
    with engine.begin() as opened:
        yield opened
    engine.dispose()


def test_what_is_kept_comes_back_equal_and_in_order(store):
    kept = [measurement(10.0), measurement(11.0, stable=False), measurement(3.0, seed=1)]
    for m in kept:
        store.add_measurement(m)
    assert store.measurements(CONDITIONS) == kept


def test_moments_are_kept_whatever_their_zone(store):
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    store.add_measurement(replace(measurement(), measured_at=tokyo))
    (found,) = store.measurements(CONDITIONS)
    assert found.measured_at == NOON
    assert found.measured_at.utcoffset() == timedelta(0)


def test_another_process_reads_what_was_kept(store, url):
    store.add_measurement(measurement())
    code = (
        "import sys, json; from nas.storage.store import Store;"
        "print(len(Store(sys.argv[1]).measurements(json.loads(sys.argv[2]))))"
    )

    counted = subprocess.run(
        [sys.executable, "-c", code, url, json.dumps(CONDITIONS)], capture_output=True, text=True, check=True
    )
    assert counted.stdout == "1\n"


def test_the_latency_of_a_network_is_its_newest_stable_one(store):
    for m in (
        measurement(10.0),
        measurement(11.0),
        measurement(50.0, stable=False),
        measurement(3.0, seed=1),
    ):
        store.add_measurement(m)
    found = store.latency(architecture(), num_classes=10, in_channels=1, conditions=CONDITIONS)
    assert found is not None
    assert found.median_ms == 11.0


def test_an_unstable_latency_is_latest_only_where_no_stable_one_is_known(store):
    for m in (
        measurement(10.0),
        measurement(50.0, stable=False),
        measurement(40.0, stable=False, target="board"),
        measurement(45.0, stable=False, target="board"),
    ):
        store.add_measurement(m)
    latest = store.latest(architecture(), num_classes=10, in_channels=1)
    assert {target: latency.median_ms for target, latency in latest.items()} == {"cpu": 10.0, "board": 45.0}


def test_of_a_network_that_a_study_measured_the_latest_in_the_same_setting_is_returned(store):
    for m in (measurement(10.0), measurement(11.0), measurement(90.0, device="another", wall_p90_ms=9.0)):
        store.add_measurement(m)

    def latest_ms(**own_ms):
        found = store.latest(architecture(), num_classes=10, in_channels=1, own_ms=own_ms)
        return found["cpu"].median_ms

    assert latest_ms(cpu=10.0) == 11.0
    assert latest_ms(cpu=90.0) == 90.0
    assert latest_ms(board=10.0) == latest_ms(cpu=3.0) == latest_ms() == 90.0


@pytest.mark.parametrize(
    "other",
    [{"threads": 2}, {"device": "another"}, {"version": "1.32"}, {"dtype": "int8"}, {"target": "phone"}],
)
def test_a_figure_of_another_setting_is_not_taken(store, other):
    store.add_measurement(measurement())
    asked = CONDITIONS | other
    assert store.latency(architecture(), num_classes=10, in_channels=1, conditions=asked) is None
    assert store.measurements(asked) == []


def test_a_figure_for_other_classes_is_not_taken(store):
    store.add_measurement(measurement())
    assert store.latency(architecture(), num_classes=11, in_channels=1, conditions=CONDITIONS) is None


def test_the_hour_does_not_part_figures(store):
    store.add_measurement(measurement(load=7.0, drift=0.3, resolution=32))
    assert len(store.measurements(CONDITIONS | {"load": 0.1})) == 1


def test_the_spread_is_that_of_repeated_measurements(store):
    unknown = store.spread(CONDITIONS)
    for seed in range(5):
        for median_ms in (10.0, 12.0, 10.0, 12.0):
            store.add_measurement(measurement(median_ms, seed=seed))
    assert 0.15 < store.spread(CONDITIONS) < 0.45
    assert unknown < 0.05


def test_the_nominal_reference_is_that_of_a_quiet_hour(store):
    assert store.nominal_ms(CONDITIONS) is None
    for reference_ms in (1.0, 1.01, 1.02, 1.9, 2.0):
        store.add_measurement(measurement(reference_ms=reference_ms))
    assert store.nominal_ms(CONDITIONS) == 1.01


def test_settings_are_listed_by_how_much_is_known(store):
    store.add_measurement(measurement(threads=2))
    for seed in range(3):
        store.add_measurement(measurement(seed=seed))
    assert store.settings() == [CONDITIONS, CONDITIONS | {"threads": 2}]


def test_exports_of_a_study_come_back(store):
    kept = Export(
        architecture=architecture(),
        study="digits 300M",
        trial=12,
        name="net",
        folder="/tmp/x",
        exported_at=NOON,
    )
    store.add_export(kept)
    assert store.exports("digits 300M") == [kept]
    assert store.exports("another") == []


def test_our_tables_live_beside_optunas(url):
    storage = optuna.storages.RDBStorage(url)
    study = optuna.create_study(study_name="s", storage=storage)
    with Store(url) as store:
        store.add_measurement(measurement())
        study.add_trial(optuna.trial.create_trial(value=1.0))
        tables = set(sqlalchemy.inspect(storage.engine).get_table_names())
        assert {"trials", "studies", "alembic_version", "nas_latencies", VERSION_TABLE} <= tables
        assert len(store.measurements(CONDITIONS)) == 1
    storage.engine.dispose()


def test_the_migrations_make_the_tables_that_the_code_describes(connection):
    def ours(name, kind, _parent):
        return kind != "table" or (name.startswith("nas_") and name != VERSION_TABLE)

    options = {"version_table": VERSION_TABLE, "include_name": ours}
    assert compare_metadata(MigrationContext.configure(connection, opts=options), Base.metadata) == []


def test_a_database_of_a_later_version_is_an_error_that_says_so(connection, url):
    connection.exec_driver_sql(f"UPDATE {VERSION_TABLE} SET version_num = 'v99'")
    connection.commit()
    with pytest.raises(StorageError, match=r"have version 'v99'.*Update this package"):
        Store(url)


@pytest.mark.slow
def test_three_processes_create_the_tables_and_write_at_the_same_time(url):
    networks = [architecture(seed).to_json() for seed in range(10)]
    stored = json.dumps(measurement().latency.to_json())
    command = [sys.executable, "-c", WRITER, url, *networks, stored]
    writers = [subprocess.Popen(command) for _ in range(3)]
    assert [w.wait(120) for w in writers] == [0] * 3
    with Store(url) as store:
        found = store.measurements(CONDITIONS)
    assert len(found) == 30
    assert {m.architecture.to_json() for m in found} == set(networks)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("nas.db", "Cannot read the storage 'nas.db': expected a URL"),
        ("mysql://u@h/d", "expected a database of sqlite or postgresql"),
        ("sqlite:////absent/folder/nas.db", "unable to open database file"),
        ("postgresql+psycopg://nas:hidden@127.0.0.1:1/nas", "does not answer as expected"),
        ("postgresql+absent://nas@127.0.0.1:1/nas", "does not answer as expected"),
    ],
)
def test_a_storage_that_cannot_be_used_is_an_error_of_one_line_without_the_password(url, expected):
    with pytest.raises(StorageError, match=expected) as caught:
        Store(url)
    assert "\n" not in str(caught.value)
    assert "hidden" not in str(caught.value)


def test_a_file_that_is_no_database_is_an_error(tmp_path):
    (tmp_path / "nas.db").write_text("not a database, but long enough to have a header of its own, " * 9)
    with pytest.raises(StorageError, match="file is not a database"):
        Store(f"sqlite:///{tmp_path}/nas.db")
