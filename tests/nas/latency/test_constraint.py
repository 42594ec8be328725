"""A real command target that goes away, comes back, stays away, or refuses a network."""

import sys
from pathlib import Path

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState

from nas.ask_tell.candidates import CandidateSource
from nas.bayesopt.space_problem import problem_of
from nas.latency.constraint import LatencyCheck, StoppedError
from nas.latency.measurement_cache import LatencyCache
from nas.samplers import SAMPLERS
from nas.storage.store import Store
from search_spaces.budget import Budget
from search_spaces.errors import TargetError
from tests.nas.opened import opened

BUDGET = Budget.parse("50ms@board")
SCRIPT = """
import json, pathlib, sys
here = pathlib.Path(__file__).parent
if (here / "away").exists() or (here / "refuses").exists() and len(open(sys.argv[1], "rb").read()) != LENGTH:
    sys.exit("no route to the board")
print(json.dumps({"times_ms": [10.0, 10.1, 10.2, 10.0, 10.1, 10.3, 10.2]}))
"""


@pytest.fixture
def board(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of a board that is away while a file ``away`` lies in it."""
    from trials.latency.onnx_model import reference_model

    (tmp_path / "run.py").write_text(SCRIPT.replace("LENGTH", str(len(reference_model("fp32")))))
    command = f"{sys.executable} {tmp_path / 'run.py'}"
    (tmp_path / "targets.yaml").write_text(
        f"version: 1\ntargets:\n  board: {{kind: command, address: '{command}'}}\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


class Hours:
    """A clock that moves only while somebody sleeps, and what happens at some times."""

    def __init__(self, events=()) -> None:
        self.now_s, self.events = 0.0, sorted(events, key=lambda e: e[0])

    def sleep(self, seconds: float) -> None:
        self.now_s += seconds
        while self.events and self.events[0][0] <= self.now_s:
            self.events.pop(0)[1]()


@pytest.fixture
def made(board: Path):
    """Return what makes a check on the board, with the lines it says."""
    with Store(f"sqlite:///{board / 'nas.db'}") as store:

        def make(hours: Hours, patience_s: float = 600.0):
            stopwatch = LatencyCache(store, num_classes=10, in_channels=1)
            stopwatch.setting("board")
            said: list[str] = []
            check = LatencyCheck(
                stopwatch, said.append, patience_s=patience_s, sleep=hours.sleep, clock=lambda: hours.now_s
            )
            return check, said

        yield make


@pytest.fixture
def network(tiny_prices):
    return tiny_prices.codes.space.sample(np.random.default_rng(0))


@pytest.mark.slow
def test_measuring_goes_on_when_a_target_that_went_away_comes_back(board: Path, made, network):
    away = board / "away"
    hours = Hours([(30.0, away.unlink)])
    check, said = made(hours)
    away.touch()
    assert check.excess(network, BUDGET, lambda: False)[1] is None
    assert 30 <= hours.now_s < 100
    assert "pauses" in said[0]
    assert "no route to the board" in said[0]
    assert "answers again" in said[1]


@pytest.mark.slow
def test_a_target_that_stays_away_ends_the_waiting_and_its_trial(
    board: Path, made, study: optuna.Study, tiny_prices
):
    hours = Hours()
    check, _ = made(hours, patience_s=20.0)
    (board / "away").touch()
    study.sampler = SAMPLERS["random"](problem_of(tiny_prices, (BUDGET,), seed=0))
    with pytest.raises(TargetError, match=r"did not come back within .* the same command again"):
        CandidateSource(opened(study), tiny_prices, (BUDGET,), check).next()
    assert 20 <= hours.now_s < 30
    (trial,) = study.get_trials()
    assert trial.state == TrialState.FAIL
    assert "did not come back" in trial.user_attrs["reason"]


@pytest.mark.slow
def test_a_search_that_ends_meanwhile_does_not_wait(board: Path, made, network):
    hours = Hours()
    check, _ = made(hours)
    (board / "away").touch()
    with pytest.raises(StoppedError):
        check.excess(network, BUDGET, lambda: hours.now_s >= 5)
    assert hours.now_s < 6


@pytest.mark.slow
def test_a_network_that_an_answering_target_cannot_run_is_refused_with_its_reason(
    board: Path, made, network, tiny_prices
):
    check, said = made(Hours())
    (board / "refuses").touch()
    excess, words = check.excess(network, BUDGET, lambda: False)
    assert excess > 0
    assert "cannot be timed: The command" in words
    assert not said

    def refuse_them_all() -> None:
        for i in range(20):
            check.excess(tiny_prices.codes.space.sample(np.random.default_rng(i)), BUDGET, lambda: False)

    with pytest.raises(TargetError, match="no route to the board"):
        refuse_them_all()


@pytest.mark.slow
@pytest.mark.parametrize("unstable", [0, 70])
def test_ten_figures_are_enough_to_predict_where_another_target_is_known(
    unstable: int, board: Path, tiny_prices
):
    from datetime import UTC, datetime

    from nas.latency.predictor import LatencyPredictor
    from nas.storage.records import Measurement
    from search_spaces import count
    from trials.latency.latency import Latency

    drawn = [tiny_prices.codes.space.sample(np.random.default_rng(i)) for i in range(80)]

    def keep(store: Store, network, target: str, times: float, *, stable: bool = True) -> None:
        ms = times * (1 + count(network, num_classes=10, in_channels=1).macs / 1e5)
        store.add_measurement(
            Measurement(
                architecture=network,
                num_classes=10,
                in_channels=1,
                latency=Latency(
                    median_ms=ms,
                    low_ms=ms,
                    high_ms=ms,
                    p90_ms=ms,
                    stable=stable,
                    conditions={"target": target},
                ),
                measured_at=datetime.now(UTC),
            )
        )

    with Store(f"sqlite:///{board / 'nas.db'}") as store:
        for network in drawn[:unstable]:  # the most measurements, but none to build on
            keep(store, network, "noisy", 9.0, stable=False)
        for network in drawn[:60]:
            keep(store, network, "near", 1.0)
        for network in drawn[60:70]:
            keep(store, network, "far", 3.0)

        def predicted(network, target: str):
            return LatencyPredictor(store).predict(network, {"target": target}, num_classes=10, in_channels=1)

        for network in drawn[70:]:
            near, far = predicted(network, "near"), predicted(network, "far")
            assert near is not None
            assert far is not None
            assert far[0] == pytest.approx(3 * near[0], rel=0.1)
        assert predicted(drawn[0], "never seen") is None
