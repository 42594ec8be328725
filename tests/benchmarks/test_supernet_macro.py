"""The benchmark of supernets: its schedules fit their images, and its readings go on after a kill."""

import itertools
import json
import sys
import time
from dataclasses import replace

import numpy as np
import pytest
import torch

from tests.benchmarks.macro_halves import judged_networks, networks_to_read
from tests.benchmarks.macro_runs import run_until
from tests.benchmarks.macro_supernets import SCHEDULES, Readings, Supernet, trained, weights_of
from tests.benchmarks.macro_table import MacroTable
from tests.benchmarks.supernet_macro import MOST_IMAGES
from trials.images.splits import Images, Splits

NAMES = tuple("".join(digits) for digits in itertools.product("012", repeat=8))


def coloured(count):
    """Return images whose brightness is their class."""
    labels = np.arange(count, dtype=np.int64) % 10
    pixels = np.broadcast_to((labels * 25)[:, None, None, None], (count, 16, 16, 3)).astype(np.uint8)
    return Images(images=pixels, labels=labels)


SPLITS = Splits(
    train=coloured(40),
    validation=coloured(20),
    test=coloured(10),
    classes=tuple("0123456789"),
    mean=(0.5, 0.5, 0.5),
    std=(0.3, 0.3, 0.3),
    fingerprint="coloured",
)
TINY = Supernet(schedule="fair", seed=0, images=72, side=16, epoch_images=12)


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_schedule_takes_the_images_that_two_cores_can_train_on(schedule):
    recipe = Supernet(schedule=schedule, seed=0, images=MOST_IMAGES).recipe
    networks = recipe.drawn + 2 * (recipe.rule == "sandwich")
    images = networks * recipe.training.epochs * (recipe.training.epoch_images or 0)
    assert images == pytest.approx(MOST_IMAGES, rel=0.01)


def test_networks_that_are_compared_are_read_in_turns_and_before_the_rest():
    macs = np.random.default_rng(0).integers(40_000_000, 60_000_000, len(NAMES))
    table = MacroTable(names=NAMES, accuracy=np.zeros((len(NAMES), 3)), macs=macs, params=macs)
    judged, chosen, both, every = (
        networks_to_read(table, what) for what in ("judge", "choose", "both", "all")
    )
    assert not {*judged} & {*chosen}
    assert {*both} == {*judged, *chosen}
    assert every[: len(both)] == both
    assert sorted(every) == sorted(NAMES)
    sets = [rows for half in judged_networks(table).values() for rows in half.values()]
    read = {*both[:200]}
    assert all(sum(table.names[row] in read for row in rows) >= 50 for rows in sets)


@pytest.mark.slow
def test_programs_follow_those_that_end_well_and_are_stopped_at_the_deadline(tmp_path):
    def program(does):
        return [sys.executable, "-S", "-c", f"import pathlib, time; {does}"]

    def touch(name):
        return program(f"pathlib.Path({str(tmp_path / name)!r}).touch()")

    chains = [
        (touch("first"), [touch("second"), program("time.sleep(60)")]),
        (program("raise SystemExit(1)"), [touch("never")]),
    ]
    run_until(chains, time.monotonic() + 3)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "second"]


@pytest.mark.slow
def test_a_supernet_is_trained_and_read_and_goes_on_where_it_was_killed(tmp_path):
    cpu = torch.device("cpu")
    trained(TINY, SPLITS, tmp_path, cpu)
    shared = weights_of(TINY, tmp_path, cpu)
    told = json.loads((tmp_path / TINY.name / "training.json").read_text(encoding="utf-8"))
    assert told["images"] == TINY.images
    readings = Readings(tmp_path / "readings.jsonl")
    readings.read(shared, SPLITS, ["00000000", "01000000"], precision="fp32", device=cpu)
    whole = readings.path.read_text(encoding="utf-8")
    readings.path.write_text(whole[:-20], encoding="utf-8")
    assert list(readings.known()) == ["00000000"]
    readings.read(shared, SPLITS, ["00000000", "01000000"], precision="fp32", device=cpu)
    again = readings.known()
    assert again["01000000"]["loss"] == json.loads(whole.splitlines()[-1])["loss"]
    assert again["00000000"]["images"] == 60
    assert replace(TINY, shuffled=True).name != TINY.name
