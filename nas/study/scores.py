"""Lists the figures of a network: which weights reached what, on which images, in which metric."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dashboards.result import SEEN, Score, TrialResult
from nas.study.final_tests import TestScores, key_of
from nas.study.naming import trial_folder
from nas.study.retrained import Retrained, finals, ranked
from nas.study.settings import Settings
from nas.study.study import Attributed
from trials.training.file_names import WEIGHTS


@dataclass(frozen=True, slots=True)
class ScoreReader:
    """Reads the figures of the networks of one study, whose attributes are read once.

    Attributes:
        attrs: User attributes of the study.
        settings: What defines the study.
        compared: Retrainings by which networks are compared, by trial.
        delivered: Retrainings on all but the test images, by trial.
    """

    attrs: Mapping[str, Any]
    settings: Settings
    compared: Mapping[int, Retrained]
    delivered: Mapping[int, Retrained]

    @classmethod
    def of(cls, study: Attributed, settings: Settings) -> "ScoreReader":
        """Return the reader of a study."""
        return cls(study.user_attrs, settings, ranked(study), finals(study))

    def scores(self, network: TrialResult) -> tuple[Score, ...]:
        """Return the figures of all weights of a network."""
        if network.accuracy is None:
            return ()
        return tuple(self._scores(network))

    def _scores(self, network: TrialResult) -> Iterator[Score]:
        searched = trial_folder(network.trial) + f"/{WEIGHTS}"
        found = self._score(network, None, "validation", network.accuracy or 0.0, network.standard_error)
        if network.fp32_accuracy is None:
            yield found
        else:
            yield replace(found, form="int8")
            error = network.curve[-1].standard_error
            yield replace(found, value=network.fp32_accuracy, standard_error=error)
        yield from self._tested(network, None, self._stored(network.trial, searched))
        joined = self.delivered.get(network.trial)
        alone = self.compared.get(network.trial) if joined is None or joined.joined else joined
        if alone is not None and alone.accuracy is not None:
            yield self._score(network, alone, "validation", alone.accuracy, alone.standard_error)
            yield from self._tested(network, alone, self._stored(network.trial, alone.weights))
        if alone is not None and alone.int8 is not None and not alone.joined:
            yield self._int8(network, alone, "validation", *alone.int8)
        if joined is not None:
            if joined.seen_accuracy is not None:
                yield self._score(network, joined, SEEN, joined.seen_accuracy, None)
            if joined.int8 is not None and joined.joined:
                yield self._int8(network, joined, SEEN, joined.int8[0], None)
            yield from self._tested(network, joined, joined.test_scores)
            if joined.int8_test is not None:
                yield self._int8(network, joined, "test", *joined.int8_test[self.settings.metric])

    def _int8(
        self, network: TrialResult, retrained: Retrained, split: str, value: float, error: float | None
    ) -> Score:
        """Return a figure of the int8 form of a retrained network."""
        return replace(self._score(network, retrained, split, value, error), form="int8")

    def _stored(self, trial: int, weights: str) -> TestScores | None:
        record = self.attrs.get(key_of(trial, weights))
        return None if record is None else TestScores.from_json(record)

    def _tested(
        self, network: TrialResult, retrained: Retrained | None, scores: TestScores | None
    ) -> Iterator[Score]:
        if scores is not None:
            metric, value, error = scores.of(self.settings.metric)
            yield self._score(network, retrained, "test", value, error, metric)

    def _score(
        self,
        network: TrialResult,
        retrained: Retrained | None,
        split: str,
        value: float,
        error: float | None,
        metric: str | None = None,
    ) -> Score:
        recipe = self.settings.recipe if retrained is None else retrained.recipe
        return Score(
            weights="search" if retrained is None else "retrained",
            recipe=str(recipe["name"]),
            epochs=network.epochs if retrained is None else int(recipe["epochs"]),
            learnt_from="training" if retrained is None else retrained.learnt_from,
            split=split,
            metric=metric or self.settings.metric,
            value=value,
            standard_error=error,
            started_from=None if retrained is None else retrained.started_from,
        )
