"""Ten searches under a latency that half of a space misses, each winner measured again in a new process.

By ONNX Runtime and by LiteRT on this host. How close the winners come to the budget is claimed for the former
alone: the latency that half of the space misses is measured minutes before, and a busy host makes it longer.
"""

import json

import numpy as np
import pytest

import search_spaces
from nas.storage.store import Store
from tests.benchmarks.filing import file_result
from tests.end_to_end.conftest import Desk
from trials.latency_measurement import measure, probe

SEARCHES = 10
TRIALS = 4
DRAWN = 31
CLASSES, CHANNELS = 10, 1  # digits

# Its networks differ by little more than 10 %, so that whatever is delivered lies close to the budget.
SPACE = """
version: 1
name: narrow
resolution: 32
network: pyramid
options: {stem_channels: 64, stem_stride: 1, head_channels: 256}
stages:
  - channels: 64
    depth: 2
    stride: 2
    options: {mixer: depthwise, kernel: [3, 5, 7], expansion: 4}
  - channels: 96
    depth: 2
    stride: 2
    options: {mixer: depthwise, kernel: [3, 5, 7], expansion: [3, 4]}
  - channels: 128
    depth: 2
    stride: 2
    options: {mixer: [depthwise, separable_attention], kernel: [3, 5, 7], expansion: [3, 4]}
"""

RESULTS = {"cpu": "latency_guarantee", "cpu:runtime=litert": "latency_guarantee_litert"}

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(7200)]


def median_ms(file, target):
    """Return the median latency of random networks of a space on a target."""
    space, found = search_spaces.load(str(file)), []
    for i in range(DRAWN):
        architecture = space.sample(np.random.default_rng(i))
        network = search_spaces.build(architecture, num_classes=CLASSES, in_channels=CHANNELS)
        resolution = architecture.resolution
        latency = measure(network, resolution=resolution, in_channels=CHANNELS, target=target)
        found.append(latency.median_ms)
    return float(np.median(found))


@pytest.mark.parametrize("target", RESULTS)
def test_every_delivered_network_meets_its_latency_when_measured_again(tmp_path, target):
    if "litert" in target:
        pytest.importorskip("litert_torch", reason="needs the extra litert")
    desk = Desk(tmp_path)
    (tmp_path / "narrow.yaml").write_text(SPACE)
    limit_ms = round(median_ms(tmp_path / "narrow.yaml", target), 4)
    budget = f"{limit_ms}ms@{target}"
    again = []
    for seed in range(SEARCHES):
        words = ("--space", "narrow.yaml", "--budget", budget, "--seed", str(seed), "--study", f"s{seed}")
        ended = desk.search(*words, "--trials", str(TRIALS))
        assert ended.status == 0, ended.err
        measured = desk.nas("measure", f"s{seed}", "--on", target, "--json")
        assert measured.status == 0, measured.err
        again.append(json.loads(measured.out))

    trials = desk.trials()
    trained = [trial for trial in trials if trial["curve"]]
    missed = [trial for trial in trials if "misses" in trial["attributes"].get("reason", "")]
    with Store(f"sqlite:///{tmp_path}/nas.db") as store:
        spread = store.spread(probe(target))
    shares = [told["median_ms"] / limit_ms for told in again]
    met = [told["stable"] and told["high_ms"] <= limit_ms for told in again]
    file_result(
        RESULTS[target],
        command="pytest -m benchmark tests/benchmarks/test_latency_guarantee.py",
        seed=f"0 to {SEARCHES - 1}",
        lines=[
            f"{SEARCHES} searches of {TRIALS} networks under {budget}, the median of {DRAWN} random networks "
            f"of a space whose networks differ by little; each winner measured again by `nas measure`.",
            "",
            "| what | value |",
            "| --- | --- |",
            f"| delivered networks whose 95 % interval lies within the budget | {sum(met)} of {SEARCHES} |",
            f"| their medians as shares of the budget | {', '.join(f'{s:.1%}' for s in sorted(shares))} |",
            f"| networks measured and dismissed before any training | {len(missed)} |",
            f"| networks trained | {len(trained)} |",
            f"| of them, recorded as missing the budget | {len([t for t in trained if t in missed])} |",
            f"| between-run spread that was allowed for | {spread:.1%} |",
        ],
    )
    assert all(met)
    assert target != "cpu" or min(shares) >= 0.9
    assert missed
    assert not [trial for trial in trained if trial in missed]
