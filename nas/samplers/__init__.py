"""Samplers: Optuna samplers that choose which network to try next, one file each.

A file binds ``SAMPLER``, a function from a `Problem` to an Optuna sampler; an entry point of the group
``nas.samplers`` adds one from another package. The contract, which tests check on every file: no proposal
breaks a constraint that is known before training, and the same problem and history give the same proposal,
also in another process.
"""

from collections.abc import Callable
from typing import Final

from optuna.samplers import BaseSampler

from nas.bayesopt.problem import Problem
from search_spaces.shelf import Shelf

SAMPLERS: Final[Shelf[Callable[[Problem], BaseSampler]]] = Shelf(__name__, "SAMPLER", "sampler")
