"""Trainings share GPUs as asked, and never spread over parts of two."""

import pytest
import torch

from nas.slots import slots_here
from search_spaces.errors import InvalidValueError


@pytest.fixture
def gpus(monkeypatch: pytest.MonkeyPatch):
    def are(count: int) -> None:
        monkeypatch.setattr(torch.cuda, "device_count", lambda: count)

    return are


@pytest.mark.parametrize(
    ("count", "share", "slots"),
    [(1, None, 1), (1, 0.25, 4), (2, 0.5, 4), (2, 0.4, 4), (4, 2.0, 2), (3, 2.0, 1), (1, 0.1, 10)],
)
def test_a_share_of_a_gpu_sets_how_many_train_at_once(gpus, count: int, share: float | None, slots: int):
    gpus(count)
    found = slots_here(16, share)
    assert (found.count, found.device) == (slots, "cuda")
    assert found.gpus == (1.0 if share is None else share)


@pytest.mark.parametrize(("count", "share"), [(0, 0.5), (1, 1.5), (2, 3.0), (1, -0.5)])
def test_gpus_that_are_not_there_are_refused(gpus, count: int, share: float):
    gpus(count)
    with pytest.raises(InvalidValueError, match="Choose another --gpus-per-trial"):
        slots_here(16, share)


def test_without_a_gpu_cores_are_given_one_by_one(gpus):
    gpus(0)
    found = slots_here(100, None)
    assert (found.device, found.gpus, found.threads) == ("cpu", 0.0, 1)
