"""A race stops networks that are clearly worse, and says what the choice of its winner rests on."""

import numpy as np
import optuna
from hypothesis import given
from hypothesis import strategies as st

from nas.study.retraining_race import (
    rests_on,
    rungs_of,
    stopped_line,
    store_figure,
    stored_figure,
    survivors,
)

FIGURES = st.dictionaries(
    st.integers(0, 50),
    st.tuples(st.floats(0, 1), st.floats(0.001, 0.05)),
    min_size=1,
    max_size=9,
)


@given(FIGURES)
def test_the_better_half_and_all_that_may_be_as_good_as_the_best_stay(figures):
    kept, half = survivors(figures), (len(figures) + 1) // 2
    assert len(kept) >= half
    values = [figures[trial][0] for trial in kept]
    assert values == sorted(values, reverse=True)
    for trial in figures.keys() - set(kept):
        value, error = figures[trial]
        assert value <= values[half - 1]
        assert all(figures[one][0] >= value for one in kept if figures[one][1] <= error)
        assert values[0] - value > 1.9 * error


def test_equal_networks_all_stay():
    assert survivors({3: (0.8, 0.01), 1: (0.8, 0.01), 2: (0.8, 0.01)}) == (1, 2, 3)


def test_a_race_rarely_stops_the_best_of_equal_networks():
    """Six networks of one true value, measured on 1,000 images: one in 50 is stopped, and none by theory."""
    rng = np.random.default_rng(0)
    error = (0.8 * 0.2 / 1000) ** 0.5
    stopped = [
        6 - len(survivors({n: (value, error) for n, value in enumerate(rng.normal(0.8, error, 6))}))
        for _ in range(2000)
    ]
    assert np.mean(stopped) / 6 < 0.03


def test_rungs_lie_within_a_training():
    assert [rungs_of(epochs) for epochs in (60, 8, 7)] == [(15, 30), (4,), (4,)]
    assert not rungs_of(6)
    for epochs in range(1, 40):
        rungs = rungs_of(epochs)
        assert list(rungs) == sorted({epoch for epoch in rungs if 0 < epoch < epochs})


def test_figures_of_rungs_are_stored_by_training_and_epoch():
    study = optuna.create_study()
    for epoch, figure in ((15, (0.5, 0.1)), (30, (0.6, 0.1))):
        store_figure(study, "retrained/00001/full-1", epoch, figure)
    assert stored_figure(study, "retrained/00001/full-1", 15) == (0.5, 0.1)
    assert stored_figure(study, "retrained/00001/full-1", 30) == (0.6, 0.1)
    assert stored_figure(study, "retrained/00002/full-1", 15) is None


def test_what_a_choice_rests_on_is_said():
    assert rests_on([(4, (0.9, 0.01))]) == "#4 was the only one that was trained to the end."
    assert "#2, #3 may be as good" in rests_on([(4, (0.9, 0.01)), (2, (0.89, 0.01)), (3, (0.88, 0.01))])
    assert "beyond their chance" in rests_on([(4, (0.9, 0.01)), (2, (0.8, 0.01))])
    line = stopped_line(2, 15, {2: (0.5, 0.01), 4: (0.6, 0.01)})
    assert line.startswith("#2 is not trained on after epoch 15: 50.0")
    assert "#4 60.0" in line
