"""Pareto fronts and hypervolumes, against slow twins."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from nas.bayesopt.pareto import front, reference_point
from tests.nas.bayesopt.volumes import hypervolume

values = arrays(
    np.float64, st.tuples(st.integers(1, 9), st.integers(2, 3)), elements=st.integers(0, 6).map(float)
)


@given(values)
def test_nobody_on_the_front_is_beaten_and_everybody_else_is(points: np.ndarray) -> None:
    kept = front(points)
    for point, on_front in zip(points, kept, strict=True):
        beaten = any((other >= point).all() and (other > point).any() for other in points)
        assert on_front != beaten


@given(values)
def test_a_front_is_its_own_front_in_any_order(points: np.ndarray) -> None:
    on_front = points[front(points)]
    assert front(on_front).all()
    assert (front(points[::-1])[::-1] == front(points)).all()


@given(values)
def test_hypervolume_counts_the_cells_below_the_front(points: np.ndarray) -> None:
    m = points.shape[1]
    cells = np.indices((6,) * m).reshape(m, -1).T  # unit cells from 0 to 6
    below = np.all(points[None] >= cells[:, None] + 1, axis=2)
    covered = int(np.any(below, axis=1).sum())
    assert hypervolume(points, np.zeros(m)) == pytest.approx(covered)


@given(values)
def test_every_point_is_above_the_reference_also_off_the_front(points: np.ndarray) -> None:
    assert (points > reference_point(points)).all()
