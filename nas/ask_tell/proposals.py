"""Asks a study's sampler for the next trial: first the networks that were named, then the sampler's own."""

from collections.abc import Sequence

import optuna
from optuna.trial import FrozenTrial, Trial, TrialState

from nas.ask_tell.known_trials import KnownTrials, NotYetError
from nas.bayesopt.space_problem import distribution_of
from nas.bayesopt.user_errors import as_user_errors
from nas.storage.trial_view import TrialView
from nas.study import trial_attributes
from nas.study.opened_study import OpenedStudy
from search_spaces.architecture import Architecture
from search_spaces.network_codes import NetworkCodes


class Proposals:
    """Proposals of one study, made while no other driver proposes.

    Args:
        opened: The study, whose sampler proposes.
        codes: Encoding of the search space.
        seeds: Networks of the space that are tried before the sampler's own.
        known: What proposals may rest on so that every run makes the same; None for all there is.

    Attributes:
        broken_off: Numbers of the trials that a dead driver was about to propose. Where every run is to make
            the same proposals they are taken up; elsewhere there are none.
    """

    def __init__(
        self,
        opened: OpenedStudy,
        codes: NetworkCodes,
        seeds: Sequence[Architecture],
        known: KnownTrials | None,
    ) -> None:
        self._opened, self._study, self._codes = opened, opened.study, codes
        self._distributions = {choice.name: distribution_of(choice) for choice in codes.choices}
        self._seeds, self._known = list(seeds), known
        self.broken_off: list[int] = []

    def repeats(self, left: FrozenTrial) -> bool:
        """Return whether a trial that a dead driver left before it was described is proposed again."""
        if self._known is None or trial_attributes.described(left):
            return False
        self.broken_off.append(left.number)
        return True

    def ask(self) -> Trial:
        """Return a trial with the next seed that no trial holds, or with what the sampler proposes.

        Raises:
            NotYetError: if every run of the search waits for another trial here.
        """
        trials = self._study.get_trials(deepcopy=False)
        queued = [t.number for t in trials if t.state == TrialState.WAITING]
        number = min([*self.broken_off, *queued], default=len(trials))
        study = self._study if self._known is None else self._as_known(self._known, trials, number)
        while self._seeds and not queued and number == len(trials):
            wanted = self.holder(self._seeds[0], before=number) is None
            if wanted:
                self._study.enqueue_trial(self._codes.params(self._seeds[0]), skip_if_exists=False)
            del self._seeds[0]  # not before: who asks again after an outage of the database has it still
            if wanted:
                break
        with as_user_errors():
            return study.ask(fixed_distributions=self._distributions)

    def holder(self, architecture: Architecture, *, before: int) -> int | None:
        """Return the number of another trial that holds a network, or failed because of it, if any.

        Args:
            architecture: The network.
            before: Number of the trial that is to hold it.
        """
        trials = self._study.get_trials(deepcopy=False)
        if self._known is not None:  # what failed in one run may still train in another
            trials = [*self._known.seen(trials, before), *trials[before + 1 :]]
        for other in trials:
            same = other.user_attrs.get(trial_attributes.FINGERPRINT) == architecture.fingerprint
            free = other.state == TrialState.FAIL and not trial_attributes.network_failed(other)
            if same and other.number != before and not free:
                return other.number
        return None

    def _as_known(self, known: KnownTrials, trials: Sequence[FrozenTrial], number: int) -> optuna.Study:
        """Return the study as the proposal of a trial may see it."""
        if known.missing(trials, number) is not None:
            raise NotYetError
        unfinished = self._opened.trial_id(number) if number in self.broken_off else None
        return optuna.load_study(
            study_name=self._study.study_name,
            storage=TrialView(self._opened.storage, lambda now: known.seen(now, number), unfinished),
            sampler=self._study.sampler,
            pruner=self._study.pruner,
        )
