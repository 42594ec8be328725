"""A proxy's worth is its rank agreement with itself and with a full training, with its uncertainty."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nas.profiling.proxy_fidelity import Curve, agreements
from nas.profiling.rank_correlation import kendall
from trials.training.recipe import Recipe

PROXY = Recipe(name="short", epochs=3, rungs=(1, 3))


@given(st.lists(st.floats(0, 1), min_size=4, max_size=20, unique=True))
def test_the_same_order_is_one_and_the_opposite_minus_one(values: list[float]):
    found = np.array(values)
    assert kendall(found, found) == pytest.approx((1.0, 0.0))
    assert kendall(found, -found) == pytest.approx((-1.0, 0.0))


def test_the_standard_error_is_that_of_repeated_samples():
    """Jackknife against 300 samples of 30 pairs; its own spread is about 15 %, 35 % is past twice that."""
    rng = np.random.default_rng(0)

    def pair() -> tuple[float, float]:
        one = rng.normal(size=30)
        return kendall(one, one + rng.normal(size=30))

    taus, errors = np.array([pair() for _ in range(300)]).T
    assert np.median(errors) == pytest.approx(taus.std(), rel=0.35)


def test_too_few_pairs_have_no_rank_correlation():
    assert all(np.isnan(kendall(np.array([1.0, 2.0]), np.array([1.0, 2.0]))))


def test_each_rung_is_compared_with_the_last_epoch_and_with_the_full_training():
    def curve(*accuracy: float) -> Curve:
        return Curve(accuracy=accuracy, standard_error=0.01, seconds=1.0)

    short = [curve(0.1, 0.2, 0.3), curve(0.2, 0.1, 0.4), curve(0.3, 0.3, 0.5), curve(0.4, 0.4, 0.6)]
    long = [curve(0.9), curve(0.8), curve(0.7), curve(0.6)]
    found = agreements(short, long, PROXY)
    assert found["rungs"] == {1: pytest.approx((1.0, 0.0))}
    assert found["converged"] == {1: pytest.approx((-1.0, 0.0)), 3: pytest.approx((-1.0, 0.0))}
    assert found["full_accuracy"] == pytest.approx((0.6, 0.75, 0.9))


@pytest.mark.slow
def test_the_command_trains_a_sample_by_both_recipes(tmp_path: Path, capsys, monkeypatch: pytest.MonkeyPatch):
    from nas.__main__ import run

    monkeypatch.chdir(tmp_path)
    for name, epochs in (("short", 1), ("long", 2)):
        (tmp_path / f"{name}.yaml").write_text(f"epochs: {epochs}\nbatch_size: 256\nwarmup_epochs: 0\n")
    words = ["profile", "--budget", "3M-MACs", "--proxy", "--recipe", "short.yaml", "--full", "long.yaml"]
    assert run([*words, "--networks", "3"]) == 0
    out, err = capsys.readouterr()
    assert "6/6" in err
    assert "Kendall's tau" in out
    assert "3 networks of hybrid_small" in out
    assert run([*words, "--networks", "2"]) == 2
    assert "expected --networks of at least 3" in capsys.readouterr().err
    assert run([*words[:-1], "short.yaml"]) == 2
    assert "with itself" in capsys.readouterr().err
