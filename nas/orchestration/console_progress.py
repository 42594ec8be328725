"""Shows a search while it runs: a live table in a terminal, plain lines in a pipe."""

import logging
import sys
import threading
import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from dashboards.metric_names import metric_name
from dashboards.result import Epoch, SearchResult, TrialResult
from nas.orchestration.plan_lines import plan_lines
from nas.orchestration.progress_lines import ProgressLines
from nas.orchestration.running_table import RunningTraining, latencies, reached, running_table
from nas.orchestration.search_plan import SearchPlan
from nas.orchestration.time_forecast import Forecast, forecast
from nas.resources import Capacity
from search_spaces.units import counted, format_count
from trials.training.epoch_progress import EpochProgress
from trials.training.recipe import Recipe

_log = logging.getLogger(__name__)
_ENOUGH_TRAINED = 3  # trained networks whose own times predict the time left


class ConsoleProgress:
    """Shows what a search is about to do and what it does, on standard error.

    Counts are those of the whole search, over all its starts.

    Args:
        capacity: How many trainings run side by side.
        quiet: Whether nothing is shown.
        console: Where it is shown; by default standard error.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        capacity: Capacity,
        *,
        quiet: bool = False,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console or Console(file=sys.stderr, quiet=quiet, highlight=False, emoji=False)
        self._capacity, self._clock = capacity, clock
        self._lock = threading.RLock()  # a signal may ask to speak while a row is drawn
        self._live: Live | None = None
        self._running: dict[int, RunningTraining] = {}
        self._counts = {"complete": 0, "pruned": 0, "fail": 0}
        self._seconds: list[float] = []  # what each trained network took
        self._offered_s: float | None = None  # by the capacity when the first training of this start began
        self._here: list[float] = []  # what each training that ended since took of it
        self._highest: tuple[float, int] | None = None  # which may be luck; the end says what is best
        self._wanted = 0
        self._epochs = 1
        self._rungs: tuple[int, ...] = ()
        self._ends_s: float | None = None  # when time is up
        self._forecast: Forecast | None = None
        self._began_s = clock()
        self._metric = "accuracy"
        self._lines = ProgressLines(clock)

    def resume(self, result: SearchResult) -> None:
        """Take up the counts of a search where its last start left them."""
        for network in result.networks:
            if network.state in self._counts and (network.epochs or network.state == "fail"):
                self._counts[network.state] += 1
            if network.epochs and network.state in {"complete", "pruned"}:
                self._seconds.append(network.seconds)
        usable = [n for n in result.networks if n.state == "complete" and n.fits]
        self._highest = max(((n.accuracy or 0.0, n.trial) for n in usable), default=None)

    def plan(self, plan: SearchPlan, done: int, left_running: int) -> None:
        """Show what fits, what will be trained and how long it will take.

        Args:
            plan: What was asked for.
            done: Networks trained by earlier starts of this search.
            left_running: Trainings that an earlier start left unfinished.
        """
        self.expect(plan.trials, plan.recipe, plan.settings.metric)
        self._ends_s = None if plan.hours is None else self._clock() + 3600 * plan.hours
        for line in plan_lines(plan):
            self.say(line)
        missing = max(plan.trials - done, 0)
        if not missing and not left_running:
            self.say(f"Trained  all {done} networks already; --trials {done + 8} would go on")
            return
        own_s = self._by_experience(missing)
        expected = None if own_s is None else Forecast.exactly(own_s)
        if expected is None and not self._console.quiet:  # seconds of work, which nobody would see
            expected = forecast(plan, missing)
        if expected is not None:
            self._forecast = expected.within(3600 * (plan.hours or float("inf")))
        about = "" if self._forecast is None else f": {self._forecast}"
        resumed = f" after the {done} already trained" if done else ""
        resumed += f", {left_running} of them from where they stopped" if left_running else ""
        early = f", stopped early at epoch {plan.recipe.rungs[0]}" if len(plan.recipe.rungs) > 1 else ""
        self.say(
            f"Train    {counted(missing, 'network')}{resumed}, {plan.slots.count} at a time on "
            f"{plan.slots.device}, "
            f"up to {counted(plan.recipe.epochs, 'epoch')} each{early}{about}"
        )
        if plan.possible_slots is not None:
            self.say(
                f"         The study keeps to {plan.slots.count} at a time, as it was begun; there is room "
                f"for {plan.possible_slots}, which --no-reproducible would use"
            )
        self.say(f"Study    {plan.name} (seed {plan.settings.seed})")

    def expect(self, trainings: int, recipe: Recipe, metric: str) -> None:
        """Take up how many trainings are wanted in all, how each is done and what it reports."""
        self._wanted, self._metric = trainings, metric_name(metric)
        self._epochs, self._rungs = recipe.epochs, recipe.rungs

    def say(self, line: str) -> None:
        """Show one line that stays, and log it."""
        _log.info("%s", line)
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def started(self, network: TrialResult, *, resumed: bool) -> None:
        """Note that a training began, or goes on after a crash."""
        with self._lock:
            now_s = self._clock()
            self._offered_s = self._capacity.offered_s if self._offered_s is None else self._offered_s
            self._running[network.trial] = RunningTraining(network, network.curve, now_s)
        if resumed:
            self.say(f"#{network.trial} goes on from its checkpoint")

    def epoch(self, trial: int, epoch: Epoch) -> None:
        """Note that a training finished an epoch."""
        with self._lock:
            running = self._running[trial]
            running.epochs, running.within = (*running.epochs, epoch), None
        value = reached(epoch)
        _log.info("#%d epoch %d/%d  %s  %.1f s", trial, epoch.epoch, self._epochs, value, epoch.seconds)

    def progress(self, trial: int, progress: EpochProgress) -> None:
        """Note how far a training is within an epoch; say so once a minute where there is no live table."""
        with self._lock:
            self._running[trial].within = progress
            line = self._lines.line(trial, progress)
        if line is not None and self._live is None:
            self.say(line)
        elif line is not None:
            _log.info("%s", line)

    def ended(self, trial: int, state: str, reason: str | None, value: float | None = None) -> None:
        """Note that a training ended, and show how."""
        with self._lock:
            running = self._running.pop(trial)
            self._counts[state] += 1
            last = running.epochs[-1] if running.epochs else None
            self._here.append(min(running.spent_s, self._clock() - running.began_s))
            if state != "fail":
                self._seconds.append(running.spent_s)
            if value is not None:
                self._highest = max(self._highest or (0.0, trial), (value, trial))
        outcome = {
            "complete": "trained",
            "pruned": f"stopped early at epoch {last.epoch if last else 0}",
            "fail": "failed",
        }[state]
        macs = format_count(running.network.costs["macs"])
        cells = (
            f"#{trial:<3} {outcome:<25} {reached(last):>14} {macs:>6} MACs {latencies(running.network):>9}"
        )
        self.say(f"{cells}  {self._left()}{'  ' + reason if reason else ''}")

    def __enter__(self) -> "ConsoleProgress":
        self._began_s = self._clock()
        if self._console.is_terminal and not self._console.quiet:
            self._live = Live(get_renderable=self._render, console=self._console, transient=True)
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    @property
    def _trained(self) -> int:
        return self._counts["complete"] + self._counts["pruned"]

    def _by_experience(self, networks: int) -> float | None:
        """Return the seconds that networks will take if they are as those before; None for too few."""
        if len(self._seconds) < _ENOUGH_TRAINED:
            return None
        mean_s = sum(self._seconds) / len(self._seconds)
        begun_s = sum(min(running.spent_s, mean_s) for running in self._running.values())
        return max(0.0, (mean_s + self._between_s()) * networks - begun_s) / self._capacity.count

    def _between_s(self) -> float:
        """Return the seconds that a slot waits between trainings: proposing, measuring, starting."""
        if self._offered_s is None or len(self._here) < _ENOUGH_TRAINED:
            return 0.0
        now_s = self._clock()
        running_s = sum(now_s - running.began_s for running in self._running.values())
        waited_s = self._capacity.offered_s - self._offered_s - running_s - sum(self._here)
        return max(0.0, waited_s) / len(self._here)

    def _left(self) -> str:
        """Return the progress and the time left in words."""
        missing = self._wanted - self._trained
        left_s = self._by_experience(missing)
        now_s = self._clock()
        left = None if left_s is None else Forecast.exactly(left_s)
        if left is None and self._forecast is not None:
            left = self._forecast.after(now_s - self._began_s)
        words = f"{self._trained}/{self._wanted}"
        if left is None or missing <= 0:
            return words
        left = left.within(float("inf") if self._ends_s is None else self._ends_s - now_s)
        return words + (f", {left} left" if left.high_s > 0 else "")

    def _render(self) -> RenderableType:
        with self._lock:
            running = [r for _, r in sorted(self._running.items())]
            counts, highest = dict(self._counts), self._highest
        table = running_table(
            running, epochs=self._epochs, rungs=self._rungs, metric=self._metric, now_s=self._clock()
        )
        words = f"{counts['complete']} trained, {counts['pruned']} stopped early, {counts['fail']} failed"
        leader = f"; highest {self._metric} {highest[0]:.2%} (#{highest[1]})" if highest else ""
        return Group(table, Text(f"{words}{leader}; {self._left()}", style="bold"))
