"""What is wrong with the supernet of a study is named; one in progress is not wrong; its files go with it."""

from dataclasses import replace
from pathlib import Path

import optuna

import nas
from nas.__main__ import run
from nas.administration import renaming, study_admin
from nas.administration.consistency import findings
from nas.coordination.leases import Driver, Leases
from nas.coordination.trial_ownership import EVALUATION
from nas.files.supernet_file import about_source
from nas.storage.optuna_internals import study_id_of
from nas.storage.optuna_storage import open_storage
from nas.storage.store import Store
from nas.study import study as studies
from nas.study.expected_values import ExpectedValues, store_expected
from nas.study.places import folder_of
from nas.study.supernet_record import store_so_far
from tests.nas.study.test_study import SETTINGS
from trials.training.checksum import write_checksum

ABOUT = {
    "band": [100_000, 300_000],
    "recipe": {"rule": "sandwich", "training": {"epochs": 8}},
    "trained": True,
}


def begun(storage, folder: Path, name: str = "mine", **changes) -> optuna.Study:
    settings = replace(SETTINGS, evaluator="supernet", **changes)
    images = {"classes": ["a", "b"], "channels": 1, "mean": [0.5], "std": [0.5]}
    with Store(storage.url):
        pass
    (folder / name).mkdir(parents=True)
    return studies.begin(
        storage,
        name,
        settings,
        sampler=optuna.samplers.RandomSampler(),
        pruner=optuna.pruners.NopPruner(),
        images=images,
        folder=str(folder / name),
    )


def read(study: optuna.Study, /, **about) -> None:
    found = {**ABOUT, "images": 4_000, **about}
    store_expected(
        study, ExpectedValues(source="supernet", codes=[[0]], values=[0.5], budgets=(), about=found)
    )


def trained(study: optuna.Study) -> Path:
    """Give a study a supernet's file."""
    path = Path(folder_of(study)) / "supernet" / "supernet.safetensors"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"weights")
    write_checksum(path)
    return path


def problems(study: optuna.Study, storage) -> list[str]:
    return [finding.problem for finding in findings(study, storage.url)]


def test_a_supernet_half_trained_is_shown_and_in_order_until_its_checkpoint_is_lost(
    storage, tmp_path, capsys
):
    study = begun(storage, tmp_path / "runs")
    checkpoint = Path(folder_of(study)) / "supernet" / "checkpoint.pt"
    checkpoint.parent.mkdir(parents=True)
    assert problems(study, storage) == []  # not begun
    store_so_far(study, {**ABOUT, "epochs_done": 2.5, "images": 1_200_000, "read": 0})
    assert any("its supernet was trained for 2.5 epochs" in one for one in problems(study, storage))
    checkpoint.write_bytes(b"nas-ckp\x01 cut short")
    (problem,) = problems(study, storage)
    assert problem.endswith("The search trains its supernet from the start")
    assert run(["studies", "check", "mine", "--storage", storage.url]) == 2
    assert (
        "mine: its supernet is trained for 2.5 of 8 epochs; the same search goes" in capsys.readouterr().out
    )
    (checkpoint.parent / ".checkpoint.pt-12345678").touch()
    assert any("killed while it wrote" in one for one in problems(study, storage))

    assert run(["show", "mine", "--storage", storage.url]) == 0
    shown = " ".join(capsys.readouterr().out.split())
    assert "Supernet trained for 2.5 of 8 epochs by sandwich, 1.2M images through networks; for" in shown
    assert "networks of 100k to 300k MACs" in shown
    assert run(["studies", "--storage", storage.url]) == 0
    assert "supernet 31% trained" in " ".join(capsys.readouterr().out.split())
    (listed,) = nas.studies(storage=storage.url)
    assert listed.to_json()["supernet"]["epochs"] == 2.5


def test_missing_damaged_and_other_files_of_a_trained_supernet_are_named(storage, tmp_path):
    study = begun(storage, tmp_path / "runs")
    path = trained(study)
    digest = "0a8c6d9b0bbd9c7c1b1e7a3a63f6dd6b7f2a7a2c4a2c4c5b5f0b4f1f6d0c9a7e"
    read(study)
    assert problems(study, storage) == []
    read(study, weights=digest)
    assert ["is not the one whose readings it has" in one for one in problems(study, storage)] == [True]
    path.write_bytes(b"half")
    assert ["is damaged: its checksum is another" in one for one in problems(study, storage)] == [True]
    (path.parent / "checkpoint.pt").touch()
    assert any("is trained, and" in one for one in problems(study, storage))
    (path.parent / "checkpoint.pt").unlink()
    path.unlink()
    assert ["supernet.safetensors' is missing: its own" in one for one in problems(study, storage)] == [True]


def test_who_uses_the_supernet_of_another_study_follows_its_name_and_misses_it(
    storage, tmp_path, monkeypatch
):
    owner, user = (
        begun(storage, tmp_path / "runs"),
        begun(storage, tmp_path / "runs", "user", supernet="mine"),
    )
    trained(owner)
    read(owner)
    read(user, trained=False, **about_source(owner))
    assert problems(user, storage) == []
    renaming.rename(storage, "mine", "ours")
    assert studies.settings_of(studies.find(storage, "user")).supernet == "ours"
    shown = nas.show("user", storage=storage.url).supernet
    assert shown is not None
    assert (shown.study, shown.images, shown.epochs) == ("ours", 4_000, 8)
    assert problems(user, storage) == []
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    asked: list[str] = []
    monkeypatch.setattr("typer.confirm", lambda question, **_: asked.append(question))
    run(["studies", "delete", "ours", "--storage", storage.url])
    assert asked[0].startswith("user use its supernet, and keep its readings alone. Delete 'ours'")
    study_admin.delete(storage, "ours")
    assert not (tmp_path / "runs" / "ours").exists()
    (problem,) = problems(user, storage)
    assert problem.startswith("its readings are of the supernet of 'ours', and that study is gone")


def test_the_lease_of_an_evaluator_at_work_is_in_order(postgresql_database, tmp_path):
    storage = open_storage(postgresql_database)
    study = begun(storage, tmp_path / "runs")
    driver = Driver(id="d", host="elsewhere", process=1, machine="elsewhere 1")
    with Leases(postgresql_database, study_id_of(study), driver) as leases:
        leases.take(EVALUATION)
        assert problems(study, storage) == []
        read(study)
        trained(study)
        assert problems(study, storage) == ["its evaluator has a lease but has ended"]
    storage.engine.dispose()
