"""Finds the networks of a comparison: the one that a search found, and those that it is compared with."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace

import optuna

from nas.comparison.entrant import Entrant
from nas.comparison.families import Scaler, families
from nas.comparison.latencies import latency_of
from nas.comparison.request import Request, Shape
from nas.latency.measurement_cache import LatencyCache
from nas.storage.store import Store
from nas.study.network_lookup import find_network, is_there
from nas.study.results import chosen_network, result_of, split_network
from nas.study.settings import Settings
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.errors import InvalidValueError, NothingFitsError
from search_spaces.published import references
from trials.donors import is_source
from trials.images.splits import Splits


def entrants_of(
    request: Request,
    search: optuna.Study | None,
    settings: Settings,
    splits: Splits,
    say: Callable[[str], None],
) -> tuple[tuple[Entrant, ...], dict[str, str]]:
    """Return the networks to train, the first one first, and why families are left out.

    Raises:
        InvalidValueError: if there are fewer than two.
        NothingFitsError: if nothing fits that could be compared.
    """
    if search is None:
        named = [_named(text, request.url) for text in (*request.networks, *request.others)]
        distinct = _distinct(named)
        if len(distinct) < 2 and not request.alone:
            raise InvalidValueError(
                f"Cannot compare {named[0].name} with nothing else: expected two or more networks, for "
                f"example nas compare {named[0].name} --with mobilenet_v2_0.35_96, or a search."
            )
        return distinct, {}
    result = result_of(search)
    text = request.networks[0] if request.networks else None
    network = chosen_network(result, split_network(text)[1])
    first = Entrant(
        name=f"{search.study_name}#{network.trial}",
        origin=f"found by {search.study_name}",
        architecture=network.architecture,
        weights=f"{search.study_name}#{network.trial}",
    )
    shape = Shape(num_classes=len(splits.classes), in_channels=splits.channels)
    left_out: dict[str, str] = {}
    found = [first]
    with ExitStack() as stack:
        store = stack.enter_context(Store(request.url))
        cache = LatencyCache(store, report_line=say, **shape)
        scaler = Scaler(
            budgets=settings.budgets,
            macs=network.costs["macs"],
            rule=request.rule,
            excess=lambda architecture: _timed_excess(architecture, settings.budgets, cache),
            **shape,
        )
        for other in request.others or families():
            try:
                found.append(_other(other, request.url, scaler, say))
            except NothingFitsError as error:
                left_out[other] = str(error)
                say(f"Left out {other}: {error}")
    distinct = _distinct(found)
    if len(distinct) == 1 and not left_out:
        raise InvalidValueError(
            f"Cannot compare {first.name} with itself: expected another network with --with, or none for the "
            f"published families."
        )
    if len(distinct) == 1:
        raise NothingFitsError(
            f"Nothing to compare {first.name} with fits {' and '.join(map(str, settings.budgets))}: "
            f"{next(iter(left_out.values()))} Name others with --with."
        )
    return distinct, left_out


def _other(text: str, url: str, scaler: Scaler, say: Callable[[str], None]) -> Entrant:
    """Return a network to compare with: as it is if it fits the budgets, else scaled into them."""
    if text in families():
        return scaler.family(text)
    entrant = _named(text, url)
    if scaler.fits(entrant.architecture):
        return entrant
    scaled = scaler.scaled(text, entrant.architecture, published=entrant.published, called=f"{text}, scaled")
    scaled = replace(scaled, weights=entrant.weights)
    say(f"{text} does not fit and is compared as {scaled.origin.removeprefix(text).strip()}")
    return scaled


def _named(text: str, url: str) -> Entrant:
    found = find_network(text, url)
    published = text if text in references() else None
    origin = "as published" if published else "as named"
    weights = None if published is None and is_there(text) and not is_source(text) else text
    return Entrant(
        name=found.name,
        origin=origin,
        architecture=found.architecture,
        published=published,
        weights=weights,
    )


def _distinct(entrants: Sequence[Entrant]) -> tuple[Entrant, ...]:
    """Return entrants without those that were named twice."""
    return tuple({entrant.name: entrant for entrant in reversed(entrants)}.values())[::-1]


def _timed_excess(architecture: Architecture, budgets: Sequence[Budget], cache: LatencyCache) -> float:
    """Return by what share a network, measured now unless it was, exceeds the latency it exceeds most."""
    latencies = [(b, latency_of(architecture, b, cache)) for b in budgets if not b.counted]
    return max(latency.excess(b.limit, cache.spread(latency)) for b, latency in latencies)
