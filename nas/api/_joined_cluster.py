"""Connects to a Ray cluster for a call that may need one."""

from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def joined(address: str | None) -> Iterator[None]:
    """Connect to a Ray cluster while the block runs, if an address is given.

    Raises:
        UserError: if it cannot be reached.
    """
    if address is None:
        yield
        return
    from nas.ray_backend.connection import cluster_for  # noqa: PLC0415 -- Ray takes a second, and other targets need none

    with cluster_for(address):
        yield
