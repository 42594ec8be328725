"""Latencies are measured once, kept for everybody, and decide what is trained."""

import sys
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from dashboards.result import SearchResult
from nas.ask_tell.candidates import CandidateSource
from nas.bayesopt.space_problem import problem_of
from nas.latency.constraint import LatencyCheck
from nas.latency.measurement_cache import LatencyCache
from nas.reporting.latency_findings import network_latencies
from nas.samplers import SAMPLERS
from nas.storage.records import Measurement
from nas.storage.store import Store
from nas.study import trial_attributes
from nas.study.latest_measurements import with_latencies
from search_spaces.budget import Budget
from search_spaces.errors import NothingFitsError
from tests.nas.opened import opened
from trials.latency.latency import Latency

LATENCY = Latency(
    median_ms=2.0, low_ms=1.9, high_ms=2.1, p90_ms=2.3, stable=True, conditions={"target": "cpu"}
)

FIGURES_MS = ("median_ms", "low_ms", "high_ms", "p90_ms")


@pytest.fixture
def store(tmp_path: Path):
    with Store(f"sqlite:///{tmp_path / 'nas.db'}") as store:
        yield store


@pytest.fixture
def cache(store: Store) -> LatencyCache:
    return LatencyCache(store, num_classes=10, in_channels=1)


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a device that always answers the same times, which this host may be too busy for."""
    script = "import json, sys; print(json.dumps({'times_ms': [4.0, 4.1, 4.0, 4.2, 4.1, 4.0, 4.1, 4.0]}))"
    (tmp_path / "run.py").write_text(script)
    address = f"{sys.executable} {tmp_path / 'run.py'}"
    (tmp_path / "targets.yaml").write_text(
        f"version: 1\ntargets:\n  board: {{kind: command, address: '{address}'}}\n"
    )
    monkeypatch.chdir(tmp_path)
    return "board"


@pytest.mark.parametrize(
    ("limit_ms", "spread", "stable", "fits"),
    [(2.2, 0.0, True, True), (2.2, 0.1, True, False), (2.0, 0.0, True, False), (9.0, 0.0, False, False)],
)
def test_a_latency_holds_with_its_upper_bound_widened_by_the_spread(limit_ms, spread, stable, fits):
    assert (replace(LATENCY, stable=stable).excess(limit_ms, spread) <= 0) is fits


@pytest.mark.slow
def test_a_network_is_measured_once_unless_asked_again(tiny_prices, store: Store, cache: LatencyCache):
    network = tiny_prices.codes.space.sample(np.random.default_rng(0))
    first = cache.time(network, "cpu")
    assert first.median_ms > 0
    if not first.stable:  # on a busy machine; it would rightly be measured again
        first = replace(first, stable=True)
        store.add_measurement(
            Measurement(
                architecture=network,
                num_classes=10,
                in_channels=1,
                latency=first,
                measured_at=datetime.now(UTC),
            )
        )
    assert cache.time(network, "cpu") == first
    again = cache.time(network, "cpu", again=True)
    assert again != first
    assert cache.predict(network, "cpu") is None  # two figures say too little


def test_earlier_measurements_serve_the_quickest_run_and_are_renewed_for_the_wall_clock(
    tiny_prices, store: Store, board: str
):
    said: list[str] = []
    cache = LatencyCache(store, num_classes=10, in_channels=1, report_line=said.append)
    first, second = (tiny_prices.codes.space.sample(np.random.default_rng(i)) for i in range(2))
    earlier = replace(LATENCY, conditions=cache.setting(board))
    for network in (first, second):
        store.add_measurement(
            Measurement(
                architecture=network,
                num_classes=10,
                in_channels=1,
                latency=earlier,
                measured_at=datetime.now(UTC),
            )
        )
    assert cache.time(first, board) == earlier
    assert not said
    for network in (first, second):
        median = cache.of_budget(network, Budget.parse(f"12ms-median@{board}"))
        assert median.median_ms == 4.05
        assert cache.of_budget(network, Budget.parse(f"12ms-median@{board}")) == median  # kept from now on
    assert said == [f"Earlier measurements on {board} have no median of the wall clock: measured anew"]
    assert cache.spread(median) == store.spread(median.conditions)


@pytest.mark.slow
def test_what_misses_its_latency_is_recorded_and_never_trained(
    study: optuna.Study, tiny_prices, cache: LatencyCache, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("nas.ask_tell.candidates._MOST_MISSES", 2)
    budgets = (Budget.parse("500k-MACs"), Budget.parse("0.0001ms@cpu"))
    study.sampler = SAMPLERS["random"](problem_of(tiny_prices, budgets, seed=0))
    with pytest.raises(NothingFitsError, match="None of the last 2 networks of tiny met its latency budget"):
        CandidateSource(opened(study), tiny_prices, budgets, LatencyCheck(cache, print)).next()
    trials = study.get_trials()
    assert len(trials) == 2
    for trial in trials:
        assert trial.state == TrialState.PRUNED
        assert not trial_attributes.trained(trial)
        assert trial.user_attrs["reason"].startswith("misses 0.0001ms@cpu: measured")
        known, latency = trial.system_attrs["constraints"]
        assert known <= 0 < latency


def test_a_winner_that_misses_when_measured_again_no_longer_fits(
    study: optuna.Study, tiny_prices, cache: LatencyCache, tmp_path: Path, board: str
):
    budgets = (Budget.parse("500k-MACs"), Budget.parse(f"50ms@{board}"))
    study.sampler = SAMPLERS["random"](problem_of(tiny_prices, budgets, seed=0))
    candidate = CandidateSource(opened(study), tiny_prices, budgets, LatencyCheck(cache, print)).next()
    study.tell(candidate.number, 0.5)
    network = trial_attributes.network_of(study.get_trials()[0], budgets)
    result = SearchResult(
        study="tiny",
        storage="",
        folder="",
        budgets=(Budget.parse("500k-MACs"), Budget.parse(f"50ms@{board}")),
        space="tiny",
        data="",
        sampler="random",
        seed=0,
        trained=1,
        networks=(network,),
    )
    with Store(f"sqlite:///{tmp_path / 'nas.db'}") as store:
        held = with_latencies(result, store, num_classes=10, in_channels=1)
        assert held.networks[0].fits
        assert held.networks[0].latency_ms is not None
        assert held.networks[0].excess is not None
        assert held.networks[0].excess[f"50ms@{board}"] <= 0
        tight = replace(result, budgets=(Budget.parse("500k-MACs"), Budget.parse(f"0.0001ms@{board}")))
        missed = with_latencies(tight, store, num_classes=10, in_channels=1)
        unmeasured = replace(tight, networks=(replace(network, latency_ms=None),))
        of_others = with_latencies(unmeasured, store, num_classes=1000, in_channels=3)
    assert not missed.networks[0].fits
    assert missed.networks[0].excess is not None
    assert missed.networks[0].excess[f"0.0001ms@{board}"] > 0
    assert missed.best is None
    assert of_others.networks[0].latency_ms is None


@pytest.mark.parametrize("text", ["50ms@board", "50ms-median@board"])
def test_measurements_of_another_machine_do_not_decide_what_fits(
    study: optuna.Study, tiny_prices, cache: LatencyCache, store: Store, board: str, text: str
):
    del board  # a device of this name is all that is needed
    budget = Budget.parse(text)
    study.sampler = SAMPLERS["random"](problem_of(tiny_prices, (budget,), seed=0))
    candidate = CandidateSource(opened(study), tiny_prices, (budget,), LatencyCheck(cache, print)).next()
    study.tell(candidate.number, 0.5)
    network = trial_attributes.network_of(study.get_trials()[0], (budget,))
    result = SearchResult(
        study="tiny",
        storage="",
        folder="",
        budgets=(budget,),
        space="tiny",
        data="",
        sampler="random",
        seed=0,
        trained=1,
        networks=(network,),
    )
    (own,) = store.measurements(cache.setting("board"))

    def fits_after(times: float, device: str | None) -> bool:
        """Return whether the network fits once it was measured again, so many times as slow."""
        figures = {name: times * getattr(own.latency, name) for name in FIGURES_MS}
        known = own.latency.conditions.items()
        wall = {k: times * v for k, v in known if k.startswith("wall_") and isinstance(v, int | float)}
        there = {} if device is None else {"device": device}
        latency = Latency(**figures, stable=True, conditions={**own.latency.conditions, **wall, **there})
        store.add_measurement(replace(own, latency=latency))
        found = with_latencies(result, store, num_classes=10, in_channels=1)
        (row,) = network_latencies(found, store, num_classes=10, in_channels=1)
        assert (row.bound_ms is not None and row.bound_ms <= 50) is found.networks[0].fits
        return found.networks[0].fits

    assert fits_after(80, "another board")
    assert not fits_after(100, None)
    assert not fits_after(0.5, "another board")
    assert fits_after(1, None)
