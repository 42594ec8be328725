"""Implements ``nas.measure``, ``nas.measure_layers``, ``nas.measure_scores``: what is known of a network."""

from dataclasses import replace

from nas.api._joined_cluster import joined
from nas.api._process_state import process_left_as_found
from nas.latency.measurement_cache import LatencyCache
from nas.profiling.network_scores import NetworkScores, scores_of
from nas.storage.optuna_storage import storage_url
from nas.storage.store import Store
from nas.study.network_lookup import find_network
from search_spaces.building import build
from trials import latency_measurement
from trials.latency.latency import Latency
from trials.latency.layer_times import LayerTimes
from trials.scoring import ScoringImages
from trials.target_names import find_target


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
    with Store(url, create=False) as store, joined(address):
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
    with joined(address):
        times = latency_measurement.measure_layers(
            built, resolution=found.architecture.resolution, in_channels=found.in_channels, target=on
        )
    return found.name, times


@process_left_as_found()
def measure_scores(
    network: str, *, scores: bool | None = None, storage: str | None = None, seed: int = 0
) -> tuple[str, NetworkScores]:
    """Return a network's name, exact counts and training-free scores at random weights.

    Images are normal noise of the network's size with random labels, so that networks of different data sets
    compare; `nas.profile_scores` scores on a data set.

    Args:
        network: Name or path of a network, see `nas.study.network_lookup.find_network`.
        scores: Whether scores that look at images are taken; by default up to 600M MACs.
        storage: Database URL; by default ``$NAS_STORAGE``, else ``sqlite:///nas.db``.
        seed: Seed of the weights and of the noise, at least 0.

    Raises:
        UserError: if the network is unknown.
    """
    found = find_network(network, storage_url(storage))
    images = ScoringImages(classes=found.num_classes, channels=found.in_channels, seed=seed)
    return found.name, scores_of(found.architecture, images, seed=seed, on_images=scores)
