"""Ray's private attributes that the project sets, for which Ray 2.60 has no option.

`tests/nas/ray_backend/test_ray_internals.py` fails when they go.
"""

from collections.abc import Iterator
from contextlib import contextmanager

from ray._private import utils, worker


def silence_worker_logs() -> None:
    """Keep the end of Ray's processes off standard output, where `log_to_driver=False` lets it."""
    worker._worker_logs_enabled = False  # noqa: SLF001 -- see above


@contextmanager
def hidden_command_line() -> Iterator[None]:
    """Keep the command line out of what Ray writes down while the block runs: it may hold a password."""
    original = utils.get_entrypoint_name
    utils.get_entrypoint_name = lambda: "nas search"
    try:
        yield
    finally:
        utils.get_entrypoint_name = original
