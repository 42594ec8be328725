"""Turns errors of a sampling problem into errors that users are shown in one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from nas.bayesopt.errors import NothingFeasibleError, ProblemError
from search_spaces.errors import InvalidValueError, NothingFitsError


@contextmanager
def as_user_errors() -> Iterator[None]:
    """Raise a `UserError` in place of a `ProblemError`, with its message.

    Raises:
        NothingFitsError: if no point keeps the known constraints.
        InvalidValueError: if the problem cannot be used for another reason.
    """
    try:
        yield
    except NothingFeasibleError as error:
        raise NothingFitsError(str(error)) from error
    except ProblemError as error:
        raise InvalidValueError(str(error)) from error
