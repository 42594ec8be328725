"""Trainings share GPUs as asked, and never spread over parts of two."""

from dataclasses import replace

import pytest
import torch

from nas.resources import Capacity, Machine, capacity_on, fewer_slots, slots_here, slots_on
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


@pytest.mark.parametrize(
    ("cores", "trials", "count", "threads"),
    [
        ([4, 4], 100, 8, 1),
        ([8, 8], 16, 8, 2),
        ([8, 3], 8, 4, 2),  # three cores hold one training of two threads, and one core is left
        ([0, 2, 2], 100, 4, 1),  # a driver with nothing to give
        ([16, 16], 2, 1, 16),  # a training does not spread over machines
        ([1, 1, 1], 2, 1, 1),
    ],
)
def test_cores_of_several_machines_are_given_one_by_one(cores, trials: int, count: int, threads: int):
    machines = [Machine(cpus=n) for n in cores]
    found = slots_on(machines, trials, None, whose="the cluster")
    assert (found.count, found.threads, found.cpus, found.device) == (count, threads, threads, "cpu")
    assert sum(m.cpus // found.cpus for m in machines) >= found.count


@pytest.mark.parametrize(
    ("machines", "share", "count", "threads", "cpus"),
    [
        ([(8, 0), (16, 2), (16, 2)], None, 4, 8, 8),  # the driver's node has no GPU and trains nothing
        ([(16, 1), (32, 4)], 0.5, 10, 4, 4),
        ([(16, 1), (32, 4)], 2.0, 2, 16, 16),  # one GPU of the first node is left over
        ([(0, 4)], None, 4, 1, 0),  # a node that lends its GPUs alone
        ([(8, 0), (2, 4)], None, 4, 1, 0),
    ],
)
def test_gpus_of_several_machines_hold_trainings_where_they_are(machines, share, count, threads, cpus):
    given = [Machine(cpus=c, gpus=g) for c, g in machines]
    found = slots_on(given, 100, share, whose="the cluster")
    assert (found.count, found.threads, found.cpus, found.device) == (count, threads, cpus, "cuda")
    assert [found.fit_in(machine) for machine in given] == [gpus >= found.gpus for _, gpus in machines]


def test_no_gpus_for_each_training_uses_the_cores_of_all_machines():
    found = slots_on([Machine(cpus=2), Machine(cpus=4, gpus=1)], 100, 0.0, whose="the cluster")
    assert (found.count, found.device, found.gpus) == (6, "cpu", 0.0)


@pytest.mark.parametrize(
    ("share", "before", "after", "room"),
    [
        (None, [(4, 0)], [(4, 0), (4, 0)], 8),
        (None, [(4, 0)], [(4, 0)] * 20, 50),  # two trainings for each slot are enough for the sampler
        (None, [(16, 2)], [(16, 2), (4, 2)], 2),  # the new node's cores are too few for what each takes
        (0.5, [(16, 2)], [(16, 2), (64, 4)], 12),
        (None, [(16, 2), (16, 2)], [(16, 2)], 2),
        (None, [(16, 2)], [], 1),
    ],
)
def test_nodes_that_come_and_go_change_how_many_train_and_not_with_what(share, before, after, room):
    chosen = slots_on([Machine(cpus=c, gpus=g) for c, g in before], 100, share, whose="the cluster")
    assert capacity_on([Machine(cpus=c, gpus=g) for c, g in after], 100, chosen) == room
    assert capacity_on([Machine(cpus=c, gpus=g) for c, g in before], 100, chosen) == chosen.count


def test_room_adds_up_to_what_there_was_of_it():
    now_s = 0.0
    room = Capacity(2, clock=lambda: now_s)
    now_s = 10.0
    assert (room.count, room.offered_s) == (2, 20.0)
    room.change(5)
    now_s = 12.0
    assert (room.count, room.offered_s) == (5, 30.0)


def test_what_no_machine_has_is_refused_by_the_name_of_the_cluster():
    machines = [Machine(cpus=8), Machine(cpus=8, gpus=2), Machine(cpus=8, gpus=2)]
    with pytest.raises(InvalidValueError, match="expected 0 to 2, the GPUs of one node of the Ray cluster"):
        slots_on(machines, 16, 3.0, whose="the Ray cluster at 'head:6379'")
    with pytest.raises(InvalidValueError, match=r"Nothing can be trained on the Ray cluster at 'head:6379'"):
        slots_on([Machine(cpus=0)], 16, None, whose="the Ray cluster at 'head:6379'")


@pytest.mark.parametrize(
    ("cores", "count", "expected"),
    [([8], 1, (1, 8)), ([8], 3, (3, 2)), ([4, 4], 1, (1, 4)), ([4, 4], 8, (8, 1)), ([2], 9, (2, 1))],
)
def test_fewer_trainings_share_the_cores_of_more_as_if_they_had_been_chosen_first(
    cores, count: int, expected
):
    machines = [Machine(cpus=n) for n in cores]
    found = fewer_slots(machines, slots_on(machines, 100, None, whose="the cluster"), count)
    assert (found.count, found.threads) == expected
    assert found.cpus == found.threads


def test_fewer_trainings_on_gpus_keep_what_each_has():
    machine = Machine(cpus=8, gpus=4)
    slots = slots_on([machine], 100, None, whose="this machine")
    assert fewer_slots([machine], slots, 2) == replace(slots, count=2)
