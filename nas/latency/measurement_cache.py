"""Measures latencies once and keeps them for all studies of a storage; predicts those not measured yet."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from nas.latency.predictor import LatencyPredictor
from nas.storage.records import Measurement
from nas.storage.store import Store
from search_spaces.architecture import Architecture
from search_spaces.budget import Budget
from search_spaces.building import build
from search_spaces.errors import TargetError
from trials.latency.latency import Condition, Latency, setting_of
from trials.latency.timing_protocol import QUICKEST
from trials.latency_measurement import measure, probe
from trials.training.seeding import seeded_build


class LatencyCache:
    """Measures networks on targets and keeps every measurement for all studies of a storage.

    Args:
        store: Where measurements are kept.
        num_classes: Class scores of the networks.
        in_channels: Channels of their images.
        now: Returns the time, UTC.
        report_line: Shows a line to the user.
        conditions: What targets have already said about themselves, by target.
    """

    def __init__(
        self,
        store: Store,
        *,
        num_classes: int,
        in_channels: int,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        report_line: Callable[[str], None] = lambda _: None,
        conditions: Mapping[str, Mapping[str, Condition]] | None = None,
    ) -> None:
        self._store = store
        self._classes, self._channels = num_classes, in_channels
        self._now, self._report_line = now, report_line
        self._shown: set[str] = set()
        self._settings = {target: setting_of(said) for target, said in (conditions or {}).items()}
        self._predictor = LatencyPredictor(store)

    def setting(self, target: str) -> dict[str, Condition]:
        """Return the conditions that comparable measurements of a target share; asks the target once.

        Raises:
            UnknownNameError: if no target is called so.
            TargetError: if it does not answer.
        """
        if target not in self._settings:
            self._settings[target] = setting_of(probe(target))
        return self._settings[target]

    def time(
        self, architecture: Architecture, target: str, *, again: bool = False, figure: str = QUICKEST
    ) -> Latency:
        """Return the latency of a network on a target.

        A network whose kept measurements are of an earlier version, without the figure, is measured anew.

        Args:
            architecture: What is timed; weights do not matter.
            target: Name of the target as in a budget.
            again: Whether it is measured although a measurement is kept.
            figure: Which figure the latency holds, one of `trials.latency.latency.FIGURES`.

        Raises:
            MissingFigureError: if the target does not report the figure.
            TargetError: if the target is away or cannot run the network.
        """
        setting = self.setting(target)
        known = None if again else self._kept(architecture, setting, figure)
        if known is not None:
            return known
        if figure != QUICKEST and not again and self._kept(architecture, setting, QUICKEST) is not None:
            self._tell(f"Earlier measurements on {target} have no {figure} of the wall clock: measured anew")
        measured = self._measured(architecture, target, setting, figure).figure(figure)
        assert measured is not None  # `measure` has checked it
        return measured

    def of_budget(self, architecture: Architecture, budget: Budget, *, again: bool = False) -> Latency:
        """Return the latency of a network that a budget limits, see `time`."""
        return self.time(architecture, str(budget.target), again=again, figure=budget.figure)

    def spread(self, latency: Latency) -> float:
        """Return the share by which repeated measurements differ: of the figure and setting of a latency."""
        return self._store.spread(latency.conditions)

    def answers(self, target: str) -> bool:
        """Return whether a target answers now, asked again; what it says then is what counts."""
        self._settings.pop(target, None)
        try:
            self.setting(target)
        except TargetError:
            return False
        return True

    def predict(
        self, architecture: Architecture, target: str, figure: str = QUICKEST
    ) -> tuple[float, float] | None:
        """Return the mean and standard deviation that a measurement would have, in milliseconds.

        None where too little was measured to say.
        """
        return self._predictor.predict(
            architecture,
            self.setting(target),
            num_classes=self._classes,
            in_channels=self._channels,
            figure=figure,
        )

    def _kept(self, architecture: Architecture, setting: dict[str, Condition], figure: str) -> Latency | None:
        return self._store.latency(
            architecture,
            num_classes=self._classes,
            in_channels=self._channels,
            conditions=setting,
            figure=figure,
        )

    def _tell(self, line: str) -> None:
        """Show a line once."""
        if line not in self._shown:
            self._shown.add(line)
            self._report_line(line)

    def _measured(
        self, architecture: Architecture, target: str, setting: dict[str, Condition], figure: str
    ) -> Latency:
        network = seeded_build(
            lambda: build(architecture, num_classes=self._classes, in_channels=self._channels), 0
        )
        latency = measure(
            network.eval(),
            resolution=architecture.resolution,
            in_channels=self._channels,
            target=target,
            nominal_ms=self._store.nominal_ms(setting),
            figure=figure,
        )
        self._settings[target] = latency.setting  # a clock or driver may have changed since the probe
        self._store.add_measurement(
            Measurement(
                architecture=architecture,
                num_classes=self._classes,
                in_channels=self._channels,
                latency=latency,
                measured_at=self._now(),
            )
        )
        return latency
