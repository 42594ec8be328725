"""Implements ``nas.measure``, ``nas.measure_layers`` and ``nas.targets``: latency of networks on devices."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from nas.api._process_state import process_left_as_found
from nas.latency.measurement_cache import LatencyCache
from nas.storage.optuna_storage import storage_url
from nas.storage.store import Store
from nas.study.network_lookup import find_network
from search_spaces.building import build
from search_spaces.errors import TargetError
from trials import latency_measurement
from trials.latency.latency import Condition, Latency
from trials.latency.layer_times import LayerTimes
from trials.latency_measurement import probe
from trials.target_names import TARGETS_FILE, find_target, read_targets
from trials.targets import TARGETS


@process_left_as_found()
def measure(
    network: str, *, on: str = "cpu", address: str | None = None, storage: str | None = None
) -> tuple[str, Latency]:
    """Measure the latency of a network on a target, store it, and return it with the network's name.

    Its conditions say by what share repeated measurements on the target differ, ``between_run_spread``.

    Args:
        network: Name or path of a network, see `nas.study.network_lookup.find_network`.
        on: Target, as written in a budget, for example ``cpu``.
        address: Address of the Ray cluster for a target ``node:``.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.

    Raises:
        UserError: if the network or target is unknown, or the target cannot run it.
    """
    url = storage_url(storage)
    find_target(on)
    found = find_network(network, url)
    with Store(url) as store, _joined(address):
        cache = LatencyCache(store, num_classes=found.num_classes, in_channels=found.in_channels)
        latency = cache.time(found.architecture, on, again=True)
        spread = round(cache.spread(latency), 4)
    return found.name, replace(latency, conditions={**latency.conditions, "between_run_spread": spread})


@process_left_as_found()
def measure_layers(
    network: str, *, on: str = "cpu", address: str | None = None, storage: str | None = None
) -> tuple[str, LayerTimes]:
    """Measure the time of each layer of a network on a target; return it with the network's name.

    Args:
        network: Name or path of a network, see `nas.study.network_lookup.find_network`.
        on: Target that runs ONNX Runtime, as written in a budget.
        address: Address of the Ray cluster for a target ``node:``.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.

    Raises:
        UserError: if the network or target is unknown, or the target does not report layers.
    """
    find_target(on)
    found = find_network(network, storage_url(storage))
    built = build(found.architecture, num_classes=found.num_classes, in_channels=found.in_channels)
    with _joined(address):
        times = latency_measurement.measure_layers(
            built, resolution=found.architecture.resolution, in_channels=found.in_channels, target=on
        )
    return found.name, times


@process_left_as_found()
def targets(*, address: str | None = None) -> dict[str, dict[str, Condition] | str]:
    """Return the conditions of each target of this host and of targets.yaml, or why it cannot be used.

    Args:
        address: Address of the Ray cluster for targets ``node:``.
    """
    names = [name for name in TARGETS if not TARGETS[name].addressed] + list(read_targets(TARGETS_FILE))
    found: dict[str, dict[str, Condition] | str] = {}
    with _joined(address):
        for name in names:
            try:
                found[name] = probe(name)
            except TargetError as error:
                found[name] = str(error)
    return found


@contextmanager
def _joined(address: str | None) -> Iterator[None]:
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
