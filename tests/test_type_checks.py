"""The types of what our functions take and return are checked while tests run, and the shapes of arrays."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import beartype
import jaxtyping
import numpy as np
import pytest
import torch
from beartype.roar import BeartypeCallHintViolation
from jaxtyping import Float, Float64, TypeCheckError

from nas.bayesopt import pareto
from nas.bayesopt.grid import Grid
from search_spaces.budget import Budget
from trials.images.splits import Images

Values = Float64[np.ndarray, " n"]


def test_a_wrong_type_is_found_in_functions_and_records():
    wrong: Any = 5
    with pytest.raises(TypeCheckError):
        Budget.parse(wrong)
    with pytest.raises(TypeError, match="violates type hint"):
        Budget(resource="macs", limit=5, text=wrong)


def test_shapes_that_do_not_agree_are_found_in_functions_and_records():
    pareto.front(np.zeros((3, 2)))
    with pytest.raises(TypeCheckError):
        pareto.front(np.zeros(3))
    with pytest.raises(TypeCheckError):
        Images(images=np.zeros((3, 8, 8, 1), dtype=np.uint8), labels=np.zeros(4, dtype=np.int64))


def _one(values: Float64[np.ndarray, " n"]) -> None: ...
def _alias(values: Values) -> None: ...
def _none(values: Values | None) -> None: ...
def _inside(values: tuple[int, dict[str, Values]]) -> None: ...
def _returned() -> Iterator[Float[torch.Tensor, "n m"]]:
    yield torch.zeros(2, 2)


def _quoted(values: "Grid") -> None: ...
def _inside_quoted(values: list["Grid"]) -> None: ...
def _plain(values: np.ndarray, other: Grid, many: list[torch.Tensor] | None = None) -> None: ...


@dataclass
class _Record:
    values: Values


@pytest.mark.parametrize(
    "function", [_one, _alias, _none, _inside, _returned, _Record.__init__, _quoted, _inside_quoted]
)
def test_wherever_an_array_is_annotated_its_shape_is_checked(function):
    checked: Any = jaxtyping.jaxtyped(typechecker=beartype.beartype)(function)
    assert checked.__code__.co_filename.endswith("jaxtyping/_decorator.py")


def test_a_function_without_arrays_is_checked_for_types_alone():
    checked: Any = jaxtyping.jaxtyped(typechecker=beartype.beartype)(_plain)
    assert "jaxtyping" not in checked.__code__.co_filename
    with pytest.raises(BeartypeCallHintViolation):
        checked(5, None)
