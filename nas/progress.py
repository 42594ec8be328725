"""Shows a search while it runs: a live table in a terminal, plain lines in a pipe."""

import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from nas.plan import Plan
from search_spaces.units import format_bytes, format_count, format_seconds

_FULL_RESOURCES = {"peak": format_bytes, "weights": format_bytes}


@dataclass(slots=True)
class _Running:
    epoch: int = 0
    accuracy: float | None = None
    began_s: float = field(default_factory=time.monotonic)


class Progress:
    """Tells what a search is about to do and what it does; everything goes to standard error.

    Args:
        quiet: Whether nothing is shown.
        console: Where it is shown; by default standard error.
        clock: Returns seconds that only rise.
    """

    def __init__(
        self,
        *,
        quiet: bool = False,
        console: Console | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._console = console or Console(file=sys.stderr, quiet=quiet, highlight=False)
        self._clock = clock
        self._lock = threading.RLock()  # a signal may ask to speak while a row is drawn
        self._live: Live | None = None
        self._running: dict[int, _Running] = {}
        self._counts = {"complete": 0, "pruned": 0, "fail": 0}
        self._best: tuple[float, int] | None = None
        self._wanted = 0
        self._done_before = 0
        self._epochs = 1
        self._forecast_s: float | None = None
        self._began_s = clock()

    def plan(self, plan: Plan, done: int, left_running: int) -> None:
        """Say what fits, what will be trained and how long it will take.

        Args:
            plan: What was asked for.
            done: Networks trained by earlier starts of this search.
            left_running: Trainings that an earlier start left unfinished.
        """
        self._wanted, self._done_before, self._epochs = plan.trials, done, plan.recipe.epochs
        splits = plan.splits
        side = "x".join(map(str, splits.train.images.shape[1:3]))
        colours = "grey" if splits.channels == 1 else "colour"
        self.say(
            f"Images   {plan.settings.data}: {len(splits.train):,} to train on, "
            f"{len(splits.validation):,} to compare by, {len(splits.classes)} classes, {side} {colours}"
        )
        if splits.unreadable:
            self.say(f"         {len(splits.unreadable)} images could not be read and are left out")
        self.say(f"Space    {plan.space.name}: {format_count(plan.space.size)} networks, {_ranges(plan)}")
        self.say(
            f"Budget   {' and '.join(map(str, plan.budgets))}: {plan.share_that_fits:.1%} of the space fits"
            + (" what is known; latency is measured before each training" if plan.targets else "")
        )
        missing = max(plan.trials - done, 0)
        if not missing and not left_running:
            self.say(f"Trained  all {done} networks already; --trials {done + 8} would go on")
            return
        self._forecast_s = min(plan.forecast_s(missing), 3600 * (plan.hours or float("inf")))
        resumed = f" after the {done} already trained" if done else ""
        resumed += f", {left_running} of them from where they stopped" if left_running else ""
        early = f", stopped early at epoch {plan.recipe.rungs[0]}" if len(plan.recipe.rungs) > 1 else ""
        self.say(
            f"Train    {missing} networks{resumed}, {plan.slots.count} at a time on {plan.slots.device}, "
            f"up to {plan.recipe.epochs} epochs each{early}: about {format_seconds(self._forecast_s)}"
        )
        self.say(f"Study    {plan.name} (seed {plan.settings.seed})")

    def say(self, line: str) -> None:
        """Show one line that stays."""
        self._console.print(line, highlight=False, markup=False, soft_wrap=True)

    def started(self, trial: int, *, resumed: bool) -> None:
        """Note that a training began, or goes on after a crash."""
        with self._lock:
            self._running[trial] = _Running()
        if resumed:
            self.say(f"#{trial} goes on from its checkpoint")

    def epoch(self, trial: int, epoch: int, accuracy: float) -> None:
        """Note that a training finished an epoch."""
        with self._lock:
            self._running[trial].epoch = epoch
            self._running[trial].accuracy = accuracy

    def ended(self, trial: int, state: str, reason: str | None) -> None:
        """Note that a training ended, and say how."""
        with self._lock:
            running = self._running.pop(trial, _Running())
            self._counts[state] += 1
            accuracy = running.accuracy
            if state == "complete" and accuracy is not None:
                self._best = max(self._best or (0.0, trial), (accuracy, trial))
        told = {
            "complete": "trained",
            "pruned": f"stopped early at epoch {running.epoch}",
            "fail": "failed",
        }[state]
        result = f"{accuracy:.2%}" if accuracy is not None else ""
        self.say(f"#{trial:<3} {told:<26} {result:>7}  {self._left()}{'  ' + reason if reason else ''}")

    def __enter__(self) -> "Progress":
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

    def _left(self) -> str:
        """Return the progress and the time left in words."""
        done = self._counts["complete"] + self._counts["pruned"]
        wanted = max(self._wanted - self._done_before, 1)
        elapsed = self._clock() - self._began_s
        early = self._forecast_s is not None and done < wanted / 4  # too few to go by
        left = (self._forecast_s or 0.0) - elapsed if early else elapsed * (wanted - done) / max(done, 1)
        words = f"{self._done_before + done}/{self._wanted}"
        return words + (f", about {format_seconds(left)} left" if left > 0 and done < wanted else "")

    def _render(self) -> RenderableType:
        with self._lock:
            rows = [(n, r.epoch, r.accuracy, r.began_s) for n, r in sorted(self._running.items())]
            counts, best = dict(self._counts), self._best
        table = Table(box=None, padding=(0, 2, 0, 0))
        for heading in ("network", "epoch", "accuracy", "time", ""):
            table.add_column(heading, justify="left" if heading in {"network", ""} else "right", style="dim")
        for number, epoch, accuracy, began_s in rows:
            table.add_row(
                f"#{number}",
                f"{epoch}/{self._epochs}",
                f"{accuracy:.2%}" if accuracy is not None else "-",
                format_seconds(self._clock() - began_s),
                ProgressBar(total=self._epochs, completed=epoch, width=24),
            )
        words = f"{counts['complete']} trained, {counts['pruned']} stopped early, {counts['fail']} failed"
        leader = f"; best {best[0]:.2%} (#{best[1]})" if best else ""
        return Group(table, Text(f"{words}{leader}; {self._left()}", style="bold"))


def _ranges(plan: Plan) -> str:
    """Return the smallest and largest network in each budgeted resource, in words."""
    resources = dict.fromkeys(["macs", *(b.resource for b in plan.budgets if b.known)])
    told = []
    for resource in resources:
        low, high = plan.prices.extremes(resource)
        shown = _FULL_RESOURCES.get(resource, format_count)
        name = {"macs": "MACs"}.get(resource, resource)
        told.append(f"{shown(low)} to {shown(high)} {name}")
    return ", ".join(told)
