"""Reads how large a file this process may write: schedulers limit it (``ulimit -f``, h_fsize)."""

import resource


def file_size_limit() -> int | None:
    """Return the most bytes that a file may have which this process writes, None for no limit."""
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return None if limit == resource.RLIM_INFINITY else limit
