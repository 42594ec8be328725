"""Trains supernets over NAS-Bench-Macro on CIFAR-10 and judges how they rank its networks.

Run as ``python -m tests.benchmarks.supernet_macro COMMAND FOLDER``; each command goes on where it was killed:

* ``train`` trains one supernet;
* ``read`` reads networks of the table from it: the judged ones, those for choosing, or all;
* ``explore`` trains one supernet of each schedule at once and keeps which ranks best on the half of the
  networks that is for choosing, within some minutes;
* ``judge`` trains two seeds of that schedule and a control on shuffled labels at once, reads and compares,
  within some minutes;
* ``compare`` says what came of it so far;
* ``speed`` measures what a training and a reading take on this machine;
* ``file`` files the comparison, from the folder of results that ``judge`` wrote or of the runs themselves.
"""

import argparse
import dataclasses
import json
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch

from tests.benchmarks.macro_comparison import (
    cost_lines,
    explored_lines,
    known,
    lines_of,
    result_of,
    values_of,
)
from tests.benchmarks.macro_halves import judged_networks, networks_to_read
from tests.benchmarks.macro_runs import MODULE, command_of, rate_of, readers_of, run_until, shape_of
from tests.benchmarks.macro_supernets import SCHEDULES, Readings, Supernet, readings_of, trained, weights_of
from tests.benchmarks.macro_table import TABLE, MacroTable, read_table
from tests.benchmarks.rank_agreement import kendall
from trials.datasets import open_images
from trials.images.splits import Splits

DATA: Final = Path(__file__).parents[3] / "shared/data/cifar10"
MOST_IMAGES: Final = 3_400_000
"""Images through networks that a training may take: what two cores train on in four hours."""
CONTROL: Final = 0.4
"""Images of the control as a share of those of the others."""
FEWEST: Final = 20
"""Networks of each set without which nothing is compared."""
COMMANDS: Final = ("train", "read", "explore", "judge", "compare", "speed", "file")


def train(given: argparse.Namespace) -> None:
    """Train a supernet."""
    supernet = _supernet(given)
    shared = trained(supernet, _splits(given), given.folder, _device())
    halves = {name: tensor.half().cpu() for name, tensor in shared.state_dict().items()}
    torch.save(halves, given.folder / supernet.name / "weights.pt")


def read(given: argparse.Namespace) -> None:
    """Read networks of the table from a trained supernet, every `of`-th from the `part`-th on."""
    supernet = _supernet(given)
    shared = weights_of(supernet, given.folder, _device())
    names = networks_to_read(read_table(given.table), given.what)[given.part :: given.of]
    path = given.folder / supernet.name / f"readings-{given.part}-of-{given.of}.jsonl"
    Readings(path).read(shared, _splits(given), names, precision=supernet.precision, device=_device())


def explore(given: argparse.Namespace) -> None:
    """Train one supernet of each schedule at once, and keep the best one on the half for choosing."""
    deadline = time.monotonic() + 60 * given.minutes
    _splits(given)
    rates = {precision: rate_of(given, precision) for precision in ("fp32", "bf16")}
    precision = "fp32" if rates["fp32"] > 0.7 * rates["bf16"] else "bf16"
    left = deadline - time.monotonic()
    images = _rounded(0.55 * left * rates[precision] / len(given.schedules))
    tried = [
        Supernet(schedule=s, seed=0, images=images, precision=precision, **shape_of(given))
        for s in given.schedules
    ]
    run_until([(command_of(given, "train", s), readers_of(given, s, "choose", 2)) for s in tried], deadline)
    table = read_table(given.table)
    taus = {s.schedule: _taus(table, readings_of(given.folder, s)) for s in tried}
    best = max(taus, key=lambda name: sum(max(of.values()) for of in taus[name].values()))
    plan = {
        **shape_of(given),
        "rates": rates,
        "precision": precision,
        "explored images": images,
        "taus": taus,
        "schedule": best,
    }
    _keep(given, "plan.json", plan)
    print(json.dumps(plan, indent=1), flush=True)  # noqa: T201


def judge(given: argparse.Namespace) -> None:
    """Train two seeds and a control at once, read the judged networks and then all, and compare."""
    deadline = time.monotonic() + 60 * given.minutes
    plan = json.loads((given.folder / "plan.json").read_text(encoding="utf-8"))
    if len(given.schedules) == 1:
        plan["schedule"] = given.schedules[0]
    training_s = 0.5 * 60 * given.minutes
    affordable = training_s * plan["rates"][plan["precision"]] / (2 + CONTROL)
    plan.setdefault("images", min(MOST_IMAGES, _rounded(affordable)))
    _keep(given, "plan.json", plan)
    supernets = _judged(plan)
    whats = ("all", "both", "judge")
    chains = [
        (command_of(given, "train", s), readers_of(given, s, what, 3))
        for s, what in zip(supernets, whats, strict=True)
    ]
    run_until(chains, deadline, meanwhile=lambda: _copy(given, supernets))
    compare(given)


def compare(given: argparse.Namespace) -> dict[str, Any]:
    """Compare what was read so far; print it, keep it and return it."""
    plan = json.loads((given.folder / "plan.json").read_text(encoding="utf-8"))
    supernets = _judged(plan)
    *seeds, control = [readings_of(given.folder, supernet) for supernet in supernets]
    table = read_table(given.table)
    sets = [rows for half in judged_networks(table).values() for rows in half.values()]
    fewest = min(len(known(table, rows, seeds)) for rows in sets)
    if fewest < FEWEST:
        raise SystemExit(
            f"Both supernets have read {fewest} networks of a set: expected {FEWEST}. Run judge."
        )
    result = {"plan": plan, **result_of(table, seeds, control or None)}
    _copy(given, supernets)
    _keep(given, "result.json", result)
    print("\n".join(lines_of(result)), flush=True)  # noqa: T201
    return result


def speed(given: argparse.Namespace) -> None:
    """Measure what a training takes for an image and a reading for a network on this machine."""
    folder = given.folder / "speed"
    shutil.rmtree(folder, ignore_errors=True)
    tried = Supernet(schedule=given.schedule, seed=0, images=3 * 3 * 960, epoch_images=960)
    shared = trained(tried, _splits(given), folder, _device())
    names = networks_to_read(read_table(given.table), "choose")[:3]
    readings = Readings(folder / "readings.jsonl")
    readings.read(shared, _splits(given), names, precision=given.precision, device=_device())
    told = json.loads((folder / tried.name / "training.json").read_text(encoding="utf-8"))
    found = {
        "images a second": told["rate"],
        "seconds a reading": float(np.median([one["seconds"] for one in readings.known().values()])),
        "threads": torch.get_num_threads(),
    }
    _keep(given, "speed.json", found)
    print(json.dumps(found), flush=True)  # noqa: T201


def file(given: argparse.Namespace) -> None:
    """File the comparison as Markdown, and all readings as JSON."""
    from tests.benchmarks.filing import RESULTS, file_result  # imports more than the runs need

    result = compare(given)
    plan, supernets = result["plan"], _judged(result["plan"])
    names = sorted({name for supernet in supernets for name in readings_of(given.folder, supernet)})
    told: dict[str, Any] = {"networks": names, "supernets": {}}
    for supernet in supernets:
        readings = readings_of(given.folder, supernet)
        told["supernets"][supernet.name] = {
            kind: [round(readings[name][kind], 5) if name in readings else None for name in names]
            for kind in ("accuracy", "loss")
        }
    (RESULTS / "supernet_macro.json").write_text(json.dumps(told), encoding="utf-8")
    run = _known(given.folder / f"{supernets[0].name}.json")
    costs = cost_lines(run, plan["precision"], _known(given.folder / "speed.json") or None)
    file_result(
        "supernet_macro",
        command=f"python -m {MODULE} explore FOLDER; python -m {MODULE} judge FOLDER",
        seed="0 and 1",
        lines=[*lines_of(result), "", *explored_lines(plan), "", *costs],
    )


def _judged(plan: dict[str, Any]) -> list[Supernet]:
    """Return the two seeds and the control."""
    fields = {name: plan[name] for name in ("schedule", "images", "precision", "side", "epoch_images")}
    one = Supernet(seed=0, **fields)
    control = dataclasses.replace(one, images=_rounded(CONTROL * one.images), shuffled=True)
    return [one, dataclasses.replace(one, seed=1), control]


def _taus(table: MacroTable, readings: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    """Return tau with the table of each reading, overall and in the band, on the half for choosing."""
    truth, found = table.accuracy.mean(axis=1), {}
    for where, rows in judged_networks(table)["choose"].items():
        seen = known(table, rows, [readings])
        found[where] = {
            kind: kendall(values_of(table, seen, readings, kind), truth[seen])
            for kind in ("accuracy", "loss")
        }
    return found


def _splits(given: argparse.Namespace) -> Splits:
    return open_images(str(given.data), seed=0, cache=(given.cache or given.folder) / "images")


def _device() -> torch.device:
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _device_name() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else "the CPU"


def _supernet(given: argparse.Namespace) -> Supernet:
    return Supernet(**{field.name: getattr(given, field.name) for field in dataclasses.fields(Supernet)})


def _rounded(images: float) -> int:
    return max(10_000, int(images) // 10_000 * 10_000)


def _known(path: Path) -> dict[str, Any]:
    """Return the fields in a file of JSON, none where it is absent."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}


def _keep(given: argparse.Namespace, name: str, fields: dict[str, Any]) -> None:
    """Write fields into the folder and into the folder of results."""
    for folder in {given.folder, given.out or given.folder}:
        (folder / name).write_text(json.dumps(fields, indent=1), encoding="utf-8")


def _copy(given: argparse.Namespace, supernets: Sequence[Supernet]) -> None:
    """Copy what is known of supernets into the folder of results: readings, costs and weights."""
    for supernet in supernets if given.out is not None else ():
        own = given.folder / supernet.name
        training = _known(own / "training.json")
        fields = {
            "training": training,
            "device": _device_name(),
            "readings": readings_of(given.folder, supernet),
        }
        (given.out / f"{supernet.name}.json").write_text(json.dumps(fields), encoding="utf-8")
        if (own / "weights.pt").exists() and not (supernet.shuffled or supernet.seed):
            shutil.copy(own / "weights.pt", given.out / f"{supernet.name}.pt")


def _arguments(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog=MODULE, description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, default=DATA)
    parser.add_argument("--table", type=Path, default=TABLE)
    parser.add_argument("--cache", type=Path, help="folder of decoded images; FOLDER by default")
    parser.add_argument("--out", type=Path, help="folder that results are copied to")
    parser.add_argument("--speed-images", type=int, default=150_000)
    parser.add_argument("--speed-seconds", type=float, default=60)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--schedules", nargs="+", choices=SCHEDULES, default=list(SCHEDULES)[:4])
    parser.add_argument("--schedule", choices=SCHEDULES, default=next(iter(SCHEDULES)))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--images", type=int, default=MOST_IMAGES)
    parser.add_argument("--shuffled", action="store_true")
    parser.add_argument("--precision", choices=("fp32", "bf16"), default="fp32")
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--epoch-images", type=int, default=4_800)
    parser.add_argument("--what", choices=("choose", "judge", "both", "all"), default="both")
    parser.add_argument("--part", type=int, default=0)
    parser.add_argument("--of", type=int, default=1)
    return parser.parse_args(words)


def main(words: Sequence[str] | None = None) -> None:
    """Run a command."""
    given = _arguments(words)
    torch.backends.cudnn.benchmark = True
    for folder in filter(None, (given.folder, given.out)):
        folder.mkdir(parents=True, exist_ok=True)
    globals()[given.command](given)


if __name__ == "__main__":
    main()
