"""What a data set of 50,000 images costs eight trials that train on it at once."""

import contextlib
import multiprocessing
import statistics
import time
from pathlib import Path

import pytest
import torch

from tests.benchmarks.filing import file_result
from tests.benchmarks.test_training_speed import RECIPE, network
from trials.datasets import DATASETS, open_images
from trials.training.batches import BatchSource, Preprocessor
from trials.training.learner import Learner

CIFAR = Path("../shared/data/cifar10")
WORKERS, SEED, STEPS = 8, 0, 3
CPU = torch.device("cpu")
MIB = 2**20


def memory_kib(kind):
    """Return what the kernel counts for this process, KiB; ``Pss`` divides shared pages by sharers."""
    lines = Path("/proc/self/smaps_rollup").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{kind}:"))


def work(cache, meeting, told):
    list(DATASETS.values())  # the libraries that read formats are no images
    before = memory_kib("Pss")
    meeting.wait()
    began = time.perf_counter()
    splits = open_images(str(CIFAR), seed=SEED, cache=cache)
    seconds = time.perf_counter() - began
    touched = int(splits.train.images[:, ::8].sum())  # every page
    meeting.wait()
    grown = memory_kib("Pss") - before
    meeting.wait()
    train_a_little(splits)
    meeting.wait()
    training = memory_kib("Rss"), memory_kib("Pss")
    meeting.wait()
    told.put((seconds, grown / 1024, touched, splits.fingerprint, *training))


class EnoughError(Exception):
    """Enough steps were made."""


def train_a_little(splits):
    """Make a few steps as a trial does, so that all of its memory is taken."""
    torch.set_num_threads(1)
    model, side = network()
    model.to(memory_format=torch.channels_last)
    feed, prepare = BatchSource(splits.train, CPU), Preprocessor(splits.mean, splits.std, side, CPU)
    learner = Learner(model, RECIPE, feed, prepare, classes=10, seed=SEED, teacher=None)
    steps = []

    def after_step():
        steps.append(1)
        if len(steps) == STEPS:
            raise EnoughError

    with contextlib.suppress(EnoughError):
        learner.learn(1, after_step)


@pytest.mark.benchmark
@pytest.mark.timeout(1_800)
@pytest.mark.skipif(not CIFAR.exists(), reason=f"CIFAR-10 is not at {CIFAR}")
@pytest.mark.skipif(not Path("/proc/self/smaps_rollup").exists(), reason="memory is told by Linux only")
def test_eight_workers_decode_once_and_share_the_pixels(tmp_path):
    context = multiprocessing.get_context("spawn")
    meeting, told = context.Barrier(WORKERS), context.Queue()
    workers = [context.Process(target=work, args=(tmp_path, meeting, told)) for _ in range(WORKERS)]
    for worker in workers:
        worker.start()
    found = [told.get(timeout=900) for _ in workers]
    for worker in workers:
        worker.join()
    pixels = 60_000 * 32 * 32 * 3 / MIB
    grown = [megabytes for _, megabytes, *_ in found]
    resident, shared = ([trial[place] / 1024 for trial in found] for place in (4, 5))
    lines = [
        f"CIFAR-10, 60,000 images, {pixels:.0f} MiB of pixels, opened by {WORKERS} processes at once.",
        "",
        "| what | value |",
        "| --- | --- |",
        f"| decoded data sets in the cache | {len(list(tmp_path.glob('[!.]*')))} |",
        f"| time until all have it | {max(seconds for seconds, *_ in found):.1f} s |",
        f"| memory per process, shared pages divided | {statistics.median(grown):.0f} MiB in the median, "
        f"{max(grown):.0f} MiB in the one that decoded |",
        f"| of all processes together | {sum(grown):.0f} MiB |",
        f"| resident memory of a trial that trains | {statistics.median(resident):.0f} MiB |",
        f"| the same, shared pages divided | {statistics.median(shared):.0f} MiB |",
    ]
    file_result("shared_images", command="pytest -m benchmark -k eight_workers", seed=SEED, lines=lines)
    assert len({trial[3] for trial in found}) == 1
    assert len(list(tmp_path.glob("[!.]*"))) == 1
    assert sum(grown) < 4 * pixels
