"""Predicts latencies before they are measured, by models of the measurements that the storage holds."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from nas.storage.records import Measurement
from nas.storage.store import Store, setting_key
from nas.surrogates.latency_model import LatencyModel, learn
from nas.surrogates.latency_operations import operations
from search_spaces.architecture import Architecture
from trials.latency.latency import Condition
from trials.latency.timing_protocol import QUICKEST

_LEAST: Final = 20  # measurements before a model decides what is worth measuring
_LEAST_WITH_SOURCE: Final = 10  # the same where another target's model is there to build on
_LEAST_OF_SOURCE: Final = 50  # measurements that make another target's model worth building on
_MOST_OF_SOURCE: Final = 300  # more of them cost time and say little
_REFIT_AFTER: Final = 5  # further measurements


class LatencyPredictor:
    """Latency models of every target of a storage, fitted when they are needed.

    Args:
        store: Measurements of all studies.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._models: dict[tuple[str, str], tuple[int, LatencyModel]] = {}
        self._sources: dict[tuple[str, str], LatencyModel] = {}

    def predict(
        self,
        architecture: Architecture,
        setting: Mapping[str, Condition],
        *,
        num_classes: int,
        in_channels: int,
        figure: str = QUICKEST,
    ) -> tuple[float, float] | None:
        """Return the mean and standard deviation of a network's latency, in milliseconds.

        None where too little was measured in the setting to say: 20 networks, or 10 where the storage
        holds 50 of another target.

        Args:
            architecture: What would be measured.
            setting: See `trials.latency.latency.SETTING`.
            num_classes: Class scores of the network.
            in_channels: Channels of its images.
            figure: Which figure, one of `trials.latency.latency.FIGURES`.
        """
        model = self._model(setting, figure)
        if model is None:
            return None
        network = operations(architecture, num_classes=num_classes, in_channels=in_channels)
        prediction = model.predict([network])
        return float(prediction.mean_ms[0]), float(prediction.stddev_ms[0])

    def _model(self, setting: Mapping[str, Condition], figure: str) -> LatencyModel | None:
        """Return the model of a figure in a setting, fitted again after every few measurements."""
        key, measured = (setting_key(setting), figure), self._stable(setting, figure)
        if len(measured) < _LEAST_WITH_SOURCE:
            return None
        known = self._models.get(key)
        if known is not None and len(measured) < known[0] + _REFIT_AFTER:
            return known[1]
        source = self._source(key)
        if source is None and len(measured) < _LEAST:
            return None
        start = known[1].hyperparameters if known is not None else None
        model = _fitted(measured, source=source, start=start)
        self._models[key] = (len(measured), model)
        return model

    def _source(self, key: tuple[str, str]) -> LatencyModel | None:
        """Return the model of the other setting with the most such measurements, None if none has enough.

        It is fitted once: what is measured there meanwhile would change little here.
        """
        if key not in self._sources:
            others = [setting for setting in self._store.settings() if setting_key(setting) != key[0]]
            measured = max((self._stable(setting, key[1]) for setting in others), key=len, default=[])
            if len(measured) < _LEAST_OF_SOURCE:
                return None
            self._sources[key] = _fitted(measured[-_MOST_OF_SOURCE:])
        return self._sources[key]

    def _stable(self, setting: Mapping[str, Condition], figure: str) -> list[Measurement]:
        """Return the measurements of a setting that hold a figure, as their latency."""
        measured = [(m, m.latency.figure(figure)) for m in self._store.measurements(setting)]
        return [replace(m, latency=found) for m, found in measured if found is not None and found.stable]


def _fitted(
    measured: Sequence[Measurement],
    *,
    source: LatencyModel | None = None,
    start: NDArray[np.float64] | None = None,
) -> LatencyModel:
    """Return a latency model fitted to measurements."""
    networks = [
        operations(m.architecture, num_classes=m.num_classes, in_channels=m.in_channels) for m in measured
    ]
    return learn(networks, [m.latency.median_ms for m in measured], source=source, start=start)
