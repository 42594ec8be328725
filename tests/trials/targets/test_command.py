"""A real command that prints valid and invalid output, sleeps, hangs and dies."""

import os
import sys
import time
from pathlib import Path

import pytest
from torch import nn

from search_spaces.errors import TargetError
from trials.latency_measurement import MissingFigureError, measure, probe

SCRIPT = """
import json, os, pathlib, signal, subprocess, sys, time
mode, log, model = sys.argv[1:]
pathlib.Path(log).open("a").write(f"{os.getpid()}\\n")
runs = [10.0, 10.1, 10.2, 10.0, 10.1, 10.3, 12.0]
outputs = {
    "true": {"times_ms": runs, "device": "board 7", "runtime": "tflite", "version": "2.1", "threads": 4},
    "summary": {"median_ms": 5, "low_ms": 4.9, "high_ms": 5.1, "p90_ms": 5.2},
    "wide": {"median_ms": 5.0, "low_ms": 3.0, "high_ms": 9.0, "p90_ms": 9.0},
    "negative": {"times_ms": [-t for t in runs]},
    "nan": {"median_ms": float("nan"), "low_ms": 1.0, "high_ms": 2.0, "p90_ms": 2.0},
    "infinite": {"times_ms": [*runs, float("inf")]},
    "words": {"times_ms": ["ten"] * 9},
    "few": {"times_ms": [10.0]},
    "crossed": {"median_ms": 5.0, "low_ms": 6.0, "high_ms": 7.0, "p90_ms": 7.0},
    "empty": {},
}
outputs["bounded"] = {**outputs["summary"], "p90_low_ms": 5.1, "p90_high_ms": 5.6}
if mode == "sleep":
    time.sleep(0.3)
    mode = "true"
if mode == "hang":
    subprocess.run(["sleep", "600"])
if mode == "die":
    print("cannot open the board", file=sys.stderr)
    sys.exit(3)
if mode == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
if mode == "text":
    print("it was quite fast")
elif mode == "list":
    print([1, 2, 3])
elif mode != "silent":
    assert pathlib.Path(model).read_bytes()[:1] == b"\\x08"  # an ONNX file begins with its version
    print("connecting...")
    print(json.dumps(outputs[mode]))
"""
NETWORK = nn.Sequential(nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())


@pytest.fixture
def board(tmp_path):
    """Return a function that names a target whose command behaves in some way, and its log of starts."""
    (tmp_path / "time.py").write_text(SCRIPT)
    log = tmp_path / "log"

    def target(mode, **options):
        file = tmp_path / "targets.yaml"
        lines = "".join(f", {k}: {v}" for k, v in options.items())
        command = f"{sys.executable} {tmp_path}/time.py {mode} {log}"
        file.write_text(f"version: 1\ntargets:\n  board: {{kind: command, address: '{command}'{lines}}}\n")
        return {"target": "board", "targets_file": file, "lock": tmp_path / "lock"}

    return target, log


def timed(options):
    return measure(NETWORK, resolution=8, in_channels=1, **options)


@pytest.mark.parametrize("mode", ["true", "sleep"])
def test_the_runs_that_a_command_tells_become_a_latency(board, mode):
    latency = timed(board[0](mode))
    assert latency.median_ms == 10.1
    assert 9.8 < latency.low_ms < 10.1
    assert 12.0 < latency.high_ms < 12.5  # seven runs do not exclude that more are as slow as the last
    assert latency.p90_ms == 12.0
    assert latency.wall["median"].median_ms == 10.1
    assert latency.wall["p90"].median_ms == 12.0
    assert latency.meaning == "median of the runs of the command"
    assert latency.conditions["device"] == "board 7"
    assert latency.conditions["threads"] == 4
    assert latency.conditions["target"] == "board"
    assert latency.conditions["resolution"] == 8


def test_a_summary_is_taken_as_it_is(board):
    latency = timed(board[0]("summary"))
    assert (latency.median_ms, latency.low_ms, latency.high_ms, latency.p90_ms) == (5.0, 4.9, 5.1, 5.2)
    assert latency.stable
    assert list(latency.wall) == ["median"]
    assert board[1].read_text().count("\n") == 1


def test_a_summary_gives_p90_with_its_interval_or_says_what_is_missing(board):
    with pytest.raises(MissingFigureError, match=r"reports no p90 .* expected times_ms .* p90_high_ms"):
        timed({**board[0]("summary"), "figure": "p90"})
    latency = timed({**board[0]("bounded"), "figure": "p90"})
    assert latency.wall["p90"].high_ms == 5.6


def test_a_command_in_the_home_folder_is_found(board, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    script = tmp_path / "time.sh"
    script.write_text(f"#!/bin/sh\nexec {sys.executable} {tmp_path}/time.py true {board[1]} $1\n")
    script.chmod(0o755)
    options = {"target": "command:~/time.sh", "lock": tmp_path / "lock"}
    assert timed(options).median_ms == 10.1


def test_a_wide_interval_is_asked_for_again_and_then_unstable(board):
    latency = timed(board[0]("wide"))
    assert not latency.stable
    assert board[1].read_text().count("\n") == 3


def test_an_int8_file_can_be_asked_for(board):
    assert timed(board[0]("true", dtype="int8")).conditions["dtype"] == "int8"


@pytest.mark.parametrize(
    "mode",
    ["negative", "nan", "infinite", "words", "few", "crossed", "empty", "text", "list", "silent"],
)
def test_a_lie_is_an_error_that_quotes_it(board, mode):
    with pytest.raises(TargetError, match="expected") as caught:
        timed(board[0](mode))
    assert "\n" not in str(caught.value)


def test_a_command_that_dies_is_an_error_with_its_last_words(board):
    with pytest.raises(TargetError, match="ended with status 3: cannot open the board"):
        timed(board[0]("die"))


def test_a_command_that_is_killed_is_an_error(board):
    with pytest.raises(TargetError, match="ended with status -9"):
        timed(board[0]("killed"))


@pytest.mark.slow
def test_a_command_that_hangs_is_killed_with_all_that_it_started(board):
    with pytest.raises(TargetError, match=r"did not end within 1\.5 s and was killed"):
        timed(board[0]("hang", time_limit_s=1.5))
    group = int(board[1].read_text())
    deadline = time.monotonic() + 30
    while _alive(group) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not _alive(group)


def _alive(group):
    """Return whether any process of a group still runs, zombies aside."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            return True
    return False


def test_the_host_lock_is_taken_only_by_a_command_that_runs_here(board):
    from trials.device_lock import training

    options = board[0]("true")
    with training(options["lock"]):
        assert timed(options).conditions["waited_s"] == 0.0


def test_probing_asks_the_command(board):
    conditions = probe("board", targets_file=board[0]("true")["targets_file"])
    assert conditions["device"] == "board 7"
    assert conditions["version"] == "2.1"


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("command:/absent/program", "Cannot start the command"),
        ("command:echo 'x", "Cannot read the command"),
        ("command:echo 5", "expected one JSON object"),
        ("command:" + os.devnull, "Permission denied"),
    ],
)
def test_a_command_that_cannot_be_run_is_an_error(target, expected):
    with pytest.raises(TargetError, match=expected):
        timed({"target": target})


@pytest.mark.slow
def test_the_program_in_the_documentation_keeps_to_the_protocol(tmp_path):
    page = (Path(__file__).parents[3] / "docs" / "latency.md").read_text(encoding="utf-8")
    program = page.partition("```python\n")[2].partition("```")[0]
    (tmp_path / "run_on_phone.py").write_text(program)
    command = f"{sys.executable} {tmp_path}/run_on_phone.py"
    latency = measure(NETWORK, resolution=8, in_channels=1, target=f"command:{command}")
    assert latency.median_ms > 0
    assert latency.conditions["runtime"] == "onnxruntime"
