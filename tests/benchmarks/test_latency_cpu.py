"""Latency on this host's processor: how well it repeats, and how well it is foretold.

Measurements are kept in ``$NAS_STORAGE`` where that is set, so that an interrupted benchmark goes on.
"""

import os
from datetime import UTC, datetime

import numpy as np
import pytest
import torch
from scipy.stats import spearmanr

import search_spaces
from nas.storage.records import Measurement
from nas.storage.store import Store
from nas.surrogates.latency_model import learn
from nas.surrogates.latency_operations import operations
from search_spaces.architecture import Architecture
from tests.benchmarks.filing import file_result
from trials.latency_measurement import measure, probe
from trials.training.seeding import seeded_build

SEED = 7
REPEATED = 40
HELD_OUT, PASSES = 100, 3
LEARNT = (50, 200)
CARRIED = 10

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(3600)]


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("latency")
    with Store(os.environ.get("NAS_STORAGE") or f"sqlite:///{folder}/nas.db") as opened:
        yield opened


def network(number):
    return search_spaces.load("hybrid_small").sample(np.random.default_rng([SEED, number]))


def described(numbers):
    return [operations(network(i), num_classes=10, in_channels=1) for i in numbers]


def passes(store, numbers, count, target="cpu"):
    """Return the medians of `count` independent passes over some networks, ms, [networks, passes]."""
    setting = probe(target)
    kept: dict[Architecture, list[float]] = {}
    for m in store.measurements(setting):
        kept.setdefault(m.architecture, []).append(m.latency.median_ms)
    for number in range(count):
        for i in numbers:
            found = kept.setdefault(network(i), [])
            if len(found) <= number:
                found.append(measured(store, network(i), target, setting).median_ms)
    return np.array([kept[network(i)][:count] for i in numbers])


def measured(store, architecture, target, setting):
    built = seeded_build(lambda: search_spaces.build(architecture, num_classes=10, in_channels=1), 0)
    latency = measure(
        built,
        resolution=architecture.resolution,
        in_channels=1,
        target=target,
        nominal_ms=store.nominal_ms(setting),
    )
    store.add_measurement(
        Measurement(
            architecture=architecture,
            num_classes=10,
            in_channels=1,
            latency=latency,
            measured_at=datetime.now(UTC),
        )
    )
    return latency


def test_two_passes_agree(store):
    first, second = passes(store, range(REPEATED), 2).T
    apart = np.abs(first - second) / ((first + second) / 2)
    rank = spearmanr(first, second).statistic
    kept = [m.latency for m in store.measurements(probe("cpu"))]
    loads = [float(latency.conditions["load"]) for latency in kept]
    file_result(
        "latency_repeatability",
        command="pytest -m benchmark tests/benchmarks/test_latency_cpu.py -k two_passes",
        seed=SEED,
        lines=[
            f"Two passes over {REPEATED} random `hybrid_small` networks of {first.min():.2f} to "
            f"{first.max():.2f} ms on `cpu`, one thread, fp32.",
            "",
            "| what | value |",
            "| --- | --- |",
            f"| Spearman between the passes | {rank:.4f} |",
            f"| median absolute difference | {np.median(apart):.1%} |",
            f"| nine of ten differ by less than | {np.quantile(apart, 0.9):.1%} |",
            f"| measurements marked unstable | {np.mean([not latency.stable for latency in kept]):.1%} |",
            f"| load of the machine meanwhile, median | {np.median(loads):.1f} |",
        ],
    )
    assert rank >= 0.98
    assert np.median(apart) <= 0.025


def test_measured_networks_foretell_others(store):
    held_out = described(range(HELD_OUT))
    truth_ms = np.median(passes(store, range(HELD_OUT), PASSES), axis=1)
    numbers = range(HELD_OUT, HELD_OUT + max(LEARNT))
    networks, latencies_ms = described(numbers), passes(store, numbers, 1)[:, 0]
    rows, within = [], {}
    for n in LEARNT:
        found = learn(networks[:n], latencies_ms[:n]).predict(held_out)
        error = np.abs(found.mean_ms / truth_ms - 1)
        holds = np.mean(np.abs(found.mean_ms - truth_ms) <= 1.645 * found.stddev_ms)
        rank = spearmanr(found.mean_ms, truth_ms).statistic
        within[n] = np.mean(error <= 0.1)
        rows.append(f"| {n} | {within[n]:.1%} | {np.median(error):.1%} | {rank:.4f} | {holds:.1%} |")
    file_result(
        "latency_model_cpu",
        command="pytest -m benchmark tests/benchmarks/test_latency_cpu.py -k foretell",
        seed=SEED,
        lines=[
            f"{HELD_OUT} held-out random `hybrid_small` networks on `cpu`, medians of {PASSES} passes.",
            "",
            "| measured | within ±10 % | median error | Spearman | 90 % intervals hold |",
            "| --- | --- | --- | --- | --- |",
            *rows,
        ],
    )
    assert within[50] >= 0.85
    assert within[200] >= 0.95


def test_ten_measurements_carry_fp32_over_to_int8(store):
    numbers = range(HELD_OUT, HELD_OUT + LEARNT[0])
    known = learn(described(numbers), passes(store, numbers, 1)[:, 0])
    few, rest = range(CARRIED), range(CARRIED, REPEATED)
    carried = learn(described(few), passes(store, few, 1, "cpu:dtype=int8")[:, 0], source=known)
    truth_ms = passes(store, rest, 1, "cpu:dtype=int8")[:, 0]
    rank = spearmanr(carried.predict(described(rest)).mean_ms, truth_ms).statistic
    file_result(
        "latency_transfer_int8",
        command="pytest -m benchmark tests/benchmarks/test_latency_cpu.py -k carry",
        seed=SEED,
        lines=[
            f"From {LEARNT[0]} fp32 measurements and {CARRIED} of int8, {len(rest)} other int8 networks: "
            f"Spearman {rank:.4f}.",
        ],
    )
    assert rank >= 0.95
