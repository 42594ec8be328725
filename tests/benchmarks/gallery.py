"""Searches for the gallery of the documentation: each run to its end, its winner retrained and exported.

    .venv/bin/python -m tests.benchmarks.gallery            # all, in this order; goes on where it stopped
    .venv/bin/python -m tests.benchmarks.gallery bytes      # one of them

The commands are those of a user, run one after the other in a folder of its own. What they print as JSON and
the card of the export are filed in `results/gallery.json`, of which `docs/site/gallery_pages.py` makes a page
for each search.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tests.benchmarks.cifar10 import IMAGES
from tests.benchmarks.filing import RESULTS, file_result
from trials.latency.host import processor
from trials.usable_cores import usable_cores

STATE = RESULTS / "gallery.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """A search of the gallery.

    Attributes:
        title: What somebody wants, as a question.
        search: Options of `nas search`.
        retrain: Options of `nas retrain`; None if the weights of the search are exported.
        export: Options of `nas export`, besides its folder.
    """

    title: str
    search: str
    retrain: str | None = ""
    export: str = ""


ENTRIES = {
    "digits": Entry(
        "Which network of 300M multiply-accumulates reads digits best?", "--budget 300M-MACs", retrain=None
    ),
    "bytes": Entry(
        "What fits a microcontroller with 64 KiB of memory and 128 KiB of flash?",
        "--budget 64KiB-peak@int8 --budget 128KiB-weights@int8",
        export="--int8",
    ),
    "small": Entry(
        "How far down can a network go: 500 thousand multiply-accumulates?", "--budget 500k-MACs --trials 24"
    ),
    "cifar10": Entry(
        "Photographs of 32 pixels, 5M multiply-accumulates, two cores and an hour?",
        f"--budget 5M-MACs --data {IMAGES} --recipe recipe.yaml --trials 24",
        retrain=None,
    ),
}


def main() -> None:
    """Run the searches and file what they show."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", default=[*ENTRIES], choices=[*ENTRIES, []], help="which of them")
    parser.add_argument("--folder", type=Path, default=Path("nas-gallery"), help="where the commands run")
    given = parser.parse_args()
    for name in given.names:
        filed = json.loads(STATE.read_text(encoding="utf-8")) if STATE.exists() else {}
        if name not in filed:
            found = run(name, ENTRIES[name], given.folder.absolute() / name)
            STATE.write_text(json.dumps({**filed, name: found}, indent=1) + "\n", encoding="utf-8")
    file_table(json.loads(STATE.read_text(encoding="utf-8")))


def run(name: str, entry: Entry, folder: Path) -> dict[str, Any]:
    """Run the commands of a search, and return what they show."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "recipe.yaml").write_text(
        (RESULTS.parent / "proxy_10000.yaml").read_text(encoding="utf-8"), encoding="utf-8"
    )
    lines = [
        f"nas search {entry.search}",
        *([] if entry.retrain is None else [f"nas retrain {entry.retrain}"]),
    ]
    lines.append(f"nas export --to {name}_net {entry.export}")
    seconds = []
    for line in lines:
        start = time.monotonic()
        _nas(line, folder)
        seconds.append(round(time.monotonic() - start))
    shown = json.loads(_nas("nas show --json", folder))
    for network in shown["networks"]:
        del network["curve"]
    written = folder / f"{name}_net"
    config = json.loads((written / "config.json").read_text(encoding="utf-8"))
    return {
        "title": entry.title,
        "commands": [line.strip().replace(str(IMAGES), "path/to/cifar10") for line in lines],
        "seconds": seconds,
        "show": {name: shown[name] for name in ("space", "budgets", "trained", "networks")},
        "classes": config["num_classes"],
        "channels": config["pretrained_cfg"]["input_size"][0],
        "card": (written / "README.md").read_text(encoding="utf-8"),
        "machine": f"{processor()}, {len(usable_cores())} cores",
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
    }


def _nas(line: str, folder: Path) -> str:
    command = [sys.executable, "-P", "-m", *shlex.split(line)]
    environment = {**os.environ, "RAY_USAGE_STATS_ENABLED": "0"}
    ended = subprocess.run(
        command, cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True
    )
    return ended.stdout


def file_table(filed: dict[str, Any]) -> None:
    """File a line for each search."""
    lines = [
        "| search | trained | minutes | winner | MACs | params |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for name, found in filed.items():
        best, minutes = found["show"]["networks"][0], sum(found["seconds"]) / 60
        costs = best["costs"]
        lines.append(
            f"| `{found['commands'][0]}` ({name}) | {found['show']['trained']} | {minutes:.0f} "
            f"| {best['accuracy']:.2%} | {costs['macs']:,} | {costs['params']:,} |"
        )
    file_result("gallery", command="python -m tests.benchmarks.gallery", seed=0, lines=lines)


if __name__ == "__main__":
    main()
