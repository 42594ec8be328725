"""Notices when a Ray cluster has gone, long before Ray gives up and ends the process."""

import concurrent.futures
import logging
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

import ray
from typing_extensions import override

from nas.ray_backend.daemon_threads import in_background

_log = logging.getLogger(__name__)

_TICK_S: Final = 1.0
_SILENCE_S: Final = 10.0  # of the head, which may be busy; Ray itself ends the process after 60
_HANGS_S: Final = 30.0  # without listing the nodes
_CONNECT_S: Final = 3.0


class ClusterMonitor(threading.Thread):
    """Checks the head and this process's node every second, while a ``with`` block runs.

    Args:
        on_gone: Called once with the reason when the cluster cannot be used any more.
    """

    def __init__(self, on_gone: Callable[[str], None]) -> None:
        super().__init__(name="cluster monitor", daemon=True)
        self._on_gone = on_gone
        context = ray.get_runtime_context()
        host, _, port = context.gcs_address.rpartition(":")
        self._head = (host.strip("[]"), int(port))
        self._node = context.get_node_id()
        self._ended = threading.Event()

    def __enter__(self) -> "ClusterMonitor":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    @override
    def run(self) -> None:
        """Watch until the block ends or the cluster has gone."""
        answered_s = asked_s = time.monotonic()
        died: concurrent.futures.Future[bool] | None = None
        while not self._ended.wait(_TICK_S):
            now_s = time.monotonic()
            try:
                with socket.create_connection(self._head, timeout=_CONNECT_S):
                    answered_s = now_s
            except OSError as error:
                if now_s - answered_s >= _SILENCE_S:
                    return self._lost(f"its head does not answer: {error.strerror or error}")
                continue
            if died is None:  # asked in another thread: a head that dies meanwhile never answers
                died, asked_s = in_background(self._node_died, "nodes"), now_s
            elif died.done():
                if died.result():
                    return self._lost("the node of this process died")
                died = None
            elif now_s - asked_s >= _HANGS_S:
                return self._lost("its head hangs")
        return None

    def _node_died(self) -> bool:
        try:
            return any(n["NodeID"] == self._node and not n["Alive"] for n in ray.nodes())
        except Exception as error:  # the head is asked again, and above by a plain connection
            _log.info("The cluster did not list its nodes: %s", error)
            return False

    def _lost(self, reason: str) -> None:
        _log.error("The cluster has gone: %s.", reason)
        self._on_gone(reason)
