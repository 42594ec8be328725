"""A file that cannot grow, at the size limit of its process or on a full disk: one line, nothing torn."""

import logging
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest
import torch
from optuna.exceptions import StorageInternalError
from optuna.storages import RDBStorage

import nas
from nas.__main__ import run
from nas.exports.export_folder import export_network
from nas.exports.formats import default_forms
from nas.files.staging import staged_file
from nas.orchestration.study_log import study_log
from nas.ray_backend.connection import cluster_for
from nas.storage.database import storage_errors
from nas.storage.optuna_storage import open_storage
from nas.storage.retry import Retry, is_full, is_outage
from nas.storage.store import Store
from search_spaces.errors import DataError, ExportError, StorageError, UserError
from tests.nas.exports.networks import around_mixer, trained
from tests.nas.storage.test_store import CONDITIONS, measurement
from tests.nas.study.test_study import begin
from trials.datasets import open_images
from trials.training.checkpoint import load_checkpoint, save_checkpoint

CPU = torch.device("cpu")


@contextmanager
def files_of_at_most(most_bytes: int) -> Iterator[None]:
    """Let no file that this process writes be longer than so many bytes; a write beyond fails with EFBIG."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 80 KiB; ``mount -o remount,size=...`` gives it more."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = ["mount", "-t", "tmpfs", "-o", "size=80k", "none", str(place)]
    if os.getuid() != 0 or subprocess.run(mounted, capture_output=True, check=False).returncode:
        pytest.skip("a small disk can only be made by root")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def grown(place: Path) -> None:
    subprocess.run(["mount", "-o", "remount,size=64m", str(place)], check=True)


def fill_up(filler: Path) -> None:
    """Let a file take all room that is left on its disk."""
    with suppress(OSError), filler.open("wb", 0) as file:
        while True:
            file.write(b"x" * 1_024)


def names_in(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def is_sound(file: Path) -> bool:
    with closing(sqlite3.connect(file)) as connection:
        return bool(connection.execute("PRAGMA integrity_check").fetchone() == ("ok",))


def fill(store: Store) -> int:
    """Add measurements until there is no room, and return how many were stored."""
    for count in range(10_000):
        try:
            store.add_measurement(measurement(seed=count))
        except StorageError:
            return count
    raise AssertionError("there was always room")


def test_a_checkpoint_without_room_leaves_the_one_before(tmp_path: Path):
    path = tmp_path / "checkpoint.pt"
    save_checkpoint(path, {"epoch": 1, "weights": torch.zeros(3)})
    with files_of_at_most(8_000), pytest.raises(OSError, match="File too large") as caught:
        save_checkpoint(path, {"epoch": 2, "weights": torch.zeros(10_000)})
    assert is_full(caught.value)
    assert load_checkpoint(path, CPU)["epoch"] == 1
    assert names_in(tmp_path) == {"checkpoint.pt"}
    save_checkpoint(path, {"epoch": 2, "weights": torch.zeros(10_000)})
    assert load_checkpoint(path, CPU)["epoch"] == 2


def test_a_database_at_the_size_limit_says_so_at_once_and_goes_on_later(tmp_path: Path):
    url = f"sqlite:///{tmp_path / 'nas.db'}"
    with Store(url) as store:
        with files_of_at_most(150_000):
            stored = fill(store)
            with pytest.raises(StorageError, match=r"files of up to 146 KiB.*ulimit -f"):
                store.add_measurement(measurement(seed=stored))
        assert len(store.measurements(CONDITIONS)) == stored
        store.add_measurement(measurement(seed=stored))
    with Store(url) as store:
        assert len(store.measurements(CONDITIONS)) == stored + 1
    assert is_sound(tmp_path / "nas.db")


def test_a_search_does_not_wait_for_a_database_at_the_size_limit(tmp_path: Path):
    storage = open_storage(f"sqlite:///{tmp_path / 'nas.db'}")
    study = begin(storage)

    def write() -> None:
        for number in range(10_000):
            study.set_user_attr(f"key {number}", "x" * 2_000)

    waited: list[float] = []
    retry = Retry(lambda _: None, lambda: False, sleep=waited.append)
    with files_of_at_most(300_000):
        with pytest.raises(StorageError, match="A file cannot grow"):
            retry(write)
        with pytest.raises(StorageInternalError) as caught:
            write()
        assert is_full(caught.value)
        assert not is_outage(caught.value)
    assert waited == []
    write_one = begin(storage)
    write_one.set_user_attr("later", 1)
    storage.engine.dispose()
    assert is_sound(tmp_path / "nas.db")


@pytest.mark.parametrize("most_bytes", [0, 4_096, 30_000, 60_000, 100_000, 130_000])
def test_a_database_that_could_not_be_made_is_made_later(tmp_path: Path, most_bytes: int):
    url = f"sqlite:///{tmp_path / 'nas.db'}"

    def made() -> RDBStorage:
        storage = open_storage(url)
        with Store(url) as store:
            store.add_measurement(measurement())
        with storage_errors(url):  # as a search begins
            begin(storage)
        return storage

    with files_of_at_most(most_bytes), pytest.raises(UserError) as caught:
        made()
    assert len(str(caught.value).splitlines()) == 1
    made().engine.dispose()
    assert nas.show(storage=url).study == "mine"
    assert is_sound(tmp_path / "nas.db")


def exported(folder: Path) -> None:
    network = around_mixer("depthwise")
    export_network(
        network,
        folder=folder,
        name="my_net",
        weights=trained(network).state_dict(),
        num_classes=10,
        mean=(0.5,) * 3,
        std=(0.2,) * 3,
        forms=[form for form in default_forms() if form != "training_script"],
    )


@pytest.mark.slow
@pytest.mark.parametrize("most_bytes", [300, 12_000, 40_000])  # what does not fit: code, weights, ONNX
def test_an_export_without_room_leaves_nothing(tmp_path: Path, most_bytes: int):
    with files_of_at_most(most_bytes), pytest.raises(ExportError, match="Nothing was written"):
        exported(tmp_path / "deep" / "net")
    assert names_in(tmp_path) == set()


@pytest.mark.slow
def test_an_export_to_a_full_disk_leaves_nothing_and_goes_on_with_room(small_disk: Path):
    with pytest.raises(ExportError, match="No space left on device"):
        exported(small_disk / "net")
    assert names_in(small_disk) == set()
    grown(small_disk)
    exported(small_disk / "net")
    assert (small_disk / "net" / "my_net.safetensors").exists()


def test_a_report_without_room_leaves_the_one_before(
    small_disk: Path, study_url: str, capsys: pytest.CaptureFixture[str]
):
    report = small_disk / "report.html"
    assert run(["report", "--storage", study_url, "--to", str(report)]) == 0
    before = report.read_text()
    capsys.readouterr()
    fill_up(small_disk / "filler")
    assert run(["report", "--storage", study_url, "--to", str(report)]) == 2
    assert run(["report", "--storage", study_url, "--to", str(small_disk / "new" / "report.md")]) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 2
    assert all("Cannot write the report to" in line for line in told)
    assert report.read_text() == before
    assert names_in(small_disk) == {"filler", "report.html"}


def test_decoded_images_without_room_leave_nothing_and_are_decoded_later(tmp_path: Path):
    cache = tmp_path / "runs" / "images"
    with files_of_at_most(50_000), pytest.raises(DataError, match="has room"):
        open_images("digits", seed=0, cache=cache)
    assert names_in(tmp_path) == set()
    assert len(open_images("digits", seed=0, cache=cache).train) == 1077


DECODE = """
import sys
from pathlib import Path
from search_spaces.errors import DataError
from trials.datasets import open_images
try:
    print(len(open_images("digits", seed=0, cache=Path(sys.argv[1])).train))
except DataError as error:
    sys.exit(f"refused: {error}")
"""


def test_images_on_a_full_disk_are_refused_in_a_line_and_decoded_with_room(small_disk: Path):
    """A page of a mapped file that finds no room ends the process (SIGBUS), if it was not taken before."""

    def decoded() -> "subprocess.CompletedProcess[str]":
        command = [sys.executable, "-c", DECODE, str(small_disk / "images")]
        root = Path(__file__).parents[2]
        return subprocess.run(command, capture_output=True, text=True, check=False, cwd=root)

    done = decoded()
    assert done.returncode == 1, done
    assert "refused: Cannot keep decoded images" in done.stderr
    assert names_in(small_disk) == set()
    grown(small_disk)
    done = decoded()
    assert done.stdout == "1077\n", done.stderr


def test_a_limit_that_ray_cannot_live_with_is_named_before_anything_is_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.chdir(tmp_path)
    with files_of_at_most(800 * 1024):
        assert run(["search", "--budget", "4M-MACs"]) == 2
    told = capsys.readouterr().err
    assert "files of up to 800 KiB, expected at least 76800 KiB" in told
    assert "ulimit -f" in told
    assert len(told.strip().splitlines()) == 1
    assert names_in(tmp_path) == set()
    with cluster_for(None) as none:
        assert none is None


def test_a_command_without_room_says_so_whatever_it_wrote(
    tmp_path: Path, study_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    def renamed(*_: object) -> None:
        (tmp_path / "any file").write_bytes(b"x" * 50_000)

    monkeypatch.setattr("nas.administration.renaming.rename", renamed)
    with files_of_at_most(40_000):
        assert run(["studies", "rename", "mine", "other", "--storage", study_url]) == 2
    told = capsys.readouterr().err
    assert told.startswith("A file cannot grow")
    assert len(told.strip().splitlines()) == 1


def test_a_log_without_room_leaves_lines_out(tmp_path: Path, capfd: pytest.CaptureFixture[str]):
    log = logging.getLogger("nas.anything")
    with study_log(tmp_path), files_of_at_most(300):
        for number in range(20):
            log.info("line %d", number)
    assert capfd.readouterr().err == ""
    assert "line 0" in (tmp_path / "search.log").read_text()
    with study_log(tmp_path):
        log.info("with room")
    assert "with room" in (tmp_path / "search.log").read_text()


@pytest.fixture
def study_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the URL of a storage with a study."""
    url = f"sqlite:///{tmp_path_factory.mktemp('study') / 'nas.db'}"
    storage = open_storage(url)
    begin(storage)
    storage.engine.dispose()
    return url


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path):
    page = tmp_path / "page.html"
    page.write_text("before")
    page.chmod(0o640)

    with pytest.raises(ZeroDivisionError), staged_file(page, "write the page to") as draft:
        draft.write_text(f"torn {1 / 0}")
    assert page.read_text() == "before"
    with staged_file(page, "write the page to") as draft:
        draft.write_text("after")
    assert page.read_text() == "after"
    assert page.stat().st_mode & 0o777 == 0o640
    assert names_in(tmp_path) == {"page.html"}


def test_a_device_is_written_in_place(study_url: str):
    assert run(["report", "--storage", study_url, "--to", "/dev/null", "--format", "md"]) == 0
    assert not Path("/dev/null").is_file()
