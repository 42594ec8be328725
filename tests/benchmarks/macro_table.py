"""NAS-Bench-Macro as a space of ours: its strings of eight digits as architectures, and the table.

A digit is a layer: 0 is left out, 1 has kernel 3 and expansion 3, 2 has kernel 5 and expansion 6.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

import search_spaces
from search_spaces.architecture import Architecture
from search_spaces.space import SearchSpace

SPACE = Path(__file__).parent / "nas_bench_macro.yaml"
TABLE = Path(__file__).parents[3] / "shared/data/nas-bench-macro/nas-bench-macro_cifar10.json"
FORMS = ("skip", "k3_e3", "k5_e6")


@cache
def macro_space(side: int = 32) -> SearchSpace:
    """Return the space, on images of another side for quick looks."""
    return replace(search_spaces.load(str(SPACE)), resolution=(side,))


def architecture_of(digits: str, side: int = 32) -> Architecture:
    """Return the network that a string of the table names."""
    space = macro_space(side)
    fixed = {choice.name: choice.values[0] for choice in space.choices if len(choice.values) == 1}
    forms = {f"stage{number}.form": FORMS[int(digit)] for number, digit in enumerate(digits, 1)}
    return space.architecture({**fixed, **forms})


def codes_of(names: Sequence[str]) -> NDArray[np.int64]:
    """Return the rows of codes of the networks that strings name, [n, 12]; quick for many."""
    values = macro_space().choices[-1].values
    code = [values.index(form) for form in FORMS]
    return np.array([[0, 0, 0, 0, *(code[int(digit)] for digit in name)] for name in names])


def digits_of(architecture: Architecture) -> str:
    """Return the string of the table that names a network."""
    return "".join(str(FORMS.index(str(dict(stage.options)["form"]))) for stage in architecture.stages)


@dataclass(frozen=True)
class MacroTable:
    """The table by columns, one row a network.

    Attributes:
        names: Strings of eight digits, [n].
        accuracy: Test accuracy of each of three trainings in percent, [n, 3].
        macs: Multiply-accumulates at 32 x 32 pixels, [n].
        params: Trainable parameters, [n].
    """

    names: tuple[str, ...]
    accuracy: NDArray[np.float64]
    macs: NDArray[np.int64]
    params: NDArray[np.int64]

    @property
    def layers(self) -> NDArray[np.int64]:
        """The number of layers that are not left out, [n]."""
        return np.array([8 - name.count("0") for name in self.names])


def read_table(path: Path = TABLE) -> MacroTable:
    rows = json.loads(path.read_text(encoding="utf-8"))
    return MacroTable(
        names=tuple(rows),
        accuracy=np.array([row["test_acc"] for row in rows.values()]),
        macs=np.array([row["flops"] for row in rows.values()]),
        params=np.array([row["params"] for row in rows.values()]),
    )
