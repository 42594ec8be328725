"""Implements ``nas.targets``: the devices on which latency can be measured."""

from nas.api._joined_cluster import joined
from nas.api._process_state import process_left_as_found
from search_spaces.errors import TargetError
from trials.latency.latency import Condition
from trials.latency_measurement import probe
from trials.target_names import TARGETS_FILE, read_targets
from trials.targets import TARGETS


@process_left_as_found()
def targets(*, address: str | None = None) -> dict[str, dict[str, Condition] | str]:
    """Return the conditions of each target of this host and of targets.yaml, or why it cannot be used.

    Args:
        address: Address of the Ray cluster for targets ``node:``.
    """
    names = [name for name in TARGETS if not TARGETS[name].addressed] + list(read_targets(TARGETS_FILE))
    found: dict[str, dict[str, Condition] | str] = {}
    with joined(address):
        for name in names:
            try:
                found[name] = probe(name)
            except TargetError as error:
                found[name] = str(error)
    return found
