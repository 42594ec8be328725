"""A command that cannot be done says so in a line, and leaves the working folder as it was."""

from pathlib import Path

import pytest

from nas.__main__ import run

FITS = ("search", "--budget", "4M-MACs")
ABSENT = "ssh://nobody@127.0.0.1:1"
NETWORK = "tinynet_e_106"
RAMP = ("scale", NETWORK, "--budget", "100M-MACs")

IMPOSSIBLE = [
    # a search whose target does not answer
    ((*FITS, "--budget", f"1ms@{ABSENT}"), 2, "cannot be reached"),
    ((*FITS, "--budget", "1ms@command:false"), 2, "ended with status 1"),
    ((*FITS, "--budget", "1ms-p90@command:/no/such"), 2, "Cannot start the command"),
    ((*FITS, "--budget", "1ms@node:10.0.0.7"), 2, "Give --address"),
    # a search that is impossible, for a reason that is known once the images are
    (("search", "--budget", "1k-MACs"), 3, "fits 1k-MACs"),
    ((*FITS, "--seed-with", "resnet50"), 2, "No network is called"),
    ((*FITS, "--learn-from", "other"), 2, "No search in sqlite:///nas.db yet"),
    ((*FITS, "--study", "taken", "--storage-path", "runs"), 2, "holds the trainings of another study"),
    # places that cannot be used
    ((*FITS, "--storage", "sqlite:///gone/nas.db"), 2, "gone' is no folder"),
    ((*FITS, "--storage", "sqlite:///notes.txt"), 2, "file is not a database"),
    ((*FITS, "--storage-path", "/dev/null/x"), 2, "expected a folder"),
    ((*FITS, "--storage-path", "notes.txt"), 2, "is a file, expected a folder"),
    ((*FITS, "--data", "one"), 2, "Cannot recognise the format"),
    ((*FITS, "--data", "uneven"), 2, "one class"),
    # measurements
    (("measure", NETWORK, "--on", "command:false"), 2, "ended with status 1"),
    (("measure", NETWORK, "--on", ABSENT), 2, "cannot be reached"),
    (("measure", NETWORK, "--on", "node:10.0.0.7"), 2, "Give --address"),
    (("measure", NETWORK, "--storage", "sqlite:///gone/nas.db"), 2, "gone' is no folder"),
    (("measure", NETWORK, "--to", "notes.txt/x.html"), 2, "Cannot write the roofline"),
    (("measure", NETWORK, "--to", "one"), 2, "it is a folder"),
    # what fits, and how well short trainings rank
    (("profile", "--data", "digits", "--budget", "1k-MACs"), 3, "fits 1k-MACs"),
    (("profile", "--proxy", "--budget", "1k-MACs"), 3, "fits 1k-MACs"),
    (("profile", "--proxy", "--networks", "2"), 2, "expected --networks of at least"),
    (("profile", "--proxy", "--recipe", "full"), 2, "with itself"),
    (("profile", "--proxy", "--seed", "-1"), 2, "expected at least 0"),
    (("profile", "--proxy", "--storage-path", "notes.txt"), 2, "is a file, expected a folder"),
    # files that cannot be written, known before hours of work
    (("scale", NETWORK, "--budget", "1k-MACs", "--to", "family"), 3, "fits 1k-MACs"),
    ((*RAMP, "--to", "notes.txt/family"), 2, "Cannot write the family"),
    ((*RAMP, "--rule", "x3d", "--train", "--seed", "-1", "--to", "family"), 2, "expected at least 0"),
    (("bench", "--table", "gone.json", "--plot", "plots/regret.html"), 2, "Cannot read the table"),
    (("bench", "--table", "gone.json", "--plot", "one"), 2, "it is a folder"),
    (("explain", "--to", "why"), 2, "No search in"),
    (("report", "--to", "reports/report.html"), 2, "No search in"),
    (("export", "--to", "nets/mine"), 2, "No search in"),
    (("retrain",), 2, "No search in"),
]


def state_of(folder: Path) -> dict[str, bytes | None]:
    """Return what is in a folder: the content of each file, None for a folder."""
    return {str(p.relative_to(folder)): p.read_bytes() if p.is_file() else None for p in folder.rglob("*")}


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with a few things in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("NAS_STORAGE", raising=False)
    (tmp_path / "notes.txt").write_text("no database\n" * 30)
    (tmp_path / "one" / "cat").mkdir(parents=True)
    (tmp_path / "uneven" / "cat").mkdir(parents=True)
    (tmp_path / "uneven" / "cat" / "0.png").write_bytes(b"none")
    kept = tmp_path / "runs" / "taken" / "trials" / "0"
    kept.mkdir(parents=True)
    (kept / "checkpoint.pt").write_bytes(b"of another search")
    return tmp_path


@pytest.mark.parametrize(
    ("words", "status", "expected"), IMPOSSIBLE, ids=lambda v: " ".join(v) if isinstance(v, tuple) else ""
)
def test_what_is_impossible_leaves_the_folder_as_it_was(
    words: tuple[str, ...], status: int, expected: str, desk: Path, capsys: pytest.CaptureFixture[str]
):
    before = state_of(desk)
    assert run(list(words)) == status
    told = capsys.readouterr().err
    assert expected in told
    assert len(told.strip().splitlines()) == 1
    assert state_of(desk) == before


def test_a_storage_in_a_folder_that_one_may_not_look_into_is_named(
    desk: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    real = Path.exists

    def exists(path: Path, **options: bool) -> bool:
        if path.name == "closed.db":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, **options)

    monkeypatch.setattr(Path, "exists", exists)  # root may look into every folder
    for words in (["show"], ["studies"], ["measure", NETWORK], [*FITS]):
        assert run([*words, "--storage", "sqlite:///closed.db"]) == 2
        told = capsys.readouterr().err
        assert "Permission denied" in told
        assert len(told.strip().splitlines()) == 1
    assert not (desk / "nas-runs").exists()


def test_a_measurement_is_stored_once_there_is_one(desk: Path, capsys: pytest.CaptureFixture[str]):
    (desk / "phone.sh").write_text(
        "#!/bin/sh\necho '{\"times_ms\": [4.0, 4.1, 4.0, 4.2, 4.1, 4.0, 4.1, 5.0]}'\n"
    )
    (desk / "phone.sh").chmod(0o755)
    assert run(["measure", NETWORK, "--on", f"command:{desk / 'phone.sh'}"]) == 0
    assert "between_run_spread" in capsys.readouterr().out
    assert (desk / "nas.db").exists()
    assert run(["show"]) == 2  # measurements are no search
    assert "No search in" in capsys.readouterr().err
