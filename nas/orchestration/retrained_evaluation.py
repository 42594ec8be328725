"""Evaluates the weights of a retraining: on the test images, and in int8 where that form is deployed."""

from dataclasses import replace

import torch

from dashboards.metric_names import metric_name
from dashboards.result import TrialResult
from nas.files.study_images import images_for
from nas.orchestration.deployed_form import INT8
from nas.orchestration.retraining_runs import RetrainingRuns
from nas.study.final_tests import note_read
from nas.study.retrained import Retrained
from nas.study.study import settings_of
from search_spaces.units import format_accuracy
from trials.training.evaluation import Scores
from trials.training.final_test import final_int8_values, final_scores, validation_int8_values


class RetrainedEvaluation:
    """Evaluates weights of networks of one study that were trained again, and says what they reach.

    Args:
        runs: The trainings.
        form_asked: Numbers in which networks are deployed, as asked for; None for those of the search.
    """

    def __init__(self, runs: RetrainingRuns, form_asked: str | None) -> None:
        self._runs, self._form_asked = runs, form_asked
        self._metric = settings_of(runs.study).metric

    def tested(self, network: TrialResult, name: str) -> Scores:
        """Return the scores of weights on the test images, and say them."""
        note_read(self._runs.study, name)
        with self._runs.files.fetched(name) as weights:
            scores = final_scores(
                network.architecture,
                weights,
                images_for(self._runs.study, network.architecture.resolution),
                self._runs.recipe,
                torch.device(self._runs.device),
            )
        value, error = scores.of(self._metric)
        self._runs.report_line(
            f"#{network.trial} test {metric_name(self._metric)} {format_accuracy(value, error)}"
        )
        return scores

    def tested_int8(self, network: TrialResult, name: str) -> dict[str, list[float]] | None:
        """Return the figures of the int8 form on the test images and say them; None if deployed in fp32."""
        if self._runs.deploy_dtype != INT8:
            return None
        note_read(self._runs.study, f"{name}@{INT8}")
        splits = images_for(self._runs.study, network.architecture.resolution)
        with self._runs.files.fetched(name) as weights:
            found = final_int8_values(network.architecture, weights, splits, self._runs.recipe)
        value, error = found[self._metric]
        self._runs.report_line(
            f"#{network.trial} test {metric_name(self._metric)} in {INT8} {format_accuracy(value, error)}"
        )
        return found

    def lacks_int8(self, known: Retrained) -> bool:
        """Return whether a training ended without the figures of the int8 form that is deployed."""
        return self._runs.deploy_dtype == INT8 and known.int8 is None

    def in_deployed_form(self, network: TrialResult, known: Retrained) -> Retrained:
        """Return an ended training with the figures of its int8 form if that is deployed, or without them."""
        if self.lacks_int8(known):
            return self.with_int8(network, known)
        if self._runs.deploy_dtype != INT8 and known.int8 is not None:
            return replace(known, deploy_dtype=self._form_asked, int8=None)
        return known

    def with_int8(self, network: TrialResult, known: Retrained) -> Retrained:
        """Return an ended training with what its int8 form reaches on validation images, and say that."""
        splits = images_for(self._runs.study, network.architecture.resolution)
        with self._runs.files.fetched(known.weights) as weights:
            found = validation_int8_values(network.architecture, weights, splits, self._runs.recipe)
        value, error = found[self._metric]
        self._runs.report_line(
            f"#{network.trial} {metric_name(self._metric)} of the trained network in {INT8} "
            f"{format_accuracy(value, error)}"
        )
        return replace(known, deploy_dtype=self._form_asked, int8=[value, error])
