"""Errors of a problem that no sampler can work on; they know nothing of search spaces and commands.

`nas.bayesopt.user_errors` says them to users of the command line and of ``nas.search``.
"""


class ProblemError(ValueError):
    """A problem that cannot be used: constraints of a wrong shape, a distribution of an unknown class, ..."""


class NothingFeasibleError(ProblemError):
    """Known constraints that no point of the space keeps."""
