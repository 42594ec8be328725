"""Reads many networks of a trained supernet into a file, and goes on there after a kill.

Half of the networks are drawn uniformly from those that fit; the others are neighbours of the best that were
read before, so that the values near the top rest on more of them.
"""

import hashlib
import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from search_spaces.budget import Budget
from search_spaces.pricing import Prices
from search_spaces.sampling import fitting_codes
from trials.images.splits import Splits
from trials.supernet.reading import read_networks
from trials.supernet.weights_file import TrainedSupernet
from trials.training.atomic_writing import write_atomically
from trials.training.file_names import READINGS, SUPERNET
from trials.training.seeding import stream_seed

VERSION: Final = 1

_ROUNDS: Final = 4  # of neighbours
_PARENTS: Final = 0.05  # share of the networks read so far whose neighbours are read
_LEAST_PARENTS: Final = 8
_CHANGES: Final = 2  # most choices in which a neighbour differs
_TRIES: Final = 20  # for each neighbour that is wanted
_SAVE_EVERY_S: Final = 10.0

Codes = NDArray[np.int64]
Report = Callable[[int, int], None]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Readings:
    """What a supernet says of networks.

    Attributes:
        codes: Networks as rows of codes, [n, k].
        values: Value of each on the validation images, in [0, 1], [n].
    """

    codes: Codes
    values: NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which networks are read, and what of them.

    Attributes:
        prices: Space with the costs of its networks.
        budgets: The most that the networks may take.
        least_macs: Least MACs of the networks; 0 for no limit.
        count: Number of networks, at least 1.
        metric: Metric of the validation images, one of `trials.training.evaluation.METRICS`.
        seed: Seed of the draws, at least 0.
    """

    prices: Prices
    budgets: Sequence[Budget]
    least_macs: int
    count: int
    metric: str
    seed: int


def read_into(
    folder: Path,
    trained: TrainedSupernet,
    wanted: Wanted,
    splits: Splits,
    *,
    device: torch.device,
    weights: Path | None = None,
    report: Report = lambda _done, _count: None,
    before_saving: Callable[[], None] = lambda: None,
    clock: Callable[[], float] = time.perf_counter,
) -> Readings:
    """Return the readings of networks, after writing those that the file in a folder lacks.

    A file of other weights, images, budgets or draws is replaced: all of it can be read again.

    Args:
        folder: Folder of the file.
        trained: The supernet.
        wanted: Which networks are read.
        splits: Images that it was trained on.
        device: Device that runs the networks.
        weights: Its file; by default the one in the folder.
        report: Receives the number of networks read so far, and of all.
        before_saving: Called before the file is written; raises if it may not be any more.
        clock: Returns seconds.
    """
    path, identity = folder / READINGS, _identity(wanted, splits, weights or folder / SUPERNET)
    known = _known(path, identity)
    codes: list[Codes] = []
    values: list[float] = []
    saved_s = clock()

    def save() -> None:
        before_saving()
        found = {f"{row.tolist()}": value for row, value in zip(np.concatenate(codes), values, strict=False)}
        write_atomically(path, json.dumps({"version": VERSION, "of": identity, "values": found}).encode())

    shared = trained.shared
    shared.to(device)
    count = 0
    for batch in _batches(wanted, codes, values):
        codes.append(batch)
        count += len(batch)
        missing = [row for row in batch if f"{row.tolist()}" not in known]
        read = read_networks(
            shared,
            map(wanted.prices.codes.at, missing),
            splits,
            trained.recipe.training,
            device=device,
        )
        for row in batch:
            key = f"{row.tolist()}"
            values.append(known[key] if key in known else float(next(read).scores.of(wanted.metric)[0]))
            if clock() - saved_s >= _SAVE_EVERY_S:
                save()
                saved_s = clock()
            report(len(values), max(wanted.count, count))
    save()
    return Readings(codes=np.concatenate(codes), values=np.array(values))


def load_readings(path: Path) -> Mapping[str, Any] | None:
    """Return what a file of readings holds; None if there is none that this version can read."""
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    is_ours = isinstance(record, dict) and record.get("version") == VERSION
    return record if is_ours and {"of", "values"} <= set(record) else None


def _identity(wanted: Wanted, splits: Splits, weights: Path) -> dict[str, Any]:
    return {
        "weights": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "images": splits.fingerprint,
        "budgets": [budget.text for budget in wanted.budgets],
        "least_macs": wanted.least_macs,
        "count": wanted.count,
        "metric": wanted.metric,
        "seed": wanted.seed,
    }


def _known(path: Path, identity: Mapping[str, Any]) -> dict[str, float]:
    record = load_readings(path)
    return dict(record["values"]) if record is not None and record["of"] == identity else {}


def _batches(wanted: Wanted, codes: Sequence[Codes], values: Sequence[float]) -> Iterator[Codes]:
    """Yield the networks to read: uniform ones, then neighbours of the best of those read by then."""
    first = _uniform(wanted, -(-wanted.count // 2))
    yield first
    for number in range(_ROUNDS):
        before = np.concatenate(codes)
        left = wanted.count - len(before)
        rng = np.random.default_rng(stream_seed(wanted.seed, "neighbours", number))
        found = _neighbours(rng, wanted, before, np.array(values), -(-left // (_ROUNDS - number)))
        if not len(found):
            return
        yield found


def _uniform(wanted: Wanted, count: int) -> Codes:
    rng = np.random.default_rng(stream_seed(wanted.seed, "readings"))
    prices = wanted.prices
    drawn = fitting_codes(prices, rng, 4 * count, wanted.budgets, distinct=True)
    inside = drawn[prices.of(drawn, "macs") >= wanted.least_macs]
    return (inside if len(inside) else drawn)[:count]


def _neighbours(
    rng: np.random.Generator, wanted: Wanted, codes: Codes, values: NDArray[np.float64], count: int
) -> Codes:
    """Return up to `count` networks that differ in few choices from the best of some."""
    prices, seen = wanted.prices, {row.tobytes() for row in codes}
    parents = codes[np.argsort(-values, kind="stable")[: max(_LEAST_PARENTS, int(_PARENTS * len(codes)))]]
    tries = _TRIES * max(count, 0)
    made = parents[rng.integers(len(parents), size=tries)].copy()
    for _ in range(_CHANGES):
        columns = rng.integers(made.shape[1], size=tries)
        made[np.arange(tries), columns] = rng.integers(0, prices.codes.radices[columns])
    made = prices.codes.canonical(made)
    known = [budget for budget in wanted.budgets if budget.counted]
    fits = (prices.excess(made, known) <= 0).all(axis=1) & (prices.of(made, "macs") >= wanted.least_macs)
    found = {row.tobytes(): row for row in made[fits]}
    fresh = [row for key, row in found.items() if key not in seen][:count]
    return np.stack(fresh) if fresh else made[:0]
