"""Ray's private attributes that the project sets, for which Ray 2.60 has no option.

`tests/nas/ray_backend/test_ray_internals.py` fails when they go.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import ray
from ray._private import ray_constants, utils, worker
from ray.job_config import JobConfig


class ImportPath(JobConfig):
    """Lets workers look for modules in the given folders first, and not in the working folder.

    Ray itself puts the working folder and that of the script before the standard library of each worker: a
    file ``optuna.py`` there would be imported for the package, by workers alone.

    Args:
        folders: Absolute paths, in the order of `sys.path`.
    """

    def __init__(self, folders: Sequence[str]) -> None:
        super().__init__(_py_driver_sys_path=list(reversed(folders)))  # workers insert one after the other

    def _runtime_env_has_working_dir(self) -> bool:
        """Return True, for which Ray adds no folder."""
        return True


def ask_for_token() -> None:
    """Give a cluster the token that it asks for by default, unless RAY_AUTH_MODE says otherwise.

    Ray reads the variable once, when it is imported.
    """
    os.environ.setdefault("RAY_AUTH_MODE", "token")
    ray._raylet.Config.initialize("")  # noqa: SLF001 -- see above


@contextmanager
def worker_logs_silenced() -> Iterator[None]:
    """Keep the end of Ray's processes off standard output, where `log_to_driver=False` lets it."""
    before = worker._worker_logs_enabled  # noqa: SLF001 -- see above
    worker._worker_logs_enabled = False  # noqa: SLF001
    try:
        yield
    finally:
        worker._worker_logs_enabled = before  # noqa: SLF001


@contextmanager
def plain_start() -> Iterator[None]:
    """Let Ray start as it is while the block runs.

    The command line, which may hold a password, is kept out of what Ray writes down. And where it began with
    ``uv run``, Ray would upload the working folder with all images in it, and start each worker by ``uv run``
    there, in another environment than this one.
    """
    named, by_uv = utils.get_entrypoint_name, ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV
    utils.get_entrypoint_name = lambda: "nas search"
    ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV = False
    try:
        yield
    finally:
        utils.get_entrypoint_name, ray_constants.RAY_ENABLE_UV_RUN_RUNTIME_ENV = named, by_uv
