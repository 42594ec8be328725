"""Whether pages stay usable at 5,000 trials, in a real SQLite file served by the real dashboard."""

import gzip
import json
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState, create_trial

import search_spaces
from dashboards.figures import drawn
from dashboards.launch import dashboard_server
from dashboards.reports import REPORTS
from dashboards.weaving import Weaver
from nas.explainer import explained
from nas.gathering import Gatherer
from nas.problem import distribution_of
from nas.settings import Settings, space_digest
from nas.storage.opening import open_storage
from nas.storage.store import Store
from nas.study import begin, keep_space
from tests.benchmarks.filing import file_result
from trials.recipes import load_recipe

pytestmark = [pytest.mark.benchmark, pytest.mark.timeout(0)]

TRIALS = 5_000


def long_search(folder: Path) -> str:
    """Return the storage URL of a search with 5,000 trials, as nas search writes them."""
    url = f"sqlite:///{folder / 'nas.db'}"
    storage = open_storage(url)
    space = search_spaces.load("hybrid_small")
    settings = Settings(
        space=space.name,
        space_digest=space_digest(space),
        budgets=("300M-MACs",),
        data="digits",
        data_fingerprint="0",
        recipe=load_recipe("proxy").to_json(),
        sampler="factor_gp",
        seed=0,
    )
    study = begin(
        storage,
        "long",
        settings,
        sampler=optuna.samplers.RandomSampler(),
        pruner=optuna.pruners.NopPruner(),
        images={"classes": list("0123456789"), "channels": 1, "mean": [0.5], "std": [0.5]},
        folder=str(folder / "runs"),
    )
    keep_space(study, space)
    rng = np.random.default_rng(0)
    study.add_trials([a_trial(space, rng, number) for number in range(TRIALS)])
    storage.engine.dispose()
    return url


def a_trial(space, rng, number):
    """Return one trial as `nas.record` writes it."""
    architecture = space.sample(rng)
    costs = search_spaces.count(architecture, num_classes=10, in_channels=1, deploy=True)
    whole = number % 3 == 0
    steps = range(1, 7 if whole else 3)
    accuracy = float(rng.uniform(0.7, 0.98))
    curve = {step: accuracy * (0.8 + 0.2 * step / 6) for step in steps}
    began_s = 1.76e9 + 20 * number
    return create_trial(
        params=space.params(architecture),
        distributions={choice.name: distribution_of(choice) for choice in space.choices},
        value=curve[steps[-1]] if whole else None,
        state=TrialState.COMPLETE if whole else TrialState.PRUNED,
        intermediate_values=curve,
        system_attrs={"constraints": [costs.macs / 300e6 - 1]},
        user_attrs={
            "macs": costs.macs,
            "params": costs.params,
            "activations": costs.activations,
            "peak_bytes": costs.peak,
            "weights_bytes": costs.weights,
            "fingerprint": architecture.fingerprint,
            "architecture": architecture.to_json(),
            "standard_errors": {str(step): 0.009 for step in steps},
            "epochs": {str(step): [began_s + 3 * step, 3.0, 0.8] for step in steps},
            "seconds": 3.0 * len(steps),
            "device": "NVIDIA L4",
            "latency_ms@cpu": float(rng.uniform(1, 9)),
            "latency_predicted_ms@cpu": [float(rng.uniform(1, 9)), 0.3],
        },
    )


def asked(address: str) -> tuple[float, dict[str, Any]]:
    """Return the seconds that an answer takes, and the answer."""
    began_s = time.perf_counter()
    with urllib.request.urlopen(address, timeout=300) as answer:
        body = answer.read()
    return time.perf_counter() - began_s, json.loads(body)


def test_five_thousand_trials_stay_usable(tmp_path: Path):
    url = long_search(tmp_path)
    lines = ["| what | figure | goal |", "| --- | ---: | ---: |"]
    storage = open_storage(url)
    with Store(url) as store:
        began_s = time.perf_counter()
        gatherer = Gatherer(storage, store, lambda study, _: explained(study))
        findings = gatherer.of(optuna.load_study(study_name="long", storage=storage))
        gathered_s = time.perf_counter() - began_s
        (path,) = REPORTS["html"](findings, tmp_path / "report.html")
        report_s, size = time.perf_counter() - began_s, path.stat().st_size
        began_s = time.perf_counter()
        figures = drawn(findings)
        weighs_kb = sum(len(figure.to_json()) for figure in figures.values()) / 1e3
        figures_s = time.perf_counter() - began_s
        lines += [
            f"| report written, reading the study included | {report_s:.1f} s | 10 s |",
            f"| of that, reading | {gathered_s:.1f} s | |",
            f"| its size | {size / 1e6:.1f} MB | 10 MB |",
            f"| data of all {len(figures)} figures | {figures_s:.2f} s, {weighs_kb:.0f} kB | 2 s |",
        ]
        cached = optuna.storages.get_storage(storage)
        live = Gatherer(cached, store)
        with dashboard_server(storage, port=0, gather=live.by_id) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.05,))
            thread.start()
            page = f"http://127.0.0.1:{server.server_port}/api/studies/1"
            first_s, answer = asked(page)
            again_s, _ = asked(page)
            polled_s, _ = asked(f"{page}?after={TRIALS - 10}")
            server.shutdown()
            thread.join()
        weaver = Weaver(live.by_id)
        began_s = time.perf_counter()
        weaver.best(1)
        refreshed_s = time.perf_counter() - began_s
    assert len(answer["trials"]) == TRIALS
    assert all(trial["note"]["body"] for trial in answer["trials"])
    whole = len(gzip.compress(json.dumps(answer).encode(), 1))
    lines += [
        f"| figures and notes made anew in the dashboard | {refreshed_s:.2f} s | |",
        f"| dashboard: the first page of all trials | {first_s:.1f} s ({whole / 1e6:.1f} MB compressed) | |",
        f"| dashboard: the same again | {again_s:.1f} s | |",
        f"| dashboard: what an open page asks for every 10 s | {polled_s:.2f} s | |",
    ]
    storage.engine.dispose()
    file_result(
        "seeing_5000_trials",
        command="pytest -m benchmark tests/benchmarks/test_seeing_speed.py",
        seed=0,
        lines=[
            *lines,
            "",
            f"Explanation of factors: {'included' if findings.explanation else 'not included'}.",
        ],
    )
    assert report_s <= 10, lines
    assert size <= 10e6, lines
    assert figures_s <= 2, lines
