"""Sees when a Ray cluster has gone, long before Ray gives up and ends the process."""

import logging
import socket
import threading
import time
from typing import Final

import ray
from typing_extensions import override

_log = logging.getLogger(__name__)

_TICK_S: Final = 1.0
_SILENCE_S: Final = 10.0  # of the head, which may be busy; Ray itself ends the process after 60
_CONNECT_S: Final = 3.0


class ClusterWatch(threading.Thread):
    """Looks every second at the head and at this process's node, while a ``with`` block runs.

    Args:
        name: What the cluster is called in messages.

    Attributes:
        gone: Whether the cluster cannot be used any more.
        reason: Why, in words.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name="cluster watch", daemon=True)
        self.gone = False
        self.reason = ""
        self.name = name
        context = ray.get_runtime_context()
        host, _, port = context.gcs_address.rpartition(":")
        self._head = (host.strip("[]"), int(port))
        self._node = context.get_node_id()
        self._ended = threading.Event()

    def __enter__(self) -> "ClusterWatch":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    @override
    def run(self) -> None:
        """Watch until the block ends or the cluster has gone."""
        answered_s = time.monotonic()
        while not self._ended.wait(_TICK_S):
            try:
                with socket.create_connection(self._head, timeout=_CONNECT_S):
                    answered_s = time.monotonic()
            except OSError as error:
                if time.monotonic() - answered_s >= _SILENCE_S:
                    return self._lost(f"its head does not answer: {error.strerror or error}")
                continue
            if self._node_died():
                return self._lost("the node of this process died")
        return None

    def _node_died(self) -> bool:
        try:
            return any(n["NodeID"] == self._node and not n["Alive"] for n in ray.nodes())
        except Exception as error:  # the head is asked again, and above by a plain connection
            _log.info("The cluster did not list its nodes: %s", error)
            return False

    def _lost(self, reason: str) -> None:
        self.reason, self.gone = reason, True
        _log.error("The cluster has gone: %s.", reason)
