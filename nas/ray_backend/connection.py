"""Connects this process to Ray: to one of its own on this machine, to a cluster, or to one already in use."""

import atexit
import concurrent.futures
import logging
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import ray

from nas.ray_backend.daemon_threads import in_background
from nas.ray_backend.ray_cluster import Cluster, own_folders
from nas.ray_backend.ray_internals import ImportPath, ask_for_token, plain_start, worker_logs_silenced
from nas.ray_backend.ray_process import own_signals, quieten, set_options
from nas.ray_backend.session_folder import session_folder
from nas.ray_backend.session_token import token_in
from nas.storage.file_size_limit import file_size_limit
from search_spaces.errors import UserError

_SHUTDOWN_S: Final = 8.0
_LEAST_FILE_BYTES: Final = 75 * 2**20  # Ray's smallest object store, ray_constants.py
_OWN_NAME: Final = "the Ray that this process has started"


@contextmanager
def cluster_for(address: str | None) -> Iterator[Cluster | None]:
    """Be part of a running Ray cluster while the block runs.

    Args:
        address: Where it is; None for the one that this process uses already, if it does.

    Yields:
        The cluster; None if there is none, so that a Ray of our own has to be started on this machine.

    Raises:
        UserError: if it cannot be reached, this process uses another one, or a Ray of our own could not write
            files as large as it needs.
    """
    if ray.is_initialized():
        _check_same(address)
        set_options()
        quieten()
        yield Cluster(_OWN_NAME)
    elif address is None:
        _check_file_sizes()
        yield None
    else:
        with _connected(address):
            yield Cluster(f"the Ray cluster at '{address}'")


@contextmanager
def ray_here(cpus: int) -> Iterator[None]:
    """Have a Ray of our own on this machine while the block runs; nothing of it is left afterwards.

    Args:
        cpus: CPUs that trainings may take.

    Raises:
        UserError: if it cannot be started.
    """
    with ExitStack() as stack:
        folder = stack.enter_context(session_folder())
        stack.enter_context(token_in(folder))
        options = {"num_cpus": cpus, "include_dashboard": False, "_temp_dir": str(folder)}
        # "local", or a cluster that RAY_ADDRESS or an earlier `ray start` names would be joined.
        stack.enter_context(_connected("local", **options))
        yield


@contextmanager
def _connected(address: str, **options: Any) -> Iterator[None]:
    """Be connected to Ray while the block runs, and leave this process as it was.

    Args:
        address: Where it is, ``local`` for one of our own.
        options: More ones of `ray.init`.

    Raises:
        UserError: if it cannot be started or reached.
    """
    here = address == "local"
    set_options()
    if not here:
        ask_for_token()
    # Nodes have the libraries elsewhere, or other ones.
    folders = [str(Path(str(entry)).absolute()) for entry in sys.path] if here else own_folders()
    with ExitStack() as stack:
        _start(address, {**options, "job_config": ImportPath(folders)})
        stack.enter_context(worker_logs_silenced())
        stack.callback(_leave)
        quieten()
        yield


def _check_file_sizes() -> None:
    """Check that Ray may write files as large as it needs them on this machine.

    Raises:
        UserError: if no file of this process may be as large as Ray's smallest shared memory.
    """
    limit = file_size_limit()
    if limit is not None and limit < _LEAST_FILE_BYTES:
        raise UserError(
            f"Cannot start Ray on this machine: this process may write files of up to {limit / 2**10:.0f} "
            f"KiB, expected at least {_LEAST_FILE_BYTES / 2**10:.0f} KiB for its shared memory. Raise the "
            f"limit (ulimit -f, or h_fsize of a scheduler), then give the same command again."
        )


def _start(address: str, options: dict[str, Any]) -> None:
    """Start Ray or connect to it.

    Raises:
        UserError: if that fails, whatever Ray raises: it has no class of its own for each cause.
    """
    try:
        with own_signals(), plain_start():  # Ray would leave at once on a signal
            ray.init(address=address, log_to_driver=False, logging_level=logging.ERROR, **options)
    except Exception as error:
        _leave()
        lines = str(error).strip().splitlines() or [type(error).__name__]
        reason = " ".join(lines) if lines[0].endswith(":") else lines[0]  # the next lines say it
        if address == "local":
            limit = file_size_limit()
            files = "" if limit is None else f", and files of more than {limit / 2**20:.0f} MiB (ulimit -f)"
            raise UserError(
                f"Cannot start Ray on this machine: {reason} Expected it to run within a minute: it needs "
                f"about 1 GB of memory, and room in '{options['_temp_dir']}'{files}. Free some, then give "
                f"the same command again."
            ) from error
        raise UserError(
            f"Cannot use the Ray cluster at '{address}': {reason} Expected one that runs and can be "
            f"reached; leave --address out to use this machine alone."
        ) from error


def _leave() -> None:
    leaving = in_background(lambda: ray.shutdown(wait_for_processes=True), "leave")
    if not concurrent.futures.wait([leaving], timeout=_SHUTDOWN_S).done:
        atexit.unregister(ray.shutdown)  # it would wait for a cluster that has gone


def _check_same(address: str | None) -> None:
    """Raise unless the cluster that this process uses already is the one at `address`."""
    used = ray.get_runtime_context().gcs_address
    if address not in {None, "auto", used}:
        raise UserError(
            f"Cannot use the Ray cluster at '{address}': this process is connected to the one at '{used}'. "
            f"Leave the address out to search there, or call ray.shutdown() first."
        )
