"""What a teacher says is computed once, kept, and read by every training that sees the same images."""

import itertools
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from trials.training import output_folders
from trials.training.batches import BatchSource, Preprocessor
from trials.training.learner import Learner
from trials.training.lessons import changes_images, outputs_of
from trials.training.loop import train
from trials.training.output_files import OutputFiles
from trials.training.output_folders import forget
from trials.training.recipe import Recipe
from trials.training.sparse_outputs import SparseOutputs
from trials.training.teacher import OutputPlace, Teacher, what_changes_images

CPU = torch.device("cpu")
PLAIN: dict[str, Any] = {}
CHANGING = {"flip": True, "shift": 0.2, "cutmix": 1.0, "randaugment_rounds": 1, "augmentation_seed": 3}
RECIPES = pytest.mark.parametrize("fields", [PLAIN, CHANGING], ids=["plain", "changing"])

asked: list[int] = []


class Master(nn.Module):
    """A teacher that counts the images it is asked about."""

    mean, std = (0.4, 0.4, 0.4), (0.2, 0.2, 0.2)

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.weight = nn.Parameter(torch.randn(2, 3, generator=generator))

    def forward(self, images):
        if images.abs().sum() > 0 and len(images) > 2:  # not the image that it is tried with
            asked.append(len(images))
        return images.mean((2, 3)) @ self.weight.T


def master():
    return Master()


@pytest.fixture(autouse=True)
def _nobody_asked():
    asked.clear()


def recipe(**fields):
    shared = {"epochs": 2, "batch_size": 16, "precision": "fp32", "recalibration_batches": 0}
    return Recipe.from_json({"name": "taught", "teacher": f"{__name__}:master", **shared, **fields})


def trained(small_network, splits, asked_recipe, root=None, *, seed=0, checkpoint=None, epochs=None):
    network = small_network()
    place = None if root is None else OutputPlace(root=root, owner="study")
    results = train(
        network,
        splits,
        asked_recipe,
        resolution=8,
        seed=seed,
        device=CPU,
        teacher_outputs=place,
        checkpoint=checkpoint,
    )
    list(itertools.islice(results, epochs))
    return {name: value.clone() for name, value in network.state_dict().items()}


def same(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


@RECIPES
def test_a_teacher_is_asked_once_and_later_trainings_end_in_the_same_weights(
    fields, small_network, tiny_splits, tmp_path
):
    first = trained(small_network, tiny_splits, recipe(**fields), tmp_path)
    epochs = 2 if fields else 1  # which change the images
    assert sum(asked) == len(tiny_splits.train) * epochs
    asked.clear()
    assert same(first, trained(small_network, tiny_splits, recipe(**fields), tmp_path))
    trained(small_network, tiny_splits, recipe(**fields, learning_rate=1e-3), tmp_path, seed=7)
    assert asked == []
    alone = trained(small_network, tiny_splits, recipe(**fields))
    if fields:
        assert len(asked) == 12  # batch by batch
    assert same(first, alone)


@RECIPES
def test_the_student_sees_what_it_would_see_without_a_teacher(fields, small_network, tiny_splits, tmp_path):
    deaf = trained(small_network, tiny_splits, recipe(**fields, teacher_share=0.0), tmp_path)
    untaught = trained(small_network, tiny_splits, recipe(**fields, teacher=None))
    assert same(deaf, untaught)
    assert not same(deaf, trained(small_network, tiny_splits, recipe(**fields), tmp_path))


@RECIPES
def test_a_training_that_was_killed_ends_in_the_same_weights(fields, small_network, tiny_splits, tmp_path):
    whole = trained(small_network, tiny_splits, recipe(**fields), tmp_path / "a")
    checkpoint = tmp_path / "checkpoint.pt"
    for epochs in (1, None):
        resumed = trained(
            small_network, tiny_splits, recipe(**fields), tmp_path / "b", checkpoint=checkpoint, epochs=epochs
        )
    assert same(whole, resumed)


def test_a_seed_of_its_own_for_each_training_keeps_nothing(small_network, tiny_splits, tmp_path):
    own = {**CHANGING, "augmentation_seed": None}
    trained(small_network, tiny_splits, recipe(**own), tmp_path)
    assert list(tmp_path.iterdir()) == []


@RECIPES
def test_damaged_outputs_are_computed_again(fields, small_network, tiny_splits, tmp_path, caplog):
    first = trained(small_network, tiny_splits, recipe(**fields), tmp_path)
    (folder,) = tmp_path.iterdir()
    kept = sorted(path for path in folder.iterdir() if path.name.startswith(("images", "epoch")))
    content = bytearray(kept[0].read_bytes())
    content[-3] ^= 1
    kept[0].write_bytes(content)
    asked.clear()
    with caplog.at_level(logging.WARNING):
        assert same(first, trained(small_network, tiny_splits, recipe(**fields), tmp_path))
    assert sum(asked) == len(tiny_splits.train)
    assert "damaged, and computed again" in caplog.text
    assert len(caplog.records) == 1


def test_other_images_another_teacher_and_other_changes_have_outputs_of_their_own():
    base = recipe(**CHANGING)
    unlike = {"flip": False, "shift": 0.1, "cutmix": 0.5, "erase": 0.5, "batch_size": 8}
    unlike |= {"augmentation_seed": 4}
    for name, value in unlike.items():
        assert what_changes_images(recipe(**{**CHANGING, name: value})) != what_changes_images(base), name
    for name, value in {"epochs": 9, "learning_rate": 1e-4, "teacher_share": 0.9, "drop_path": 0.1}.items():
        assert what_changes_images(recipe(**{**CHANGING, name: value})) == what_changes_images(base), name


def test_every_field_that_changes_images_is_known_to_change_them():
    """A new field has to be sorted: it changes images, it chooses them, or it leaves them alone."""
    chosen = {"batch_size", "epoch_images", "augmentation_seed"}
    strengths = {"randaugment_magnitude"}
    some = {"shift": 0.1, "flip": True, "randaugment_rounds": 1, "erase": 0.1, "mixup": 0.1, "cutmix": 0.1}
    assert set(what_changes_images(recipe())) == {*chosen, *strengths, *some}
    assert not changes_images(recipe())
    for name, value in some.items():
        assert changes_images(recipe(**{name: value})), name


BATCHES = [torch.arange(start, start + 500) for start in range(0, 5000, 500)]


def shown():
    return (rows.float()[:, None, None, None].expand(-1, 1, 1, 1) for rows in BATCHES)


def said(images):
    return SparseOutputs.of(torch.cat([images, -images], 1).flatten(1) / 1000)


def test_two_at_once_share_the_work(tmp_path):
    both, counted = [], []

    def ask(images):
        time.sleep(0.01)
        counted.append(len(images))
        return said(images)

    def work():
        files = OutputFiles(tmp_path, {"teacher": "slow"})
        found = outputs_of("e", BATCHES, shown, ask, files, classes=2, after_batch=lambda: None)
        both.append(found.dense(torch.arange(5000)))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(counted) == 5000
    assert torch.equal(*both)
    assert torch.equal(both[0], torch.cat([said(x).dense(torch.arange(500)) for x in shown()]))
    assert not list(tmp_path.glob("*/.*"))  # locks and drafts


KILLED = """
import sys, time
from pathlib import Path
from {module} import BATCHES, said, shown
from trials.training.lessons import outputs_of
from trials.training.output_files import OutputFiles

def ask(images):
    print("asked", flush=True)
    time.sleep(0.02)
    return said(images)

files = OutputFiles(Path(sys.argv[1]), {{"teacher": "slow"}})
outputs_of("e", BATCHES, shown, ask, files, classes=2, after_batch=lambda: None)
"""


def test_what_a_killed_process_had_written_is_whole_and_the_rest_is_computed(tmp_path):
    code = KILLED.format(module=__name__.rpartition(".")[2])
    env = {**os.environ, "PYTHONPATH": f"{Path(__file__).parent}:{os.environ.get('PYTHONPATH', '')}"}
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, env=env, text=True
    )
    assert process.stdout is not None
    for _ in range(7):  # three of its files have three batches each: it is within the third
        process.stdout.readline()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    counted = []

    def ask(images):
        counted.append(len(images))
        return said(images)

    files = OutputFiles(tmp_path, {"teacher": "slow"})
    found = outputs_of("e", BATCHES, shown, ask, files, classes=2, after_batch=lambda: None)
    assert 1000 <= sum(counted) <= 3500
    assert torch.equal(
        found.dense(torch.arange(5000)), torch.cat([said(x).dense(torch.arange(500)) for x in shown()])
    )


def test_no_more_is_kept_than_there_is_room_for(small_network, tiny_splits, tmp_path, monkeypatch, caplog):
    old = OutputFiles(tmp_path, {"teacher": "old"})
    with old.claimed("e-0"):
        old.write("e-0", said(torch.zeros(500, 1, 1, 1)))
    monkeypatch.setattr(output_folders, "MOST_BYTES", 1200)
    first = trained(small_network, tiny_splits, recipe(), tmp_path)  # 424 bytes, and what it is about
    assert not old.folder.exists()  # used longest ago
    monkeypatch.setattr(output_folders, "MOST_BYTES", 10)
    with caplog.at_level(logging.WARNING):
        other = trained(small_network, tiny_splits, recipe(), tmp_path / "b")
    assert same(first, other)
    assert "are not kept" in caplog.text
    assert not list(tmp_path.glob("b/*/images*"))


def test_a_disk_that_cannot_be_written_is_no_reason_to_stop(small_network, tiny_splits, tmp_path, caplog):
    (tmp_path / "file").write_text("not a folder")
    with caplog.at_level(logging.WARNING):
        found = trained(small_network, tiny_splits, recipe(), tmp_path / "file")
    assert same(found, trained(small_network, tiny_splits, recipe()))
    assert "are not kept" in caplog.text


def test_outputs_go_with_the_last_study_that_used_them(tmp_path):
    for owner, about in (("a", 1), ("b", 1), ("b", 2)):
        files = OutputFiles(tmp_path, {"teacher": about}, owner)
        with files.claimed("e-0"):
            files.write("e-0", said(torch.zeros(4, 1, 1, 1)))
    forget(tmp_path, "a")
    assert len(list(tmp_path.iterdir())) == 2
    forget(tmp_path, "b")
    assert not tmp_path.exists()
    forget(tmp_path, "b")


class Hungry(nn.Module):
    """A student for which memory lasts for eight images."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, images):
        if len(images) > 8 and self.training:
            raise MemoryError("out of memory")
        return self.layer(images.mean((2, 3)))


@RECIPES
def test_parts_of_a_batch_that_does_not_fit_have_outputs_of_their_own_images(fields, tiny_splits, tmp_path):
    """A part draws other changes than its whole batch, so that kept outputs are of other images."""
    seen = []

    class Keen(Master):
        def forward(self, images):
            seen.append(images.clone())
            return super().forward(images)

    asked_recipe = recipe(**fields, teacher_share=1.0)
    source = BatchSource(tiny_splits.train, CPU)
    prepare = Preprocessor(Master.mean, Master.std, 8, CPU)
    teacher = Teacher(Keen(), prepare, asked_recipe, files=lambda more: OutputFiles(tmp_path, more))
    student = Hungry()
    kept = []
    student.register_forward_pre_hook(lambda _, inputs: kept.append(inputs[0].clone()))
    Learner(student, asked_recipe, source, prepare, classes=2, seed=0, teacher=teacher).learn(1, lambda: None)
    parts = [images for images in kept if len(images) == 8]
    assert len(parts) == 12
    if fields:
        assert [len(images) for images in seen[-12:]] == [8] * 12
        assert all(torch.equal(*pair) for pair in zip(seen[-12:], parts, strict=True))
