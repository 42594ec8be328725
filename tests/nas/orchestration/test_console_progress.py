"""The display tells the whole search, over all its starts, in a terminal and in a pipe."""

import io
from dataclasses import replace

import pytest
from rich.console import Console

from dashboards.result import Epoch
from nas.orchestration.console_progress import ConsoleProgress
from nas.resources import Capacity
from tests.dashboards.searches import network, search
from trials.training.epoch_progress import EpochProgress


class Clock:
    """A clock that is moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def displayed(*, terminal: bool = False, slots: int = 1) -> tuple[ConsoleProgress, io.StringIO, Clock]:
    text, clock = io.StringIO(), Clock()
    console = Console(file=text, width=120, force_terminal=terminal, highlight=False)
    return ConsoleProgress(Capacity(slots, clock), console=console, clock=clock), text, clock


def test_a_resumed_search_shows_the_totals_and_the_best_of_all_starts():
    progress, text, _ = displayed()
    earlier = [
        network(0, accuracy=0.98, seconds=60.0),
        network(1, accuracy=0.9, state="pruned", seconds=60.0),
        network(2, accuracy=0.95, seconds=60.0),
    ]
    progress.resume(search(*earlier))
    progress._wanted = 6
    progress.started(network(3, state="running", epochs=0), resumed=False)
    progress.epoch(3, Epoch(epoch=2, accuracy=0.5, standard_error=0.01, seconds=60.0))
    progress.ended(3, "complete", None)
    assert "4/6, about 2 min 00 s left" in text.getvalue()
    progress._console.print(progress._render())
    assert "3 trained, 1 stopped early, 0 failed; highest accuracy 98.00% (#0)" in text.getvalue()


def test_the_highest_value_is_of_what_is_deployed_and_not_that_of_the_last_epoch():
    progress, text, _ = displayed()
    for trial, in_fp32, value in ((0, 0.8, 0.7), (1, 0.75, 0.74)):
        progress.started(network(trial, state="running", epochs=0), resumed=False)
        progress.epoch(trial, Epoch(epoch=2, accuracy=in_fp32, standard_error=0.01, seconds=60.0))
        progress.ended(trial, "complete", f"{value:.2%} in int8, which counts", value)
    progress._console.print(progress._render())
    assert "highest accuracy 74.00% (#1)" in text.getvalue()


def test_a_pipe_gets_one_plain_line_for_each_training():
    progress, text, _ = displayed()
    with progress:
        progress.started(network(7, state="running", epochs=0, latency_ms={"cpu": 3.21}), resumed=False)
        progress.epoch(7, Epoch(epoch=1, accuracy=0.75, standard_error=0.0125, seconds=2.0))
        progress.ended(7, "pruned", "stopped early at epoch 1")
    (line,) = text.getvalue().splitlines()
    for cell in ("#7", "75.00% ± 1.25", "299M MACs", "3.21 ms"):
        assert cell in line
    assert "\x1b" not in line


def test_a_terminal_shows_what_runs_with_rung_accuracy_macs_and_latency():
    progress, text, _ = displayed(terminal=True)
    progress._epochs, progress._rungs = 6, (2, 6)
    progress.started(network(7, state="running", epochs=0, latency_ms={"cpu": 3.21}), resumed=False)
    progress.epoch(7, Epoch(epoch=2, accuracy=0.75, standard_error=0.0125, seconds=2.0))
    progress._console.print(progress._render())
    shown = text.getvalue()
    for cell in ("#7", "2/6", "1/2", "75.00% ± 1.25", "299M", "3.21 ms"):
        assert cell in shown


def test_the_time_left_counts_what_passes_between_trainings():
    progress, text, clock = displayed()
    progress._wanted = 8
    for i in range(4):
        clock.now_s += 20.0  # nothing trains meanwhile
        progress.started(network(i, state="running", epochs=0), resumed=False)
        clock.now_s += 10.0
        progress.epoch(i, Epoch(epoch=2, accuracy=0.5, standard_error=0.01, seconds=10.0))
        progress.ended(i, "complete", None)
    assert "4/8, about 1 min 40 s left" in text.getvalue()  # (10 + 3 * 20 / 4) * 4


@pytest.mark.parametrize(("seconds", "told"), [(30.0, "30 s left"), (90.0, "1 min 30 s left")])
def test_the_time_left_comes_from_the_networks_already_trained(seconds: float, told: str):
    progress, _, clock = displayed(slots=2)
    done = [replace(network(i), seconds=seconds) for i in range(3)]
    progress.resume(search(*done))
    progress._wanted = 5
    clock.now_s += 1000.0
    assert told in progress._left()


WITHIN = EpochProgress(epoch=1, epochs=6, share=0.34, images_per_s=118.4, left_s=460.0)


def test_a_long_epoch_shows_life_in_a_terminal():
    progress, text, _ = displayed(terminal=True)
    progress._epochs, progress._rungs = 6, (1, 6)
    progress.started(network(7, state="running", epochs=0), resumed=False)
    progress.progress(7, WITHIN)
    progress._console.print(progress._render())
    assert "34% at 118 images/s, about 7 min 40 s left of it" in text.getvalue()
    progress.epoch(7, Epoch(epoch=1, accuracy=0.75, standard_error=0.0125, seconds=700.0))
    text.truncate(0)
    progress._console.print(progress._render())
    assert "images/s" not in text.getvalue()


def test_a_long_epoch_shows_life_in_a_pipe_and_in_the_log_once_a_minute(caplog):
    progress, text, clock = displayed()
    progress.started(network(7, state="running", epochs=0), resumed=False)
    with caplog.at_level("INFO", "nas"):
        for share in (0.1, 0.2, 0.3):
            progress.progress(7, replace(WITHIN, share=share))
            clock.now_s += 40.0
    lines = [
        "#7 within epoch 1 of 6: 10% at 118 images/s, about 7 min 40 s left of it",
        "#7 within epoch 1 of 6: 30% at 118 images/s, about 7 min 40 s left of it",
    ]
    assert text.getvalue().splitlines() == lines
    assert caplog.messages == lines


def test_what_is_shown_and_every_epoch_is_logged_even_where_nothing_is_shown(caplog):
    progress = ConsoleProgress(Capacity(1), quiet=True)
    with caplog.at_level("INFO", "nas"):
        progress.say("Images   digits")
        progress.started(network(7, state="running", epochs=0), resumed=False)
        progress.epoch(7, Epoch(epoch=1, accuracy=0.75, standard_error=0.0125, seconds=2.0))
        progress.ended(7, "pruned", None)
    assert caplog.messages[0] == "Images   digits"
    assert caplog.messages[1].startswith("#7 epoch 1/1  75.00% ± 1.25")
    assert "stopped early at epoch 1" in caplog.messages[2]
