"""Admits the nodes of a cluster that can train, and keeps trainings away from those that cannot."""

import logging
import threading
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Final

from nas.ray_backend.ray_cluster import Cluster, ClusterError, Node
from nas.resources import Slots
from nas.study.naming import NODE_TOKEN

_log = logging.getLogger(__name__)

_TICK_S: Final = 2.0
_PATIENCE_S: Final = 30.0  # with a cluster on which nothing can be trained: nodes may be starting again


class NodeAdmission(threading.Thread):
    """Checks the nodes of a cluster every few seconds, while a ``with`` block runs.

    Entering asks every node that has room for a training, and raises for the first that cannot train. A
    node that joins later and cannot is left out, which is reported.

    Args:
        cluster: The cluster, which this process has joined.
        slots: Resources of each training.
        folder: Folder of the study, which the nodes have to see; None where its files lie behind a URL.
        images: Path of the images.
        report_line: Shows a line to the user.
        on_lost: Called with the reason if every node that is left is one that cannot train.
        on_changed: Called with the nodes that can train, every few seconds.
    """

    def __init__(
        self,
        cluster: Cluster,
        slots: Slots,
        folder: Path | None,
        images: str,
        *,
        report_line: Callable[[str], None],
        on_lost: Callable[[ClusterError], None],
        on_changed: Callable[[list[Node]], None],
    ) -> None:
        super().__init__(name="node admission", daemon=True)
        self._cluster, self._slots, self._folder, self._images = cluster, slots, folder, images
        self._report_line, self._on_lost, self._on_changed = report_line, on_lost, on_changed
        self._sign = ""
        self._asked: set[str] = set()
        self._idle_s = 0.0
        self._ended = threading.Event()

    def __enter__(self) -> "NodeAdmission":
        if self._folder is not None:
            self._sign = _sign_of(self._folder / NODE_TOKEN)
        for reason in self._ask(self._cluster.able(self._slots)).values():
            raise ClusterError(reason)
        if not self._cluster.has_room(self._slots):
            self._report_line(f"Other work takes all of {self._cluster.name}; waiting for it to make room")
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()

    def run(self) -> None:
        """Check for new nodes until the block ends."""
        while not self._ended.wait(_TICK_S):
            try:
                able = self._cluster.able(self._slots)
                for key, reason in self._ask([n for n in able if n.key not in self._asked]).items():
                    self.refuse(key, reason)
                able = self._cluster.able(self._slots)
                self._on_changed(able)
                self._check_able(able)
            except Exception:  # the head may be busy or gone, which `ClusterMonitor` sees
                _log.info("The cluster did not list its nodes.", exc_info=True)

    def refuse(self, key: str, reason: str) -> None:
        """Leave a node out from now on."""
        if self._cluster.refuse(key, reason):
            self._report_line(f"{reason} Nothing is trained there.")

    def _ask(self, nodes: list[Node]) -> dict[str, str]:
        token = None if self._folder is None else self._folder / NODE_TOKEN
        found = self._cluster.check(nodes, self._slots, token=token, sign=self._sign, images=self._images)
        self._asked.update(node.key for node in nodes)
        return found

    def _check_able(self, able: list[Node]) -> None:
        """Say when no node has been able to train for a while, and give up where none will be."""
        if able:
            self._idle_s = 0.0
            return
        before, self._idle_s = self._idle_s, self._idle_s + _TICK_S
        if not before < _PATIENCE_S <= self._idle_s:
            return
        refusals = self._cluster.refusals_of_live_nodes()
        if refusals:
            self._on_lost(ClusterError(f"No node is left that can train: {refusals[0]}"))
        else:
            self._report_line(
                f"No node of {self._cluster.name} has room for a training; waiting for one to join"
            )


def _sign_of(token: Path) -> str:
    """Return the content of a file that nodes look for; the first driver of a study writes it."""
    draft = token.with_name(f"{token.name}-{uuid.uuid4().hex}")
    if not token.exists():
        draft.write_text(uuid.uuid4().hex, encoding="ascii")
        draft.rename(token)
    return token.read_text(encoding="ascii")
