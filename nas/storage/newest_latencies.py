"""Reads the newest latencies of networks: quickest runs, and the figures that budgets limit."""

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from nas.storage.store import Store
from search_spaces.budget import Budget
from trials.latency.latency import Latency
from trials.latency.timing_protocol import QUICKEST


def newest_latencies(
    store: Store, budgets: Sequence[Budget], *, num_classes: int, in_channels: int
) -> dict[str, dict[str, tuple[datetime, Latency]]]:
    """Return the newest latencies of networks with their times, by fingerprint and then `Budget.measured`.

    Besides the quickest run on each target they are those figures on the wall clock that budgets ask for.
    """
    newest = partial(store.newest, num_classes=num_classes, in_channels=in_channels)
    found = {fingerprint: dict(of) for fingerprint, of in newest().items()}
    wall = [budget for budget in budgets if not budget.counted and budget.figure != QUICKEST]
    for fingerprint, latest in (newest(stable=False) if wall else {}).items():
        for budget in wall:
            measured_at, measured = latest.get(str(budget.target), (None, None))
            latency = None if measured is None else measured.figure(budget.figure)
            if latency is not None and measured_at is not None:
                found.setdefault(fingerprint, {})[budget.measured] = measured_at, latency
    return found
