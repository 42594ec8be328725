"""Runs steps of the supernet benchmark as programs of their own: several at once, and until a deadline."""

import argparse
import dataclasses
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

from tests.benchmarks.macro_supernets import Supernet

MODULE: Final = "tests.benchmarks.supernet_macro"
Command = list[str]


def command_of(
    given: argparse.Namespace, name: str, supernet: Supernet, *more: str, cache: Path | None = None
) -> Command:
    """Return the program that runs a step on a supernet.

    Args:
        given: Arguments of the command that runs it.
        name: Name of the step, ``train`` or ``read``.
        supernet: The supernet.
        more: Further arguments.
        cache: Folder of decoded images; that of the command by default.
    """
    fields = dataclasses.asdict(supernet)
    options = [f"--{key.replace('_', '-')}={value}" for key, value in fields.items() if key != "shuffled"]
    options += ["--shuffled"] if supernet.shuffled else []
    paths = [
        f"--data={given.data}",
        f"--table={given.table}",
        f"--cache={cache or given.cache or given.folder}",
    ]
    return [sys.executable, "-m", MODULE, name, str(given.folder), *paths, *options, *more]


def readers_of(given: argparse.Namespace, supernet: Supernet, what: str, count: int) -> list[Command]:
    """Return programs that together read networks of a supernet."""
    return [
        command_of(given, "read", supernet, f"--what={what}", f"--part={part}", f"--of={count}")
        for part in range(count)
    ]


def rate_of(given: argparse.Namespace, precision: str) -> float:
    """Return the images through networks a second of as many trainings at once as there are schedules."""
    folder = given.folder / f"speed-{precision}"
    shutil.rmtree(folder, ignore_errors=True)
    tried = [
        Supernet(
            schedule=given.schedules[0],
            seed=seed,
            images=given.speed_images,
            precision=precision,
            **shape_of(given),
        )
        for seed in range(len(given.schedules))
    ]
    speed = argparse.Namespace(**{**vars(given), "folder": folder})
    run_until(
        [(command_of(speed, "train", s, cache=given.cache or given.folder), []) for s in tried],
        time.monotonic() + given.speed_seconds,
    )
    told = [folder / supernet.name / "training.json" for supernet in tried]
    rates: list[float] = [
        json.loads(path.read_text(encoding="utf-8"))["rate"] for path in told if path.exists()
    ]
    if not rates:
        raise SystemExit(
            f"No training in {precision} ended in {given.speed_seconds:g} s: see what it printed."
        )
    return sum(rates) / len(rates) * len(tried)


def run_until(
    chains: Sequence[tuple[Command, list[Command]]],
    deadline: float,
    meanwhile: Callable[[], None] = lambda: None,
) -> None:
    """Run programs at once, each followed by others at once, and stop what still runs at the deadline.

    Args:
        chains: A program, and those that follow it if it ends well.
        deadline: Time to stop, in seconds of `time.monotonic`.
        meanwhile: Called every 15 seconds.
    """
    waiting = {subprocess.Popen(first): then for first, then in chains}
    running: list[subprocess.Popen[bytes]] = []
    called = time.monotonic()
    while (waiting or any(one.poll() is None for one in running)) and time.monotonic() < deadline:
        for one in [one for one in waiting if one.poll() is not None]:
            then = waiting.pop(one)
            if one.returncode == 0:
                running += [subprocess.Popen(command) for command in then]
        if time.monotonic() - called > 15:
            meanwhile()
            called = time.monotonic()
        time.sleep(0.2)
    for one in [*waiting, *running]:
        one.terminate()
        one.wait()


def shape_of(given: argparse.Namespace) -> dict[str, Any]:
    """Return the sizes of supernets that are given once for all."""
    return {"side": given.side, "epoch_images": given.epoch_images}
