"""A device on which every network takes as long as its option says."""

from collections.abc import Mapping
from typing import Final

from torch import nn
from typing_extensions import override

from trials.latency.latency import Condition, Latency
from trials.targets import Job, Target


class AddedTarget(Target):
    """Times nothing."""

    defaults: Mapping[str, Condition] = {"ms": 5.0}

    @override
    def time(self, network: nn.Module, job: Job) -> Latency:
        ms = float(job.options["ms"] or 0)
        return Latency(
            median_ms=ms,
            low_ms=ms,
            high_ms=ms,
            p90_ms=ms,
            stable=True,
            conditions={**self.probe(job), "reference_ms": 1.0},
        )

    @override
    def probe(self, job: Job) -> Mapping[str, Condition]:
        return {"device": "added", "runtime": "none", "version": "1"}


TARGET: Final = AddedTarget()
