"""Mixed search spaces of known optimum, built like `hybrid`: one as a surrogate hopes, one not.

Every term of a value is at most 0, and all are 0 at a planted point that costs exactly the budget:
so the planted point is the best that fits, and regret is minus the value.
"""

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)

from nas.bayesopt.problem import Params
from nas.tabular.task import Task

_STAGES = 5
_MIXERS = ("depthwise", "attention", "separable_attention", "pooling", "large_kernel")
_NOISE = 0.15  # standard deviation between two trainings, in points of accuracy


def factors_and_interactions(instance: int) -> Task:
    """Return a task of 27 parameters: main effects, resolution x depth x width, capacity.

    Mixers, kernels, ratios, depths and dilations of five stages have effects that drift along the
    stages; resolution, width and total depth interact; a network below the budget lacks capacity.
    """
    rng = np.random.default_rng(np.random.SeedSequence([27, instance]))
    space: dict[str, BaseDistribution] = {
        "resolution": CategoricalDistribution((128, 160, 192, 224, 256)),
        "width": CategoricalDistribution((0.5, 0.75, 1.0, 1.25, 1.5)),
    }
    for s in range(_STAGES):
        space |= {
            f"mixer{s}": CategoricalDistribution(_MIXERS),
            f"kernel{s}": CategoricalDistribution((3, 5, 7)),
            f"dilation{s}": IntDistribution(1, 3),
            f"ratio{s}": CategoricalDistribution((2, 3, 4, 6)),
            f"depth{s}": IntDistribution(1, 5),
        }
    shared = rng.uniform(0.0, 1.5, len(_MIXERS))
    late = rng.uniform(-1.0, 1.0, len(_MIXERS))
    mixer_cost = np.array([1.0, 1.6, 1.3, 0.7, 1.4])
    planted: dict[str, object] = {"resolution": 192, "width": 1.0}
    effects = np.empty((_STAGES, len(_MIXERS)))
    for s in range(_STAGES):
        effects[s] = shared + late * (s - 2) / 2 + rng.uniform(0.0, 0.3, len(_MIXERS))
        effects[s] -= effects[s].min()
        planted |= {
            f"mixer{s}": _MIXERS[int(effects[s].argmin())],
            f"kernel{s}": (3, 5, 5, 7, 3)[(s + instance) % 5],
            f"dilation{s}": 1 + (s == 3),
            f"ratio{s}": (3, 4, 4, 6, 3)[s],
            f"depth{s}": (1, 2, 3, 3, 2)[s],
        }

    scale = {
        (res, width): ((res / 192) ** 2, width**1.8)
        for res in space["resolution"].choices  # type: ignore[attr-defined]
        for width in space["width"].choices  # type: ignore[attr-defined]
    }

    def macs_of(points: Sequence[Params]) -> NDArray[np.float64]:
        """Return the MACs of points, each the same to the last digit as by itself."""
        total = np.full(len(points), 0.05)
        for s in range(_STAGES):
            mixers = np.array([_MIXERS.index(p[f"mixer{s}"]) for p in points], np.int64)
            block = mixer_cost[mixers] + 0.02 * _column(points, f"kernel{s}") ** 2
            total += _column(points, f"depth{s}") * _column(points, f"ratio{s}") * (0.5 + block) / 40
        by_size = np.array([scale[p["resolution"], p["width"]] for p in points]).reshape(-1, 2)
        return np.asarray(total * by_size[:, 0] * by_size[:, 1])

    def macs(p: Params) -> float:
        return float(macs_of([p])[0])

    budget = macs(planted)
    total_depth = sum(int(str(planted[f"depth{s}"])) for s in range(_STAGES))

    def truth(p: Params) -> float:
        value = 4.0 * min(0.0, math.log(macs(p) / budget))
        for s in range(_STAGES):
            value -= effects[s, _MIXERS.index(p[f"mixer{s}"])]
            value -= 0.15 * (abs(p[f"kernel{s}"] - int(str(planted[f"kernel{s}"]))) / 2) ** 1.5
            value -= 0.2 * abs(p[f"dilation{s}"] - int(str(planted[f"dilation{s}"])))
            value -= 0.3 * abs(math.log(p[f"ratio{s}"] / int(str(planted[f"ratio{s}"]))))
            value -= 0.1 * abs(p[f"depth{s}"] - int(str(planted[f"depth{s}"])))
        depth = math.log(sum(p[f"depth{s}"] for s in range(_STAGES)) / total_depth)
        res, width = math.log(p["resolution"] / 192), math.log(p["width"])
        value -= 6.0 * (res - 0.5 * depth) ** 2 + 3.0 * (width + depth) ** 2
        return value - 2.0 * (res + width) ** 2

    return _task(f"factors-27d-{instance}", space, truth, lambda points: macs_of(points) - budget)


def wrong_structure(instance: int) -> Task:
    """Return a task of 32 parameters whose slots look alike and have nothing in common.

    Groups of three parameters, drawn at random across kinds, each have a rugged table of their own;
    nothing adds up along stages, and cost says nothing of value.
    """
    rng = np.random.default_rng(np.random.SeedSequence([32, instance]))
    space: dict[str, BaseDistribution] = {}
    for s in range(8):
        space[f"mixer{s}"] = CategoricalDistribution(_MIXERS)
        space[f"depth{s}"] = IntDistribution(1, 4)
        space[f"skip{s}"] = CategoricalDistribution((True, False))
        space[f"rate{s}"] = FloatDistribution(1e-3, 1.0, log=True)
    names = list(space)

    target = [int(rng.integers(0, 2 if n.startswith("skip") else 4)) for n in names]
    triples = [rng.choice(len(names), 3, replace=False) for _ in range(24)]
    tables = []
    for triple in triples:
        table = rng.uniform(-1.0, -0.1, (5, 5, 5))
        table[tuple(target[j] for j in triple)] = 0.0
        tables.append(table)
    singles = rng.uniform(-0.6, -0.1, (len(names), 5))
    singles[np.arange(len(names)), target] = 0.0
    price = rng.uniform(0.5, 1.5, len(names))
    budget = float(price @ target) + 2.0

    def levels(p: Params) -> list[int]:
        return [int(_levels([p], name)[0]) for name in names]

    def truth(p: Params) -> float:
        at = levels(p)
        value = sum(float(singles[j, k]) for j, k in enumerate(at))
        return value + sum(
            float(table[tuple(at[j] for j in triple)]) for triple, table in zip(triples, tables, strict=True)
        )

    def excess(points: Sequence[Params]) -> NDArray[np.float64]:
        table = np.stack([_levels(points, name) for name in names], axis=1)
        return np.array([float(price @ row) for row in table]) - budget

    return _task(f"wrong-32d-{instance}", space, truth, excess)


def _column(points: Sequence[Params], name: str) -> NDArray[np.float64]:
    return np.array([p[name] for p in points], np.float64)


def _levels(points: Sequence[Params], name: str) -> NDArray[np.int64]:
    """Return the level of one parameter of `wrong_structure` in each point, ``[n]``."""
    if name.startswith("mixer"):
        return np.array([_MIXERS.index(p[name]) for p in points], np.int64)
    if name.startswith("rate"):
        exponents = [math.log10(p[name]) for p in points]
        return np.minimum((np.array(exponents, np.float64) + 3) / 3 * 4, 3).astype(np.int64)
    return (_column(points, name) - name.startswith("depth")).astype(np.int64)


def _task(
    name: str,
    space: dict[str, BaseDistribution],
    truth: Callable[[Params], float],
    excess: Callable[[Sequence[Params]], NDArray[np.float64]],
) -> Task:
    def known(points: Sequence[Params]) -> NDArray[np.float64]:
        return excess(points)[:, None]

    return Task(
        name=name,
        distributions=space,
        truth=truth,
        observe=lambda p, rng: truth(p) + float(rng.normal(0.0, _NOISE)),
        best=0.0,
        worst=-math.inf,
        known_constraints_batch=known,
    )
