"""Runs the real command line in an empty folder."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.in_process import Ended, nas_in_process

# Two epochs of few images, the first of them a rung: the machinery of the default recipe in less time.
QUICK = (
    "epochs: 2\nrungs: [1, 2]\nepoch_images: 256\nbatch_size: 128\nrecalibration_batches: 1\n"
    "warmup_epochs: 0\n"
)
UNSTOPPED = QUICK.replace("[1, 2]", "[2]")  # all networks are trained to the end
LIMIT_S = 900  # a busy host takes several times as long


class Desk:
    """A folder in which a person types commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "quick.yaml").write_text(QUICK)
        self.environment = {**os.environ, "COLUMNS": "120", "RAY_USAGE_STATS_ENABLED": "0"}
        self.environment.pop("NAS_STORAGE", None)

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Start a command and return at once."""
        return subprocess.Popen(
            [sys.executable, "-m", "nas", *words],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def nas(self, *words: str) -> Ended:
        """Run a command to its end."""
        with self.start(*words) as process:
            try:
                out, err = process.communicate(timeout=LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise
        return Ended(process.returncode, out, err)

    def here(self, *words: str) -> Ended:
        """Run a command that trains nothing in this process."""
        return nas_in_process(self.folder, *words)

    def search(self, *words: str) -> Ended:
        """Search quickly on digits."""
        return self.nas("search", "--recipe", "quick.yaml", *words)

    def trials(self) -> list[dict[str, Any]]:
        """Return number, state, parameters and curve of every trial, as SQLite has them."""
        database = self.folder / "nas.db"
        if not database.exists():
            return []
        with sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=30) as connection:

            def pairs(columns: str, table: str, trial: int) -> dict[Any, Any]:
                query = f"select {columns} from {table} where trial_id = ?"
                return dict(connection.execute(query, (trial,)).fetchall())

            rows = connection.execute("select trial_id, number, state from trials order by number").fetchall()
            return [
                {
                    "number": number,
                    "state": state,
                    "curve": pairs("step, intermediate_value", "trial_intermediate_values", key),
                    "attributes": {
                        name: json.loads(value)
                        for name, value in pairs("key, value_json", "trial_user_attributes", key).items()
                    },
                }
                for key, number, state in rows
            ]

    def wait_until(
        self, true: Callable[[list[dict[str, Any]]], bool], process: subprocess.Popen[str]
    ) -> None:
        """Wait until the trials satisfy a condition while a command runs."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            try:
                if true(self.trials()):
                    return
            except sqlite3.OperationalError:
                pass  # the tables are being made
            assert process.poll() is None, f"the command ended early: {process.communicate()}"
            time.sleep(0.1)
        process.send_signal(signal.SIGKILL)
        raise AssertionError("waited too long")


def draw_images(folder: Path) -> None:
    """Write 80 images of two classes, dark and bright, into a folder of each."""
    rng = np.random.default_rng(0)
    for number in range(80):
        kind = number % 2
        (folder / f"class{kind}").mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 100, (32, 32, 3)) + 150 * kind
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"class{kind}" / f"{number}.png")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)
