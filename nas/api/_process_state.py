"""Puts back what a command changes in the process that calls it, such as a notebook; imports no library."""

import faulthandler
import logging
import os
import random
import resource
import sys
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from nas.bayesopt.user_errors import as_user_errors


@contextmanager
def process_left_as_found() -> Iterator[None]:
    """Restore after the block, or a decorated function, what our libraries change in this process.

    That is: environment variables, levels and handlers of loggers, filters of warnings, the global random
    generators, the limit of open files, and whether Python dumps tracebacks of crashes. Errors of a sampling
    problem come out as those that users are shown, and so does a database that goes away.
    """
    with ExitStack() as stack:
        errors = (as_user_errors, _outages_named)
        for restored in (*errors, imports_left_as_found, _open_files, _loggers, _fault_handler):
            stack.enter_context(restored())
        yield


@contextmanager
def imports_left_as_found() -> Iterator[None]:
    """Restore after the block what libraries change as they are imported; loggers of their own may stay."""
    with warnings.catch_warnings(), _environment(), _generators():
        yield


@contextmanager
def _outages_named() -> Iterator[None]:
    """Raise an error for users in place of one of a database that cannot be reached."""
    try:
        yield
    except Exception as error:
        database = sys.modules.get("nas.storage.database")  # imported by whoever has opened one
        named = None if database is None else database.named_outage(error)
        if named is None:
            raise
        raise named from error


@contextmanager
def _environment() -> Iterator[None]:
    before = dict(os.environ)
    try:
        yield
    finally:
        for name in os.environ.keys() - before.keys():
            del os.environ[name]
        os.environ.update(before)


@contextmanager
def _open_files() -> Iterator[None]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextmanager
def _loggers() -> Iterator[None]:
    named = [one for one in logging.root.manager.loggerDict.values() if isinstance(one, logging.Logger)]
    before = [
        (one, one.level, one.propagate, one.disabled, [(h, h.formatter) for h in one.handlers])
        for one in (logging.getLogger(), *named)
    ]
    try:
        yield
    finally:
        for one, level, propagate, disabled, handlers in before:
            one.setLevel(level)
            one.propagate, one.disabled = propagate, disabled
            one.handlers[:] = [handler for handler, _ in handlers]
            for handler, formatter in handlers:
                handler.setFormatter(formatter)


@contextmanager
def _generators() -> Iterator[None]:
    """Restore the generators of Python, and of NumPy and torch where they had been imported."""
    numpy, torch = sys.modules.get("numpy"), sys.modules.get("torch")
    drawn = random.getstate()
    array = None if numpy is None else numpy.random.get_state()
    tensor = None if torch is None else torch.get_rng_state()
    try:
        yield
    finally:
        random.setstate(drawn)
        if numpy is not None:
            numpy.random.set_state(array)
        if torch is not None:
            torch.set_rng_state(tensor)


@contextmanager
def _fault_handler() -> Iterator[None]:
    before = faulthandler.is_enabled()
    try:
        yield
    finally:
        if not before:
            faulthandler.disable()
