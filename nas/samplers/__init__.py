"""Samplers: Optuna samplers that choose which network to try next, one file each.

A file binds ``SAMPLER``, a function from a `Problem` to an Optuna sampler; an entry point of the group
``nas.samplers`` adds one from another package. The contract, which tests check on every file: no proposal
breaks a constraint that is known before training, and the same problem and history give the same proposal,
also in another process.
"""

from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from optuna.samplers import BaseSampler

    from nas.bayesopt.problem import Problem
    from search_spaces.shelf import Shelf

    SAMPLERS: Shelf[Callable[[Problem], BaseSampler]]


@cache  # one registry for all
def __getattr__(name: str) -> Any:
    if name != "SAMPLERS":
        raise AttributeError(f"module 'nas.samplers' has no attribute '{name}'")
    from search_spaces.shelf import Shelf  # noqa: PLC0415 -- a sampler alone needs no registry

    return Shelf(__name__, "SAMPLER", "sampler")
