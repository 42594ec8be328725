"""Searches as views are handed them, made without training."""

from functools import cache

import numpy as np

import search_spaces
from dashboards.findings import Baseline, Findings, Reference
from dashboards.result import Epoch, SearchResult, TrialResult, best_first
from search_spaces.budget import Budget

COSTS = {"macs": 299_000_000, "params": 1_200_000, "activations": 9, "peak": 262_144, "weights": 4_800_000}


@cache
def architectures(n: int) -> tuple[search_spaces.Architecture, ...]:
    """Return distinct networks of a small space."""
    space, rng = search_spaces.load("hybrid_small"), np.random.default_rng(0)
    found: dict[search_spaces.Architecture, None] = {}
    while len(found) < n:
        found[space.sample(rng)] = None
    return tuple(found)


def network(trial: int = 7, **changes) -> TrialResult:
    """Return a network that was trained to the end, by default."""
    state = changes.get("state", "complete")
    epochs = changes.get("epochs", 6 if state == "complete" else 2)
    accuracy = changes.pop("accuracy", 0.975)
    curve = tuple(
        Epoch(
            epoch=step,
            accuracy=accuracy * step / epochs,
            standard_error=0.008,
            seconds=2.0,
            ended_s=1_760_000_000.0 + 12.0 * trial + 2.0 * step,
        )
        for step in range(1, epochs + 1)
    )
    fields = {
        "trial": trial,
        "state": state,
        "accuracy": accuracy if epochs else None,
        "standard_error": 0.008 if epochs else None,
        "epochs": epochs,
        "costs": COSTS,
        "fits": True,
        "seconds": 2.0 * epochs,
        "latency_ms": None,
        "reason": None,
        "architecture": architectures(1)[0],
        "curve": curve,
        "excess": {"300M-MACs": -0.003},
    }
    return TrialResult(**{**fields, **changes})


def search(*networks: TrialResult, **changes) -> SearchResult:
    """Return a search with these networks."""
    fields = {
        "study": "mine",
        "storage": "sqlite:///nas.db",
        "folder": "runs/mine",
        "budgets": (Budget.parse("300M-MACs"),),
        "space": "hybrid_small",
        "data": "digits",
        "sampler": "factor_gp",
        "seed": 0,
        "trained": sum(n.epochs > 0 and n.state in {"complete", "pruned"} for n in networks),
        "networks": best_first(list(networks)),
    }
    return SearchResult(**{**fields, **changes})


def findings(*networks: TrialResult, **changes) -> Findings:
    """Return a search with everything around it."""
    fields = {
        "result": search(*networks),
        "num_classes": 10,
        "in_channels": 1,
        "recipe": {"name": "proxy", "epochs": 6},
        "commands": ("nas search --budget 300M-MACs", "nas export mine --to my_net"),
        "versions": {"nas": "0.1.0"},
        "made": "2026-01-01 00:00 UTC",
        "references": (Reference(name="tinynet_e_106", costs={**COSTS, "macs": 24_000_000}),),
        "baselines": (Baseline(name="uniform sampling", best=(0.5, 0.6, 0.7)),),
    }
    return Findings(**{**fields, **changes})


def many(n: int) -> list[TrialResult]:
    """Return networks of every state, with latencies, as a long search has them."""
    rng, made = np.random.default_rng(0), []
    kinds = architectures(min(n, 200))
    for trial in range(n):
        state = ("complete", "pruned", "complete", "fail")[trial % 4] if trial < n - 2 else "running"
        architecture = kinds[trial % len(kinds)]
        costs = search_spaces.count(architecture, num_classes=10, in_channels=1, deploy=True)
        ms = float(rng.uniform(1, 9))
        made.append(
            network(
                trial,
                state=state,
                accuracy=float(rng.uniform(0.5, 0.98)),
                epochs=0 if state == "fail" else 6 if state == "complete" else 2,
                costs={name: getattr(costs, name) for name in COSTS},
                fits=trial % 10 != 2,
                latency_ms={"cpu": ms},
                predicted_ms={"cpu": (ms * 1.05, 0.2)},
                reason="the loss became nan" if state == "fail" else None,
                architecture=architecture,
                excess={"300M-MACs": 0.1 if trial % 10 == 2 else -0.1},
                device="NVIDIA L4",
            )
        )
    return made
